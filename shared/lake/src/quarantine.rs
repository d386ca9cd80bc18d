//! What cannot be processed is kept: a copy of it lies beside what landed, with the reason.

use std::{collections::BTreeMap, sync::Arc};

use cleanzone_error::{ErrorName, Fault, chain};
use cleanzone_events::{Failure, ObjectCreated};
use cleanzone_storage::{Error, Location, ObjectStore, Pin, Precondition, WriteOptions};

/// The folder of the landing bucket that copies lie in. Under it they keep their keys.
const FOLDER: &str = "_quarantine/";

/// User metadata: the name of the error.
const ERROR: &str = "cleanzone-error";
/// User metadata: what happened, for people.
const REASON: &str = "cleanzone-reason";
/// User metadata: the version ID of the original, or where it has none, its entity tag.
const SOURCE: &str = "cleanzone-source";

/// Characters of a reason. S3 takes 2 KB of user metadata in all.
const MAX_REASON: usize = 512;
/// Times that a copy is tried while others write to its key.
const TRIES: u32 = 5;

/// Keeps copies of objects that cannot be processed, in the bucket that they landed in.
///
/// The original stays where it is. Each version of an object is copied once, however often its event comes.
#[derive(Clone, Debug)]
pub struct Quarantine {
    store: Arc<dyn ObjectStore>,
}

impl Quarantine {
    /// A quarantine in the buckets of this store.
    pub fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self { store }
    }

    /// Whether a key is that of a copy. Such objects are never processed: their copy would be their own trigger.
    pub fn holds(key: &str) -> bool {
        key.starts_with(FOLDER)
    }

    /// Copies an object that failed over what is in it, and adds to the message where the copy lies. Other failures
    /// come back as they are: there is nothing to copy, or nothing wrong with it.
    ///
    /// # Errors
    /// A transient failure to copy; the event has then to be handed back. A permanent one is told in the message, as
    /// the original has not gone.
    pub async fn keep(&self, source: &ObjectCreated, failure: Failure) -> Result<Failure, Failure> {
        if !is_over_content(failure.name) || Self::holds(&source.key) {
            return Ok(failure);
        }
        let message = match self.copy(source, &failure).await {
            Ok(copy) => format!("{}; a copy is kept as {copy}", failure.message),
            Err(error) if error.is_transient() => return Err(Failure::of(&error)),
            Err(error) => format!("{}; no copy could be kept: {}", failure.message, chain(&error)),
        };
        Ok(Failure { message, ..failure })
    }

    async fn copy(&self, source: &ObjectCreated, failure: &Failure) -> Result<Location, Error> {
        let from = Location::new(&source.bucket, &source.key);
        let to = Location::new(&source.bucket, format!("{FOLDER}{}", source.key));
        let mut pin = Pin { version: source.version_id.clone(), etag: source.etag.clone() };
        if pin.version.is_none() {
            let latest = self.store.head(&from).await?.ok_or_else(|| Error::NotFound(from.clone()))?;
            if pin.etag.as_ref().is_some_and(|etag| *etag != latest.etag) {
                return Err(Error::Changed(from));
            }
            pin = Pin { version: latest.version, etag: Some(latest.etag) };
        }
        let identity = pin.version.clone().or(pin.etag.clone()).unwrap_or_default();
        let metadata = BTreeMap::from([
            (ERROR.to_owned(), failure.name.to_string()),
            (REASON.to_owned(), header_value(&failure.message)),
            (SOURCE.to_owned(), identity.clone()),
        ]);
        let options = WriteOptions { content_type: None, metadata };
        let mut tries = 0;
        loop {
            tries += 1;
            let there = self.store.head(&to).await?;
            if there.as_ref().is_some_and(|copy| copy.metadata.get(SOURCE) == Some(&identity)) {
                return Ok(to);
            }
            let when = there.map_or(Precondition::Absent, |copy| Precondition::Matches(copy.etag));
            match self.store.copy(&from, &pin, &to, &when, &options).await {
                Ok(_) => return Ok(to),
                // Somebody was faster: the same event delivered twice, or another version.
                Err(Error::Precondition(_) | Error::Conflict(_)) if tries < TRIES => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// Whether the object is there, and is what is wrong.
fn is_over_content(name: ErrorName) -> bool {
    use ErrorName::{SourceArchived, SourceChanged, SourceNotFound};
    name.is_about_data() && !matches!(name, SourceArchived | SourceChanged | SourceNotFound)
}

/// As much of a text as a header of HTTP holds: printable ASCII, single spaces.
fn header_value(text: &str) -> String {
    let ascii: String = text.chars().map(|c| if c.is_ascii_graphic() || c.is_whitespace() { c } else { '?' }).collect();
    let words: Vec<_> = ascii.split_whitespace().collect();
    words.join(" ").chars().take(MAX_REASON).collect::<String>().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use cleanzone_storage::{Call, Fault as StoreFault, MemoryStore};

    use super::*;

    const COPY: &str = "_quarantine/db/t/a b.csv";

    fn created(version: Option<&str>) -> ObjectCreated {
        ObjectCreated {
            bucket: "landing".into(),
            key: "db/t/a b.csv".into(),
            version_id: version.map(str::to_owned),
            ..ObjectCreated::default()
        }
    }

    fn at(key: &str) -> Location {
        Location::new("landing", key)
    }

    fn failure(name: ErrorName) -> Failure {
        Failure { name, message: "what\nhappened: größe".into() }
    }

    fn world() -> (MemoryStore, Quarantine, String) {
        let store = MemoryStore::new(["landing"]).versioned();
        let version = store.insert(&at("db/t/a b.csv"), "\u{89}PNG").version.unwrap();
        (store.clone(), Quarantine::new(Arc::new(store)), version)
    }

    #[tokio::test]
    async fn a_copy_says_why_it_is_there() {
        let (store, quarantine, version) = world();
        let kept = quarantine.keep(&created(None), failure(ErrorName::InvalidFileFormat)).await.unwrap();
        assert!(kept.message.ends_with(&format!("; a copy is kept as s3://landing/{COPY}")), "{kept}");
        assert_eq!(store.content(&at(COPY)), store.content(&at("db/t/a b.csv")));
        let metadata = store.head(&at(COPY)).await.unwrap().unwrap().metadata;
        assert_eq!(metadata[ERROR], "InvalidFileFormat");
        assert_eq!(metadata[REASON], "what happened: gr??e");
        assert_eq!(metadata[SOURCE], version);
    }

    #[tokio::test]
    async fn a_version_is_copied_once_and_the_next_one_over_it() {
        let (store, quarantine, version) = world();
        let keep = async |version: Option<&str>| {
            quarantine.keep(&created(version), failure(ErrorName::MalformedCsv)).await.unwrap()
        };
        let first = keep(Some(&version)).await;
        assert_eq!(keep(None).await, first);
        assert_eq!(store.calls(Call::Copy), 1);
        let next = store.insert(&at("db/t/a b.csv"), "another").version.unwrap();
        keep(Some(&next)).await;
        assert_eq!((store.calls(Call::Copy), store.content(&at(COPY)).unwrap().as_ref()), (2, &b"another"[..]));
    }

    #[tokio::test]
    async fn of_two_at_once_one_copies() {
        let (store, quarantine, version) = world();
        let (twin, object) = (quarantine.clone(), created(Some(&version)));
        store.inject(
            Call::Copy,
            StoreFault::Meanwhile(Box::new(move |_| {
                let twin = twin.keep(&object, failure(ErrorName::MalformedCsv));
                assert!(futures_now(twin).is_ok());
            })),
        );
        quarantine.keep(&created(Some(&version)), failure(ErrorName::MalformedCsv)).await.unwrap();
        // The loser's copy met a broken condition, and looked again.
        assert_eq!(store.calls(Call::Copy), 2);
        assert_eq!(store.list("landing", "_quarantine/").await.unwrap().len(), 1);
    }

    /// The result of a future that never waits.
    fn futures_now<T>(future: impl Future<Output = T>) -> T {
        let mut future = std::pin::pin!(future);
        match future.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
            std::task::Poll::Ready(value) => value,
            std::task::Poll::Pending => panic!("it waits"),
        }
    }

    #[tokio::test]
    async fn only_what_is_wrong_with_the_content_is_copied() {
        let (store, quarantine, _) = world();
        for name in [ErrorName::Throttled, ErrorName::AccessDenied, ErrorName::SourceChanged, ErrorName::Internal] {
            assert_eq!(quarantine.keep(&created(None), failure(name)).await, Ok(failure(name)));
        }
        let copy = ObjectCreated { key: COPY.into(), ..created(None) };
        quarantine.keep(&copy, failure(ErrorName::MalformedCsv)).await.unwrap();
        assert_eq!(store.calls(Call::Copy), 0);
    }

    #[tokio::test]
    async fn what_cannot_be_copied_now_is_handed_back_and_what_never_can_is_told() {
        let (store, quarantine, version) = world();
        let keep = async || quarantine.keep(&created(Some(&version)), failure(ErrorName::MalformedCsv)).await;
        store.inject(Call::Copy, StoreFault::Before(Error::Throttled(at("x"), "slow down".into())));
        assert_eq!(keep().await.unwrap_err().name, ErrorName::Throttled);
        let denied = Error::AccessDenied { action: "s3:PutObject", at: at(COPY), source: "no".into() };
        store.inject(Call::Copy, StoreFault::Before(denied));
        let told = keep().await.unwrap();
        assert_eq!(told.name, ErrorName::MalformedCsv);
        assert!(told.message.contains("no copy could be kept: not allowed to s3:PutObject"), "{told}");
        assert!(keep().await.unwrap().message.contains("a copy is kept"));
    }

    #[test]
    fn a_reason_fits_into_a_header() {
        let value = header_value(&format!(" a\r\nb\t\u{1}é{}", "x".repeat(1000)));
        assert!(value.starts_with("a b ??xxx") && value.len() == MAX_REASON && value.is_ascii(), "{value}");
    }
}
