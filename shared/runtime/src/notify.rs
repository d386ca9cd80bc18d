//! Telling people of a file that cannot be processed, once it is certain that trying again is of no use.
//!
//! A failure to tell them is itself an error, and always a transient one, whatever its cause: the event must then be
//! handed back, because acknowledging it would lose it without anybody knowing. What the trigger cannot deliver in the
//! end goes to its failure destination.
//!
//! Notices are delivered at least once: an event that is handed back for another reason repeats them.
//!
//! Of a file that was processed, and that people should know more of, they are told in the same way; see
//! [`WarningNotice`].

use std::{
    collections::BTreeMap,
    error,
    fmt::{Debug, Write},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_sns::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    types::MessageAttributeValue,
};
use cleanzone_error::{ErrorName, Fault};
use cleanzone_events::Failure;

use crate::{
    settings::{self, Env},
    warning::WarningNotice,
};

/// Somebody who is told.
#[async_trait]
pub trait Notifier: Send + Sync + Debug {
    /// Tells of a failure.
    ///
    /// # Errors
    /// Where that does not succeed; then the event has to be handed back.
    async fn notify(&self, notice: &Notice) -> Result<(), Error>;

    /// Tells of warnings.
    ///
    /// # Errors
    /// Where that does not succeed; the file was processed all the same.
    async fn warn(&self, notice: &WarningNotice) -> Result<(), Error>;
}

/// What is told of a failure. No data values: [`Failure::message`] has none either.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What happened.
    pub failure: Failure,
    /// What it happened to.
    pub about: About,
}

/// What people are told something about, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// The bucket of the file; unknown where the event itself is not understood.
    pub bucket: Option<String>,
    /// The key of the file.
    pub key: Option<String>,
    /// The version of the file.
    pub version_id: Option<String>,
    /// The database it belongs to, where that is known.
    pub database: Option<String>,
    /// The table it belongs to, where that is known.
    pub table: Option<String>,
    /// Lambda's ID of the request, to find the log lines by.
    pub request_id: String,
}

/// What SNS allows: [ASCII, no line breaks, at most 100 characters][publish], a letter first.
///
/// [publish]: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
const SUBJECT: usize = 100;

/// Characters of a failure's message; SNS takes 256 KiB in all, a person much less.
const MESSAGE: usize = 4000;

impl Notice {
    /// One line: the error and the file.
    pub fn subject(&self) -> String {
        self.about.subject(self.failure.name.as_str())
    }

    /// What arrived, what happened, what to do.
    pub fn message(&self) -> String {
        let Failure { name, message } = &self.failure;
        let mut text = match self.about.key {
            Some(_) => "A file that arrived could not be processed.\n\n".to_owned(),
            None => "An event that arrived could not be processed.\n\n".to_owned(),
        };
        text += &self.about.lines(("Error", name.as_str()));
        let again = if name.is_transient() {
            "It was tried again and still failed."
        } else {
            "It will not be tried again by itself."
        };
        let message = shorten(message.chars(), MESSAGE, "…");
        let _ = write!(text, "\nWhat happened\n{message}\n{again}\n\nWhat to do\n{}\n", advice(*name));
        text
    }

    /// What a program reads, and a subscription can filter by: `error`, `kind` (`permanent` or `transient`), and
    /// where they are known `bucket`, `key`, `database`, `table`.
    pub fn attributes(&self) -> BTreeMap<&'static str, String> {
        let kind = if self.failure.is_transient() { "transient" } else { "permanent" };
        let always = [("error", self.failure.name.to_string()), ("kind", kind.to_owned())];
        always.into_iter().chain(self.about.attributes()).collect()
    }
}

impl About {
    /// One line: what there is to tell, and of which file.
    pub(crate) fn subject(&self, what: &str) -> String {
        let of = match (&self.database, &self.table, &self.key) {
            (Some(database), Some(table), Some(key)) => format!("{database}.{table}, {}", file_name(key)),
            (_, _, Some(key)) => file_name(key).to_owned(),
            _ => "an event".to_owned(),
        };
        let subject = format!("{what}: {of}");
        let ascii = subject.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' });
        shorten(ascii, SUBJECT, "...")
    }

    /// A line for each that is known, and between them what there is to tell.
    pub(crate) fn lines(&self, (what, name): (&str, &str)) -> String {
        let table = self.database.iter().chain(&self.table).map(String::as_str).collect::<Vec<_>>().join(".");
        let file = match (&self.bucket, &self.key) {
            (Some(bucket), Some(key)) => format!("s3://{bucket}/{}", key.escape_debug()),
            _ => String::new(),
        };
        let lines = [
            ("File", file.as_str()),
            ("Version", self.version_id.as_deref().unwrap_or_default()),
            ("Table", &table),
            (what, name),
            ("Request", &self.request_id),
        ];
        let mut text = String::new();
        for (label, value) in lines.into_iter().filter(|(_, value)| !value.is_empty()) {
            let _ = writeln!(text, "{:<9}{value}", format!("{label}:"));
        }
        text
    }

    /// `bucket`, `key`, `database`, `table`, where SNS takes them.
    pub(crate) fn attributes(&self) -> impl Iterator<Item = (&'static str, String)> {
        let known =
            [("bucket", &self.bucket), ("key", &self.key), ("database", &self.database), ("table", &self.table)];
        // SNS refuses empty values, and characters that XML lacks.
        let known = known.into_iter().filter_map(|(name, value)| Some((name, value.clone()?)));
        known.filter(|(_, value)| !value.is_empty() && !value.chars().any(char::is_control))
    }
}

fn file_name(key: &str) -> &str {
    key.rsplit('/').find(|part| !part.is_empty()).unwrap_or(key)
}

pub(crate) fn shorten(text: impl Iterator<Item = char>, most: usize, mark: &str) -> String {
    let mut text: String = text.take(most + 1).collect();
    if let Some((end, _)) = text.char_indices().nth(most) {
        let keep = most - mark.chars().count();
        text.truncate(text.char_indices().nth(keep).map_or(end, |(at, _)| at));
        text.push_str(mark);
    }
    text
}

/// What a person can do about an error.
fn advice(name: ErrorName) -> &'static str {
    match name {
        ErrorName::InvalidEvent => {
            "Look at what invokes the function: it should send S3 events, or a bucket and a key. Messages of another \
             kind on the same topic or queue can be filtered out there."
        }
        ErrorName::InvalidObjectKey => {
            "Upload the file under a key whose last two folders name the database and the table, such as \
             crm/sales/users/1.csv."
        }
        ErrorName::InvalidFileFormat => {
            "Upload the data as delimited text, or keep files of other kinds out of the folders that the function \
             watches."
        }
        ErrorName::MalformedCsv | ErrorName::InvalidEncoding | ErrorName::InvalidCompression => {
            "Ask the sender for an intact file and upload it under the same key. `cleanzone inspect` shows what is found \
             in it."
        }
        ErrorName::AmbiguousDialect => {
            "Say in lake.toml how the file is written (`format.delimiter`) and upload it again; the message names what fits."
        }
        ErrorName::LimitExceeded => "Split the file, or raise the limit if the file is as it should be.",
        ErrorName::TooManyRejectedRows => {
            "Correct the file and upload it under the same key; `cleanzone inspect` shows what is wrong with it. Or \
             allow more rejected rows by the stack's parameter MaxRejectedRatio, or keep such rows by BadRows=rescue."
        }
        ErrorName::SchemaConflict => {
            "Upload a file whose columns fit the table, or upload it as another table; lake.toml can rename, declare and \
             drop columns."
        }
        ErrorName::PiiNotTokenized => {
            "If it landed in the lake, remove it there and upload it to the bucket for personal data (output \
             PiiLandingBucketName of the stack cleanzone-vault), which sends it on with tokens. If it landed in that \
             bucket, declare in lake.toml what is personal in it. If nothing is, take `pii` off its columns."
        }
        ErrorName::SourceNotFound | ErrorName::SourceChanged => {
            "Nothing, if the file was removed or replaced on purpose: a newer version has an event of its own. \
             Otherwise upload it again."
        }
        ErrorName::SourceArchived => "Restore the file from its archived storage class, and upload or copy it again.",
        ErrorName::RecursiveOutput => "Configure different buckets or prefixes for what arrives and what is written.",
        ErrorName::DeadlineTooClose => {
            "Give the function more time or more memory (which is also more processor), or split the file; then upload \
             it again."
        }
        ErrorName::AccessDenied => {
            "Grant the function's role the permission that is named above; then upload the file again."
        }
        ErrorName::ResourceNotFound | ErrorName::InvalidSettings => {
            "Correct the function's settings, or create what they name; then upload the file again."
        }
        name if name.is_transient() => "Upload the file again, or redrive it from the failure queue.",
        _ => "This is a defect of cleanzone. Please report it with the log lines of the request.",
    }
}

/// Publishes to an SNS topic.
#[derive(Clone, Debug)]
pub struct SnsNotifier {
    client: Client,
    topic_arn: String,
}

impl SnsNotifier {
    /// Publishes to this topic.
    pub fn new(config: &SdkConfig, topic_arn: impl Into<String>) -> Self {
        Self { client: Client::new(config), topic_arn: topic_arn.into() }
    }
}

#[async_trait]
impl Notifier for SnsNotifier {
    async fn notify(&self, notice: &Notice) -> Result<(), Error> {
        self.publish(notice.subject(), notice.message(), notice.attributes()).await
    }

    async fn warn(&self, notice: &WarningNotice) -> Result<(), Error> {
        self.publish(notice.subject(), notice.message(), notice.attributes()).await
    }
}

impl SnsNotifier {
    async fn publish(
        &self,
        subject: String,
        message: String,
        attributes: BTreeMap<&'static str, String>,
    ) -> Result<(), Error> {
        let mut publish = self.client.publish().topic_arn(&self.topic_arn).subject(subject).message(message);
        for (name, value) in attributes {
            let attribute = MessageAttributeValue::builder().data_type("String").string_value(value).build();
            let attribute = attribute
                .map_err(|source| Error::Unavailable { topic: self.topic_arn.clone(), source: Box::new(source) })?;
            publish = publish.message_attributes(name, attribute);
        }
        match publish.send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(self.failed(error)),
        }
    }

    fn failed<E, R>(&self, error: SdkError<E, R>) -> Error
    where
        E: ProvideErrorMetadata + error::Error + Send + Sync + 'static,
        R: Debug + Send + Sync + 'static,
    {
        let topic = self.topic_arn.clone();
        let throttled = error.code().is_some_and(|code| code.starts_with("Throttl"));
        let source = Box::new(error);
        if throttled { Error::Throttled { topic, source } } else { Error::Unavailable { topic, source } }
    }
}

/// Keeps notices, for tests. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct MemoryNotifier {
    notices: Arc<Mutex<Vec<Notice>>>,
    warnings: Arc<Mutex<Vec<WarningNotice>>>,
    is_away: Arc<AtomicBool>,
}

impl MemoryNotifier {
    /// The failures that were told so far.
    pub fn notices(&self) -> Vec<Notice> {
        self.notices.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether from now on nobody can be told.
    pub fn go_away(&self, is_away: bool) {
        self.is_away.store(is_away, Ordering::Relaxed);
    }

    fn reach(&self) -> Result<(), Error> {
        let gone = Error::Unavailable { topic: "memory".to_owned(), source: "gone".into() };
        if self.is_away.load(Ordering::Relaxed) { Err(gone) } else { Ok(()) }
    }

    /// The warnings that were told so far.
    pub fn warnings(&self) -> Vec<WarningNotice> {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl Notifier for MemoryNotifier {
    async fn notify(&self, notice: &Notice) -> Result<(), Error> {
        self.reach()?;
        self.notices.lock().unwrap_or_else(PoisonError::into_inner).push(notice.clone());
        Ok(())
    }

    async fn warn(&self, notice: &WarningNotice) -> Result<(), Error> {
        self.reach()?;
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).push(notice.clone());
        Ok(())
    }
}

/// Tells nobody; the failure stands in the log and in the report.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoNotifier;

#[async_trait]
impl Notifier for NoNotifier {
    async fn notify(&self, _: &Notice) -> Result<(), Error> {
        Ok(())
    }

    async fn warn(&self, _: &WarningNotice) -> Result<(), Error> {
        Ok(())
    }
}

/// One that several share.
#[async_trait]
impl<N: Notifier + ?Sized> Notifier for Arc<N> {
    async fn notify(&self, notice: &Notice) -> Result<(), Error> {
        (**self).notify(notice).await
    }

    async fn warn(&self, notice: &WarningNotice) -> Result<(), Error> {
        (**self).warn(notice).await
    }
}

/// The topic that `FAILURE_TOPIC_ARN` names; nobody, where it is unset.
///
/// # Errors
/// Where it holds something else than an ARN of SNS.
pub fn from_env(env: &Env, config: &SdkConfig) -> Result<Box<dyn Notifier>, settings::Error> {
    const NAME: &str = "FAILURE_TOPIC_ARN";
    match env.optional(NAME)? {
        None => Ok(Box::new(NoNotifier)),
        Some(arn) if arn.starts_with("arn:") && arn.contains(":sns:") => Ok(Box::new(SnsNotifier::new(config, arn))),
        Some(found) => Err(settings::Error::Invalid { name: NAME, found, expected: "the ARN of an SNS topic" }),
    }
}

/// Why nobody could be told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// SNS asked for a slower pace.
    #[error("throttled while publishing to {topic}")]
    Throttled {
        /// The topic.
        topic: String,
        /// What SNS said.
        source: Box<dyn error::Error + Send + Sync>,
    },
    /// SNS failed, refused, or could not be reached.
    #[error("cannot publish to {topic}")]
    Unavailable {
        /// The topic.
        topic: String,
        /// What SNS said.
        source: Box<dyn error::Error + Send + Sync>,
    },
}

impl Fault for Error {
    /// Always transient, also where the cause is not: see the module.
    fn name(&self) -> ErrorName {
        match self {
            Self::Throttled { .. } => ErrorName::Throttled,
            Self::Unavailable { .. } => ErrorName::ServiceUnavailable,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
        task::JoinHandle,
    };

    use super::*;
    use crate::aws;

    const TOPIC: &str = "arn:aws:sns:eu-central-1:111122223333:failures";

    fn notice() -> Notice {
        Notice {
            failure: Failure { name: ErrorName::MalformedCsv, message: "line 7: a quote is never closed".to_owned() },
            about: About {
                bucket: Some("landing-zone".to_owned()),
                key: Some("crm/sales/users/2026 11+20.csv".to_owned()),
                version_id: Some("v1".to_owned()),
                database: Some("sales".to_owned()),
                table: Some("users".to_owned()),
                request_id: "r-1".to_owned(),
            },
        }
    }

    /// Answers one request after the other, and returns the bodies of the requests.
    async fn sns(answers: Vec<(u16, &'static str)>) -> (String, JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let served = tokio::spawn(async move {
            let mut bodies = Vec::new();
            for (status, answer) in answers {
                let (mut connection, _) = listener.accept().await.unwrap();
                let mut request = Vec::new();
                let body_at = loop {
                    let mut bytes = [0; 4096];
                    let n = connection.read(&mut bytes).await.unwrap();
                    request.extend_from_slice(&bytes[..n]);
                    let text = String::from_utf8_lossy(&request).into_owned();
                    let Some(head) = text.find("\r\n\r\n") else { continue };
                    let length = text[..head]
                        .lines()
                        .filter_map(|line| line.split_once(':'))
                        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
                        .map_or(0, |(_, value)| value.trim().parse().unwrap());
                    if request.len() >= head + 4 + length {
                        break head + 4;
                    }
                };
                bodies.push(String::from_utf8(request.split_off(body_at)).unwrap());
                let length = answer.len();
                let answer =
                    format!("HTTP/1.1 {status} x\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{answer}");
                connection.write_all(answer.as_bytes()).await.unwrap();
            }
            bodies
        });
        (endpoint, served)
    }

    fn notifier(endpoint: &str) -> SnsNotifier {
        let env = Env::of([
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_ENDPOINT_URL", endpoint),
        ]);
        let config = aws::config(&env).unwrap();
        let credentials = aws_sdk_sns::config::Credentials::new("test", "test", None, None, "test");
        let credentials = aws_sdk_sns::config::SharedCredentialsProvider::new(credentials);
        let quick = config.retry_config().unwrap().clone().with_initial_backoff(Duration::from_millis(1));
        let config = config.into_builder().credentials_provider(credentials).retry_config(quick).build();
        SnsNotifier::new(&config, TOPIC)
    }

    const PUBLISHED: &str =
        "<PublishResponse><PublishResult><MessageId>m</MessageId></PublishResult></PublishResponse>";

    fn refused(code: &str) -> String {
        format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>"
        )
    }

    #[tokio::test]
    async fn publishes_to_the_topic() {
        let (endpoint, served) = sns(vec![(200, PUBLISHED)]).await;
        notifier(&endpoint).notify(&notice()).await.unwrap();
        let body = &served.await.unwrap()[0];
        let form: BTreeMap<String, String> = body
            .split('&')
            .filter_map(|field| field.split_once('='))
            .map(|(name, value)| (unescape(name), unescape(value)))
            .collect();
        assert_eq!(form["Action"], "Publish");
        assert_eq!(form["TopicArn"], TOPIC);
        assert_eq!(form["Subject"], notice().subject());
        assert_eq!(form["Message"], notice().message());
        let attributes: BTreeMap<_, _> = (1..=6)
            .map(|i| {
                let entry = format!("MessageAttributes.entry.{i}");
                (form[&format!("{entry}.Name")].clone(), form[&format!("{entry}.Value.StringValue")].clone())
            })
            .collect();
        let expected = [
            ("bucket", "landing-zone"),
            ("database", "sales"),
            ("error", "MalformedCsv"),
            ("key", "crm/sales/users/2026 11+20.csv"),
            ("kind", "permanent"),
            ("table", "users"),
        ];
        assert_eq!(attributes, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    }

    fn unescape(text: &str) -> String {
        let mut bytes = Vec::new();
        let mut rest = text.bytes();
        while let Some(byte) = rest.next() {
            bytes.push(match byte {
                b'+' => b' ',
                b'%' => {
                    let digits = [rest.next().unwrap(), rest.next().unwrap()];
                    u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
                }
                other => other,
            });
        }
        String::from_utf8(bytes).unwrap()
    }

    #[tokio::test]
    async fn a_passing_fault_of_sns_is_tried_again() {
        let (endpoint, served) = sns(vec![(503, ""), (200, PUBLISHED)]).await;
        notifier(&endpoint).notify(&notice()).await.unwrap();
        assert_eq!(served.await.unwrap().len(), 2);
    }

    #[tokio::test]
    async fn not_being_able_to_tell_is_transient_whatever_the_cause() {
        let denied = refused("AuthorizationError").leak();
        let (endpoint, served) = sns(vec![(403, denied)]).await;
        let error = notifier(&endpoint).notify(&notice()).await.unwrap_err();
        assert_eq!(error.name(), ErrorName::ServiceUnavailable);
        assert!(error.is_transient());
        let text = cleanzone_error::chain(&error);
        assert!(text.contains(TOPIC) && text.contains("AuthorizationError"), "{text}");
        assert_eq!(served.await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn throttling_has_its_name() {
        let slow = refused("Throttling").leak();
        let (endpoint, served) = sns(vec![(400, slow); 5]).await;
        let error = notifier(&endpoint).notify(&notice()).await.unwrap_err();
        assert_eq!(error.name(), ErrorName::Throttled);
        assert_eq!(served.await.unwrap().len(), 5);
    }

    #[test]
    fn a_person_reads_what_arrived_what_happened_and_what_to_do() {
        let text = notice().message();
        let expected = "\
A file that arrived could not be processed.

File:    s3://landing-zone/crm/sales/users/2026 11+20.csv
Version: v1
Table:   sales.users
Error:   MalformedCsv
Request: r-1

What happened
line 7: a quote is never closed
It will not be tried again by itself.

What to do
Ask the sender for an intact file and upload it under the same key. `cleanzone inspect` shows what is found in it.
";
        assert_eq!(text, expected);
        assert_eq!(notice().subject(), "MalformedCsv: sales.users, 2026 11+20.csv");
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let failure = Failure { name: ErrorName::InvalidEvent, message: "no shape".to_owned() };
        let notice = Notice { failure, about: About::default() };
        assert_eq!(notice.subject(), "InvalidEvent: an event");
        assert!(!notice.message().contains("File:") && !notice.message().contains("Table:"));
        let names: Vec<_> = notice.attributes().into_keys().collect();
        assert_eq!(names, ["error", "kind"]);
    }

    #[test]
    fn every_error_has_its_advice() {
        for name in ErrorName::ALL {
            let advice = advice(*name);
            assert!(advice.ends_with('.'), "{name}");
            assert_eq!(advice.contains("defect"), ["Internal", "Io"].contains(&name.as_str()), "{name}: {advice}");
        }
    }

    #[test]
    fn the_topic_is_optional_but_not_arbitrary() {
        let credentials = [("AWS_REGION", "eu-central-1"), ("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b")];
        let config = aws::config(&Env::of(credentials)).unwrap();
        let found = |value| from_env(&Env::of([("FAILURE_TOPIC_ARN", value)]), &config);
        assert!(format!("{:?}", found("").unwrap()).contains("NoNotifier"));
        assert!(format!("{:?}", found(TOPIC).unwrap()).contains("SnsNotifier"));
        let error = found("failures").unwrap_err();
        assert_eq!(error.to_string(), "FAILURE_TOPIC_ARN is \"failures\": expected the ARN of an SNS topic");
    }

    proptest::proptest! {
        #[test]
        fn sns_takes_any_subject_and_attribute(key in ".{0,300}", message in ".{0,50}") {
            let mut notice = notice();
            notice.about.key = Some(key);
            notice.failure.message = message;
            for table in [Some("users".to_owned()), None] {
                notice.about.table = table;
                let subject = notice.subject();
                proptest::prop_assert!(subject.chars().count() <= SUBJECT);
                proptest::prop_assert!(subject.bytes().all(|b| (0x20..0x7f).contains(&b)));
                proptest::prop_assert!(subject.starts_with("MalformedCsv"));
            }
            for (_, value) in notice.attributes() {
                proptest::prop_assert!(!value.is_empty() && !value.chars().any(char::is_control));
            }
        }

        #[test]
        fn shortening_keeps_what_fits(text in ".{0,40}", most in 3_usize..30) {
            let short = shorten(text.chars(), most, "...");
            if text.chars().count() <= most {
                proptest::prop_assert_eq!(short, text);
            } else {
                proptest::prop_assert_eq!(short.chars().count(), most);
                proptest::prop_assert!(short.ends_with("..."));
            }
        }
    }
}
