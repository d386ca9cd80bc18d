//! The proof of who calls, and of what for.
//!
//! Lambda does not tell a function who invoked it. So the caller sends what only it can make: a [presigned URL] of STS
//! `GetCallerIdentity`, as `aws eks get-token` does. The function sends that URL on, and STS answers whose it is. One of
//! the signed headers is
//!
//! ```text
//! x-cleanzone-vault: <the function's name>;<SHA-256 of the request's text, as 64 lower-case hex digits>
//! ```
//!
//! so a URL made for another service or another function is worth nothing here, one made for here nothing elsewhere, and
//! one made for one request nothing for any other. Each is taken once: see [`audit`](crate::audit). Whoever gets hold of
//! a call that has not arrived yet can do no more than send it in the caller's place, and see the answer if it may
//! invoke the function; for that it has [`LONGEST`] seconds.
//!
//! [presigned URL]: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html

use std::{
    fmt::Write,
    time::{Duration, SystemTime},
};

use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use sha2::{Digest, Sha256};

use crate::error::Error;

/// The header that has to be signed.
pub(crate) const HEADER: &str = "x-cleanzone-vault";

/// Seconds that a proof may hold.
const LONGEST: u64 = 300;

/// What clocks may differ by.
const SKEW: Duration = Duration::from_mins(1);

const PARAMETERS: [&str; 9] = [
    "Action",
    "Version",
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-Security-Token",
    "X-Amz-Signature",
    "X-Amz-SignedHeaders",
];

/// What tells one proof from all others, without being worth anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    /// When it was made, as it says itself.
    pub(crate) made: SystemTime,
    /// 32 hex digits that follow from its signature.
    pub(crate) id: String,
}

/// The value of [`HEADER`] for this request to this function.
pub(crate) fn header(function: &str, request: &str) -> String {
    format!("{function};{}", hex(&Sha256::digest(request)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Where STS is: all that a proof may be a URL of.
#[derive(Clone, Debug)]
pub(crate) struct Endpoints(Vec<String>);

impl Endpoints {
    /// The endpoint configured, or else the region's and the global one.
    pub(crate) fn new(configured: Option<&str>, region: &str) -> Self {
        if let Some(endpoint) = configured {
            return Self(vec![endpoint.trim_end_matches('/').to_owned()]);
        }
        // https://docs.aws.amazon.com/general/latest/gr/sts.html; China is a partition of its own, without a global one.
        if region.starts_with("cn-") {
            return Self(vec![format!("https://sts.{region}.amazonaws.com.cn")]);
        }
        Self(vec![format!("https://sts.{region}.amazonaws.com"), "https://sts.amazonaws.com".to_owned()])
    }

    /// Refuses a URL that is not a proof, before it is sent anywhere. Whether it is a true one, STS knows.
    pub(crate) fn check(&self, url: &str, now: SystemTime) -> Result<Claim, Error> {
        if url.is_empty() {
            return Err(Error::Proof("there is none"));
        }
        let query = self
            .0
            .iter()
            .find_map(|endpoint| url.strip_prefix(endpoint.as_str())?.strip_prefix("/?"))
            .filter(|query| query.bytes().all(|b| b.is_ascii_graphic() && b != b'#'))
            .ok_or(Error::Proof("it is no URL of STS in this region"))?;
        let mut seen = Vec::new();
        for part in query.split('&') {
            let (name, value) = part.split_once('=').ok_or(Error::Proof("a parameter has no value"))?;
            if !PARAMETERS.contains(&name) || seen.iter().any(|(earlier, _)| *earlier == name) {
                return Err(Error::Proof("a parameter is foreign, or there twice"));
            }
            seen.push((name, value));
        }
        let get = |wanted| seen.iter().find(|(name, _)| *name == wanted).map(|(_, value)| *value);
        if get("Action") != Some("GetCallerIdentity") || get("Version") != Some("2011-06-15") {
            return Err(Error::Proof("it is not for GetCallerIdentity of the version 2011-06-15"));
        }
        if get("X-Amz-Algorithm") != Some("AWS4-HMAC-SHA256") || get("X-Amz-Credential").is_none() {
            return Err(Error::Proof("it is not signed with AWS4-HMAC-SHA256"));
        }
        // In one spelling only, as it tells whether the proof was used before.
        let signature = get("X-Amz-Signature")
            .filter(|text| text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
            .ok_or(Error::Proof("it is not signed"))?;
        let headers = get("X-Amz-SignedHeaders").unwrap_or_default().replace("%3B", ";").replace("%3b", ";");
        if !headers.split(';').any(|header| header == HEADER) {
            return Err(Error::Proof("the header x-cleanzone-vault is not signed"));
        }
        let seconds = get("X-Amz-Expires").and_then(|text| text.parse::<u64>().ok());
        let lasts = seconds.filter(|seconds| (1..=LONGEST).contains(seconds)).map(Duration::from_secs);
        let lasts = lasts.ok_or(Error::Proof("it has to expire within 5 minutes"))?;
        let made = get("X-Amz-Date").and_then(date).ok_or(Error::Proof("its date is none"))?;
        if now + SKEW < made || made + lasts + SKEW < now {
            return Err(Error::Proof("it has expired, or is not valid yet"));
        }
        Ok(Claim { made, id: hex(&Sha256::digest(signature)[..16]) })
    }
}

/// The time of `20261121T130000Z`.
fn date(text: &str) -> Option<SystemTime> {
    if text.len() != 16 || !text.is_ascii() {
        return None;
    }
    let (day, time) = (&text[..8], &text[8..]);
    let dashed = format!("{}-{}-{}{}:{}:{}", &day[..4], &day[4..6], &day[6..], &time[..3], &time[3..5], &time[5..]);
    DateTime::from_str(&dashed, DateTimeFormat::DateTime).ok()?.try_into().ok()
}

/// The ARN of the role whose session this is (without its path, which STS does not tell), or the ARN as it is.
pub(crate) fn principal(arn: &str) -> String {
    let role = || {
        let (head, session) = arn.split_once(":assumed-role/")?;
        let (role, _) = session.split_once('/')?;
        Some(format!("{}:role/{role}", head.replacen(":sts:", ":iam:", 1)))
    };
    role().unwrap_or_else(|| arn.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "https://sts.eu-central-1.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15\
        &X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIA%2F20261121&X-Amz-Date=20261121T130000Z\
        &X-Amz-Expires=60&X-Amz-SignedHeaders=host%3Bx-cleanzone-vault\
        &X-Amz-Signature=00ff000000000000000000000000000000000000000000000000000000000000";

    fn made() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_hours(498_685)
    }

    fn check(url: &str, seconds: u64) -> Result<Claim, Error> {
        Endpoints::new(None, "eu-central-1").check(url, made() + Duration::from_secs(seconds))
    }

    #[test]
    fn a_date_is_read() {
        assert_eq!(date("20261121T130000Z"), Some(made()));
        assert!(date("2026-11-21T13:00").is_none() && date("20261321T130000Z").is_none());
    }

    #[test]
    fn a_proof_holds_until_it_expires() {
        check(GOOD, 0).unwrap();
        check(&GOOD.replace("eu-central-1.", ""), 119).unwrap();
        assert!(check(GOOD, 121).is_err());
        let early = Endpoints::new(None, "eu-central-1").check(GOOD, made() - Duration::from_secs(61));
        assert!(early.is_err());
    }

    #[test]
    fn what_is_no_proof_is_sent_nowhere() {
        for (from, to) in [
            ("https://", "http://"),
            ("sts.eu-central-1.amazonaws.com", "example.com"),
            ("sts.eu-central-1.amazonaws.com", "sts.eu-central-1.amazonaws.com.example.com"),
            ("sts.eu-central-1.amazonaws.com", "sts.eu-central-1.amazonaws.com@example.com"),
            ("sts.eu-central-1.amazonaws.com", "sts.us-east-1.amazonaws.com"),
            ("/?", "/x?"),
            ("=GetCallerIdentity", "=GetSessionToken"),
            ("Version=2011", "Version=2012"),
            ("Version=", "Action=GetSessionToken&Version="),
            ("Version=", "RoleArn=x&Version="),
            ("HMAC-SHA256", "ECDSA-P256-SHA256"),
            ("%3Bx-cleanzone-vault", ""),
            ("%3Bx-cleanzone-vault", "%3Bx-k8s-aws-id"),
            ("Expires=60", "Expires=301"),
            ("Expires=60", "Expires=0"),
            ("&X-Amz-Expires=60", ""),
            ("&X-Amz-Signature=00ff", "&X-Amz-Signature=00FF"),
            ("&X-Amz-Signature=00ff", "&X-Amz-Signature=ff"),
            ("&X-Amz-Signature=", "&Signature="),
            ("=00ff", "=00f#"),
            ("=00ff", "=00f "),
        ] {
            let url = GOOD.replacen(from, to, 1);
            assert_ne!(url, GOOD);
            assert!(matches!(check(&url, 0), Err(Error::Proof(_))), "{url}");
        }
        assert!(check("", 0).is_err());
    }

    #[test]
    fn a_proof_is_known_again_however_it_is_written() {
        let shuffled = GOOD.replace("Action=GetCallerIdentity&", "") + "&Action=GetCallerIdentity";
        assert_eq!(check(GOOD, 0).unwrap(), check(&shuffled.replace("%3B", ";"), 3).unwrap());
        assert_ne!(check(GOOD, 0).unwrap(), check(&GOOD.replace("=00ff", "=01ff"), 0).unwrap());
        assert!(!check(GOOD, 0).unwrap().id.contains("00ff"));
    }

    #[test]
    fn the_header_names_function_and_request() {
        // Computed with Python's hashlib.
        let digest = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        assert_eq!(header("vault", "{}"), format!("vault;{digest}"));
        assert_ne!(header("vault", "{}"), header("vault", "{} "));
    }

    #[test]
    fn china_has_endpoints_of_its_own() {
        let china = Endpoints::new(None, "cn-north-1");
        let url = GOOD.replace("eu-central-1.amazonaws.com", "cn-north-1.amazonaws.com.cn");
        china.check(&url, made()).unwrap();
        assert!(china.check(GOOD, made()).is_err());
    }

    #[test]
    fn a_session_stands_for_its_role() {
        for (arn, expected) in [
            ("arn:aws:sts::123:assumed-role/fraud-desk/jane", "arn:aws:iam::123:role/fraud-desk"),
            ("arn:aws:iam::123:user/jane", "arn:aws:iam::123:user/jane"),
            ("arn:aws:sts::123:federated-user/jane", "arn:aws:sts::123:federated-user/jane"),
        ] {
            assert_eq!(principal(arn), expected);
        }
    }
}
