use std::{fmt::Debug, time::SystemTime};

use async_trait::async_trait;
use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_http_client::{
    Connector,
    tls::{Provider, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::{http::HttpConnector, orchestrator::HttpRequest};

use crate::{
    error::Error,
    proof::{self, Endpoints},
};

/// Finds out who calls.
#[async_trait]
pub(crate) trait Identity: Send + Sync + Debug {
    /// The ARN of the role or user that made this proof.
    async fn of(&self, proof: &str) -> Result<String, Error>;
}

/// Asks STS.
#[derive(Debug)]
pub(crate) struct Sts {
    endpoints: Endpoints,
    http: Connector,
    function: String,
}

impl Sts {
    /// At the endpoint configured, or else at those of the region; proofs have to be made for this function.
    pub(crate) fn new(endpoint: Option<&str>, region: &str, function: String) -> Self {
        let http = if endpoint.is_some_and(|url| url.starts_with("http://")) {
            Connector::builder().build_http()
        } else {
            Connector::builder().tls_provider(Provider::Rustls(CryptoMode::Ring)).build()
        };
        Self { endpoints: Endpoints::new(endpoint, region), http, function }
    }
}

#[async_trait]
impl Identity for Sts {
    async fn of(&self, proof: &str) -> Result<String, Error> {
        self.endpoints.check(proof, SystemTime::now())?;
        let mut request = HttpRequest::get(proof).map_err(|_| Error::Proof("it is no URL"))?;
        // The connector follows no redirects, so nobody but STS sees the proof.
        request.headers_mut().insert(proof::HEADER, self.function.clone());
        let answer = self.http.call(request).await.map_err(|error| Error::Sts(error.into()))?;
        let status = answer.status();
        if status.is_server_error() {
            return Err(Error::Sts(format!("it answered {}", status.as_u16()).into()));
        }
        if !status.is_success() {
            return Err(Error::Unconfirmed { status: status.as_u16() });
        }
        let body = ByteStream::new(answer.into_body()).collect().await.map_err(|error| Error::Sts(error.into()))?;
        let body = body.into_bytes();
        let arn = str::from_utf8(&body).ok().and_then(arn).ok_or_else(|| Error::Sts("its answer has no ARN".into()))?;
        Ok(proof::principal(arn))
    }
}

/// The ARN in an [answer] of `GetCallerIdentity`.
///
/// [answer]: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
fn arn(xml: &str) -> Option<&str> {
    let (_, rest) = xml.split_once("<Arn>")?;
    let (arn, _) = rest.split_once("</Arn>")?;
    arn.starts_with("arn:").then_some(arn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_of_sts_has_an_arn() {
        let xml = "<GetCallerIdentityResult><Arn>arn:aws:iam::1:role/r</Arn><Account>1</Account>";
        assert_eq!(arn(xml), Some("arn:aws:iam::1:role/r"));
        assert_eq!(arn("<Arn>x</Arn>"), None);
        assert_eq!(arn("<Error/>"), None);
    }
}
