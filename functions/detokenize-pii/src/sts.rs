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
    proof::{self, Claim, Endpoints},
};

/// Who calls, as STS confirmed it.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// The ARN, of a role's session with its name.
    pub(crate) arn: String,
    /// The ARN of the role or user.
    pub(crate) principal: String,
    pub(crate) claim: Claim,
}

/// Finds out who calls.
#[async_trait]
pub(crate) trait Identity: Send + Sync + Debug {
    /// Who made this proof for the request with this text.
    async fn of(&self, proof: &str, request: &str) -> Result<Caller, Error>;
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
    async fn of(&self, proof: &str, request: &str) -> Result<Caller, Error> {
        let claim = self.endpoints.check(proof, SystemTime::now())?;
        let mut asked = HttpRequest::get(proof).map_err(|_| Error::Proof("it is no URL"))?;
        // The connector follows no redirects, so nobody but STS sees the proof.
        asked.headers_mut().insert(proof::HEADER, proof::header(&self.function, request));
        let answer = self.http.call(asked).await.map_err(|error| Error::Sts(error.into()))?;
        let status = answer.status().as_u16();
        let body = ByteStream::new(answer.into_body()).collect().await.map_err(|error| Error::Sts(error.into()))?;
        let arn = confirmed(status, &body.into_bytes())?;
        Ok(Caller { principal: proof::principal(&arn), arn, claim })
    }
}

/// The ARN in an [answer] of `GetCallerIdentity`.
///
/// [answer]: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
fn confirmed(status: u16, body: &[u8]) -> Result<String, Error> {
    let text = str::from_utf8(body).unwrap_or_default();
    let between = |begin: &str, end: &str| text.split_once(begin)?.1.split_once(end).map(|(inner, _)| inner);
    match status {
        200 => match between("<Arn>", "</Arn>").filter(|arn| arn.starts_with("arn:")) {
            Some(arn) => Ok(arn.to_owned()),
            None => Err(Error::Sts("its answer has no ARN".into())),
        },
        // STS slows down with 400 and a code that says so.
        429 | 500.. => Err(Error::Sts(format!("it answered {status}").into())),
        _ if between("<Code>", "</Code>").is_some_and(|code| code.starts_with("Throttl")) => {
            Err(Error::Sts("it asked for a slower pace".into()))
        }
        _ => Err(Error::Unconfirmed { status }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_of_sts_has_an_arn() {
        let xml = b"<GetCallerIdentityResult><Arn>arn:aws:iam::1:role/r</Arn><Account>1</Account>";
        assert_eq!(confirmed(200, xml).unwrap(), "arn:aws:iam::1:role/r");
        for body in [&b"<Arn>x</Arn>"[..], b"<Error/>", b"", b"\xff"] {
            assert!(matches!(confirmed(200, body), Err(Error::Sts(_))));
        }
    }

    #[test]
    fn who_is_not_confirmed_is_told_from_who_could_not_be_asked_for() {
        let refused = b"<Error><Code>SignatureDoesNotMatch</Code></Error><Arn>arn:aws:iam::1:role/r</Arn>";
        assert!(matches!(confirmed(403, refused), Err(Error::Unconfirmed { status: 403 })));
        assert!(matches!(confirmed(302, b""), Err(Error::Unconfirmed { status: 302 })));
        assert!(matches!(confirmed(400, b"<Code>Throttling</Code>"), Err(Error::Sts(_))));
        assert!(matches!(confirmed(503, b""), Err(Error::Sts(_))));
    }
}
