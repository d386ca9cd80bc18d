//! Clients of AWS, or of the local lake where `AWS_ENDPOINT_URL` names one.
//!
//! A function has its region and credentials in its environment, so nothing else is searched for them: no profile
//! files, no instance metadata, no STS. That keeps start-up below a millisecond and these parts out of the binary.

use std::{fmt, thread, time::Duration};

use aws_config::{
    BehaviorVersion, Region, SdkConfig, environment::EnvironmentVariableCredentialsProvider, identity::IdentityCache,
    retry::RetryConfig, stalled_stream_protection::StalledStreamProtectionConfig, timeout::TimeoutConfig,
};
use aws_smithy_http_client::{
    Builder, Connector,
    tls::{Provider, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::{
    connector_metadata::ConnectorMetadata,
    http::{HttpClient, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector},
    runtime_components::RuntimeComponents,
};

use crate::settings::{Env, Error};

/// Attempts at a call, the first one included, with growing, jittered waits in between.
const ATTEMPTS: u32 = 5;

/// To a region's own endpoints a connection takes milliseconds; what takes longer is better tried anew.
const CONNECT: Duration = Duration::from_secs(3);

/// From sending a request (its body too) to the first byte of the answer. The slowest of ours is an upload of a part
/// of some MiB at the bandwidth of the smallest function.
const READ: Duration = Duration::from_secs(30);

/// What all clients of a function have in common, from `AWS_REGION`, `AWS_ACCESS_KEY_ID` and its siblings,
/// `AWS_USE_FIPS_ENDPOINT`, `AWS_USE_DUALSTACK_ENDPOINT` and `AWS_ENDPOINT_URL` (empty means unset).
///
/// # Errors
/// Where region or credentials are missing, or a variable holds something else.
pub fn config(env: &Env) -> Result<SdkConfig, Error> {
    let region = match env.optional("AWS_REGION")? {
        Some(region) => region,
        None => env.required("AWS_DEFAULT_REGION", "an AWS region, here or in AWS_REGION")?,
    };
    // Asked again by the provider for every client; missing here, they would be missed in the middle of the work.
    env.required("AWS_ACCESS_KEY_ID", "the credentials of the function's role")?;
    env.required("AWS_SECRET_ACCESS_KEY", "the credentials of the function's role")?;
    let endpoint = env.optional("AWS_ENDPOINT_URL")?;
    let tls = match endpoint.as_deref().map(|url| url.split_once("://")) {
        None | Some(Some(("https", _))) => true,
        Some(Some(("http", _))) => false,
        _ => {
            return Err(Error::Invalid {
                name: "AWS_ENDPOINT_URL",
                found: endpoint.unwrap_or_default(),
                expected: "a URL that begins with http:// or https://",
            });
        }
    };
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region))
        .credentials_provider(aws_sdk_sns::config::SharedCredentialsProvider::new(
            EnvironmentVariableCredentialsProvider::new(),
        ))
        .identity_cache(IdentityCache::lazy().build())
        .http_client(http_client(tls))
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .timeout_config(TimeoutConfig::builder().connect_timeout(CONNECT).read_timeout(READ).build())
        // A stream that moves no byte for 20 s ends with an error, which the reader can resume from. Time in which
        // nobody asks for bytes, as when the encoder is busy, does not count.
        .stalled_stream_protection(StalledStreamProtectionConfig::enabled().build());
    config.set_endpoint_url(endpoint);
    config.set_use_fips(env.parsed("AWS_USE_FIPS_ENDPOINT", BOOLEAN)?);
    config.set_use_dual_stack(env.parsed("AWS_USE_DUALSTACK_ENDPOINT", BOOLEAN)?);
    Ok(config.build())
}

const BOOLEAN: &str = "true or false";

/// A client of S3. At an endpoint of one's own buckets are addressed in the path: `bucket.127.0.0.1` is no host.
#[cfg(feature = "s3")]
pub fn s3(config: &SdkConfig) -> aws_sdk_s3::Client {
    let own_endpoint = config.endpoint_url().is_some();
    aws_sdk_s3::Client::from_conf(aws_sdk_s3::config::Builder::from(config).force_path_style(own_endpoint).build())
}

/// One pool of connections for all clients.
fn http_client(tls: bool) -> SharedHttpClient {
    if !tls {
        return SharedHttpClient::new(OnDemand(Builder::new().build_http()));
    }
    let provider = || Provider::Rustls(CryptoMode::Ring);
    // Reading the root certificates takes 2 ms, and 15 ms from a cold disk. Begun now and beside, they are there when
    // the first request needs them: a connector that is thrown away leaves them in the library's cache.
    let warm = thread::Builder::new().name("root certificates".to_owned());
    let warmed = warm.spawn(move || drop(Connector::builder().tls_provider(provider()).build()));
    if let Err(error) = warmed {
        tracing::debug!(%error, "root certificates are read with the first request");
    }
    SharedHttpClient::new(OnDemand(Builder::new().tls_provider(provider()).build_https()))
}

/// Makes the connector with the first request. By itself the inner client makes one for every service client at
/// start-up, and throws it away.
struct OnDemand(SharedHttpClient);

impl HttpClient for OnDemand {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        self.0.http_connector(settings, components)
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.0.connector_metadata()
    }
}

impl fmt::Debug for OnDemand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: (&str, &str) = ("AWS_ACCESS_KEY_ID", "test");
    const SECRET: (&str, &str) = ("AWS_SECRET_ACCESS_KEY", "test");
    const REGION: (&str, &str) = ("AWS_REGION", "eu-central-1");

    #[test]
    fn an_empty_endpoint_is_none() {
        let config = config(&Env::of([REGION, KEY, SECRET, ("AWS_ENDPOINT_URL", "")])).unwrap();
        assert_eq!(config.endpoint_url(), None);
        assert_eq!(config.region().unwrap().as_ref(), "eu-central-1");
        assert_eq!(config.retry_config().unwrap().max_attempts(), ATTEMPTS);
    }

    #[test]
    fn an_endpoint_is_a_url() {
        for url in ["http://127.0.0.1:4566", "https://vpce.example.com"] {
            let config = config(&Env::of([REGION, KEY, SECRET, ("AWS_ENDPOINT_URL", url)])).unwrap();
            assert_eq!(config.endpoint_url(), Some(url));
        }
        for url in ["127.0.0.1:4566", "ftp://host"] {
            let error = config(&Env::of([REGION, KEY, SECRET, ("AWS_ENDPOINT_URL", url)])).unwrap_err();
            assert!(error.to_string().starts_with("AWS_ENDPOINT_URL is"), "{error}");
        }
    }

    #[test]
    fn what_is_missing_is_missed_at_once() {
        for (env, missing) in [
            (Env::of([KEY, SECRET]), "AWS_DEFAULT_REGION"),
            (Env::of([REGION, SECRET]), "AWS_ACCESS_KEY_ID"),
            (Env::of([REGION, KEY]), "AWS_SECRET_ACCESS_KEY"),
        ] {
            let error = config(&env).unwrap_err();
            assert!(matches!(error, Error::Missing { name, .. } if name == missing), "{error}");
        }
        assert!(config(&Env::of([("AWS_DEFAULT_REGION", "eu-central-1"), KEY, SECRET])).is_ok());
    }

    #[cfg(feature = "s3")]
    #[tokio::test]
    async fn buckets_are_in_the_path_at_an_endpoint_of_ones_own_only() {
        use aws_sdk_s3::presigning::PresigningConfig;

        for (endpoint, begins) in [
            ("http://127.0.0.1:4566", "http://127.0.0.1:4566/landing/a%20b.csv?"),
            ("", "https://landing.s3.eu-central-1.amazonaws.com/a%20b.csv?"),
        ] {
            let config = config(&Env::of([REGION, KEY, SECRET, ("AWS_ENDPOINT_URL", endpoint)])).unwrap();
            let credentials = aws_sdk_sns::config::Credentials::new("test", "test", None, None, "test");
            let credentials = aws_sdk_sns::config::SharedCredentialsProvider::new(credentials);
            let client = s3(&config.into_builder().credentials_provider(credentials).build());
            let get = client.get_object().bucket("landing").key("a b.csv");
            let signed = get.presigned(PresigningConfig::expires_in(READ).unwrap()).await.unwrap();
            assert!(signed.uri().starts_with(begins), "{}", signed.uri());
        }
    }
}
