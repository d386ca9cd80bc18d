use async_trait::async_trait;
use aws_sdk_kms::{Client, error::ProvideErrorMetadata, primitives::Blob, types::DataKeySpec};
use cleanzone_error::ErrorName;

use crate::{
    Error, Result,
    calls::Call,
    secret::KeyBytes,
    table::{Generated, KeyService},
};

/// What a wrapped key is bound to: the item that it belongs into.
const CONTEXT: &str = "cleanzone:vault-item";

/// A symmetric key of AWS KMS.
#[derive(Clone, Debug)]
pub(crate) struct KmsKey {
    client: Client,
    key: String,
}

impl KmsKey {
    pub(crate) fn new(client: Client, key: String) -> Self {
        Self { client, key }
    }

    fn call(&self, action: &'static str) -> Call<'_> {
        Call { action, resource: &self.key }
    }
}

#[async_trait]
impl KeyService for KmsKey {
    async fn generate(&self, purpose: &str) -> Result<Generated> {
        let call = self.call("kms:GenerateDataKey");
        let made = self
            .client
            .generate_data_key()
            .key_id(&self.key)
            .key_spec(DataKeySpec::Aes256)
            .encryption_context(CONTEXT, purpose)
            .send()
            .await
            .map_err(|error| call.error(error))?;
        let key = made.plaintext.map(Blob::into_inner).and_then(KeyBytes::take);
        match (key, made.ciphertext_blob) {
            (Some(key), Some(wrapped)) => Ok(Generated { key, wrapped: wrapped.into_inner() }),
            _ => Err(call.failed(ErrorName::ServiceUnavailable, "", "an answer without a key of 32 bytes")),
        }
    }

    async fn unwrap(&self, purpose: &str, wrapped: &[u8]) -> Result<KeyBytes> {
        let call = self.call("kms:Decrypt");
        let answer = self
            .client
            .decrypt()
            .key_id(&self.key)
            .ciphertext_blob(Blob::new(wrapped))
            .encryption_context(CONTEXT, purpose)
            .send()
            .await;
        match answer {
            Ok(answer) => {
                answer.plaintext.map(Blob::into_inner).and_then(KeyBytes::take).ok_or_else(|| {
                    call.failed(ErrorName::ServiceUnavailable, "", "an answer without a key of 32 bytes")
                })
            }
            Err(error) if error.code() == Some("InvalidCiphertextException") => {
                Err(Error::Tampered { item: purpose.to_owned() })
            }
            Err(error) if error.code() == Some("IncorrectKeyException") => Err(call.failed(
                ErrorName::InvalidSettings,
                "; the vault's keys are wrapped by another key",
                "IncorrectKeyException",
            )),
            Err(error) => Err(call.error(error)),
        }
    }
}
