//! `lake.toml`, as it is at the moment.

use std::{path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use cleanzone_rules::Rules;
use cleanzone_storage::{Location, ObjectStore, Precondition, WriteOptions};
use tokio::{sync::Mutex, time::Instant};

use crate::Error;

/// For how long the rules are followed without a look at their entity tag: a burst of files costs one look, and a person
/// who changes them and then uploads a file sees the change.
const FRESH: Duration = Duration::from_secs(1);

/// The rules of a lake, read again whenever they have changed.
///
/// A version that is broken changes nothing: the last good one is followed, and [`Current::broken`] says what is wrong.
/// So that a process which begins at that moment knows the last good one, too, a copy of it lies in the clean bucket.
#[derive(Debug)]
pub struct Rulebook {
    place: Place,
    state: Mutex<State>,
}

/// What is in force.
#[derive(Clone, Debug, Default)]
pub struct Current {
    /// The rules to follow.
    pub rules: Arc<Rules>,
    /// What is wrong with the newest version, where these are not its rules.
    pub broken: Option<String>,
}

#[derive(Debug)]
enum Place {
    Nowhere,
    File(PathBuf),
    Object { store: Arc<dyn ObjectStore>, at: Location, copy: Option<Copy> },
}

/// Where the last good version is kept.
#[derive(Debug)]
struct Copy {
    at: Location,
    writes: bool,
}

#[derive(Debug, Default)]
struct State {
    looked: Option<Instant>,
    /// What tells the version that was looked at from others; `None` where there is no file.
    version: Option<String>,
    current: Option<Current>,
}

impl Rulebook {
    /// No rules but the conventions.
    pub fn conventions() -> Self {
        Self::of(Place::Nowhere)
    }

    /// Those at `config`: an S3 URI, or the path of a file. A good version of an object is copied to `copy`, or, where
    /// this process may not do so (`writes`), only read from there.
    ///
    /// # Errors
    /// [`Error::Config`] where an S3 URI names no object.
    pub fn new(
        config: &str,
        store: Arc<dyn ObjectStore>,
        clean_bucket: Option<&str>,
        writes: bool,
    ) -> Result<Self, Error> {
        let Some(rest) = config.strip_prefix("s3://") else { return Ok(Self::of(Place::File(config.into()))) };
        let at = match rest.split_once('/') {
            Some((bucket, key)) if !bucket.is_empty() && !key.is_empty() => Location::new(bucket, key),
            _ => {
                return Err(Error::Config(format!(
                    "LAKE_CONFIG is {config:?}: expected s3://<bucket>/<key>, or a path"
                )));
            }
        };
        let copy =
            clean_bucket.map(|bucket| Copy { at: Location::new(bucket, "_cleanzone/lake.last-good.toml"), writes });
        Ok(Self::of(Place::Object { store, at, copy }))
    }

    fn of(place: Place) -> Self {
        Self { place, state: Mutex::default() }
    }

    /// The rules that are in force now.
    ///
    /// # Errors
    /// [`Error::Storage`] where they cannot be looked at; [`Error::Rules`] where they are broken and no good version is
    /// known.
    pub async fn current(&self) -> Result<Current, Error> {
        // Objects that are dealt with side by side look once.
        let mut state = self.state.lock().await;
        if let (Some(current), Some(looked)) = (&state.current, state.looked)
            && looked.elapsed() < FRESH
        {
            return Ok(current.clone());
        }
        let version = self.place.version().await?;
        if let Some(current) = &state.current
            && version == state.version
        {
            let current = current.clone();
            state.looked = Some(Instant::now());
            return Ok(current);
        }
        let (file, version) = match version {
            Some(_) => self.place.read().await?.unzip(),
            None => (None, None),
        };
        let current = match file.as_ref().map_or_else(|| Ok(Rules::default()), Rules::parse) {
            Ok(rules) => {
                if let Some(file) = file {
                    self.place.keep(file).await;
                }
                Current { rules: Arc::new(rules), broken: None }
            }
            Err(source) => {
                let last = match state.current.take() {
                    Some(current) => Some(current.rules),
                    None => self.place.last_good(&file.unwrap_or_default()).await?.map(Arc::new),
                };
                let at = self.place.name();
                let Some(rules) = last else { return Err(Error::Rules { at, source }) };
                let broken = format!("{at}: {source}");
                tracing::error!(error = %broken, "lake.toml is broken; the last good version is followed");
                Current { rules, broken: Some(broken) }
            }
        };
        *state = State { looked: Some(Instant::now()), version, current: Some(current.clone()) };
        Ok(current)
    }
}

impl Place {
    fn name(&self) -> String {
        match self {
            Self::Nowhere => String::new(),
            Self::File(path) => path.display().to_string(),
            Self::Object { at, .. } => at.to_string(),
        }
    }

    /// What tells this version from others; `None` where there is no file.
    async fn version(&self) -> Result<Option<String>, Error> {
        match self {
            Self::Nowhere => Ok(None),
            Self::File(path) => match std::fs::metadata(path).and_then(|meta| Ok((meta.modified()?, meta.len()))) {
                Ok(version) => Ok(Some(format!("{version:?}"))),
                Err(source) => Err(Error::File { action: "read", path: path.clone(), source }),
            },
            Self::Object { store, at, .. } => Ok(store.head(at).await?.map(|meta| meta.etag)),
        }
    }

    /// The file, and what tells its version from others.
    async fn read(&self) -> Result<Option<(Bytes, String)>, Error> {
        match self {
            Self::Nowhere => Ok(None),
            Self::File(path) => {
                let version = self.version().await?.unwrap_or_default();
                let file =
                    std::fs::read(path).map_err(|source| Error::File { action: "read", path: path.clone(), source })?;
                Ok(Some((file.into(), version)))
            }
            Self::Object { store, at, .. } => Ok(store.get(at).await?.map(|(file, meta)| (file, meta.etag))),
        }
    }

    /// Keeps a good version for processes to come. That it cannot be kept matters only if the next one is broken, and
    /// then an error says so.
    async fn keep(&self, file: Bytes) {
        let Self::Object { store, copy: Some(Copy { at, writes: true }), .. } = self else { return };
        let kept = async {
            if store.get(at).await?.is_some_and(|(kept, _)| kept == file) {
                return Ok(());
            }
            let options = WriteOptions { content_type: Some("application/toml"), ..WriteOptions::default() };
            store.put(at, file, &Precondition::None, &options).await.map(|_| ())
        };
        if let Err(error) = kept.await {
            tracing::warn!(error = %cleanzone_error::chain(&error), "the good version of lake.toml could not be kept");
        }
    }

    /// The rules of the copy, if it is one of a version that was good.
    async fn last_good(&self, broken: &[u8]) -> Result<Option<Rules>, Error> {
        let Self::Object { store, copy: Some(Copy { at, .. }), .. } = self else { return Ok(None) };
        let kept = store.get(at).await?.map(|(kept, _)| kept);
        // Earlier programs replaced what is no UTF-8, followed the rest, and kept it: a copy of what is broken now.
        let replaced = |kept: &Bytes| String::from_utf8_lossy(broken).as_bytes() == *kept;
        Ok(kept.filter(|kept| !replaced(kept)).and_then(|kept| Rules::parse(&kept).ok()))
    }
}

#[cfg(test)]
mod tests {
    use cleanzone_storage::{Call, MemoryStore};

    use super::*;

    const GOOD: &str = "[[dataset]]\nmatch = \"**\"\nmode = \"append\"\n";
    const BROKEN: &str = "[[dataset]]\nmatch = \"**\"\nmoed = \"append\"\n";

    fn config() -> Location {
        Location::new("clean", "_cleanzone/lake.toml")
    }

    fn book(store: &MemoryStore) -> Rulebook {
        Rulebook::new(&config().to_string(), Arc::new(store.clone()), Some("clean"), true).unwrap()
    }

    async fn appends(book: &Rulebook) -> (bool, bool) {
        let current = book.current().await.unwrap();
        let dataset = current.rules.find("landing", "a/b/c.csv").dataset;
        (dataset.mode == Some(cleanzone_rules::Mode::Append), current.broken.is_some())
    }

    #[tokio::test(start_paused = true)]
    async fn rules_are_read_again_when_they_have_changed() {
        let store = MemoryStore::new(["clean"]);
        let book = book(&store);
        assert_eq!(appends(&book).await, (false, false));
        store.insert(&config(), GOOD);
        tokio::time::advance(FRESH).await;
        assert_eq!(appends(&book).await, (true, false));
        let read = store.calls(Call::Get);
        tokio::time::advance(FRESH).await;
        assert_eq!((appends(&book).await, store.calls(Call::Get)), ((true, false), read));
        store.delete(&[config()]).await.unwrap();
        tokio::time::advance(FRESH).await;
        assert_eq!(appends(&book).await, (false, false));
    }

    #[tokio::test(start_paused = true)]
    async fn a_broken_version_changes_nothing() {
        let store = MemoryStore::new(["clean"]);
        let old = book(&store);
        store.insert(&config(), GOOD);
        assert_eq!(appends(&old).await, (true, false));
        store.insert(&config(), BROKEN);
        tokio::time::advance(FRESH).await;
        assert_eq!(appends(&old).await, (true, true));
        // Nor for a process that begins now.
        let new = book(&store);
        assert_eq!(appends(&new).await, (true, true));
        let broken = new.current().await.unwrap().broken.unwrap();
        assert!(broken.contains("lake.toml") && broken.contains("mode"), "{broken}");
        store.insert(&config(), GOOD);
        tokio::time::advance(FRESH).await;
        assert_eq!(appends(&new).await, (true, false));
    }

    /// The good rules with a word in Latin-1.
    fn latin() -> Vec<u8> {
        [GOOD.as_bytes(), b"columns.\"Pr\xe9nom\".drop = true\n"].concat()
    }

    #[tokio::test(start_paused = true)]
    async fn a_version_in_another_encoding_is_broken_whoever_reads_it() {
        let store = MemoryStore::new(["clean"]);
        store.insert(&config(), GOOD);
        let old = book(&store);
        assert_eq!(appends(&old).await, (true, false));
        let other = [latin(), [b"\xff\xfe".as_slice(), b"[\0"].concat(), [GOOD.as_bytes(), b"# \0"].concat()];
        for file in other {
            store.insert(&config(), file);
            tokio::time::advance(FRESH).await;
            assert_eq!(appends(&old).await, (true, true));
            assert_eq!(appends(&book(&store)).await, (true, true));
            let kept = store.get(&Location::new("clean", "_cleanzone/lake.last-good.toml")).await.unwrap();
            assert_eq!(kept.unwrap().0, GOOD);
        }
        let folder = std::env::temp_dir().join(format!("cleanzone-rulebook-{}", std::process::id()));
        std::fs::write(&folder, latin()).unwrap();
        let local = Rulebook::new(&folder.to_string_lossy(), Arc::new(store), None, false).unwrap();
        let error = local.current().await.unwrap_err();
        std::fs::remove_file(&folder).unwrap();
        assert!(matches!(&error, Error::Rules { source, .. } if source.to_string().starts_with("4:12: ")), "{error:?}");
    }

    #[tokio::test]
    async fn a_copy_that_was_decoded_wrongly_is_no_good_version() {
        let store = MemoryStore::new(["clean"]);
        store.insert(&config(), latin());
        let copy = Location::new("clean", "_cleanzone/lake.last-good.toml");
        store.insert(&copy, String::from_utf8_lossy(&latin()).into_owned());
        assert!(matches!(book(&store).current().await, Err(Error::Rules { .. })));
        store.insert(&copy, latin());
        assert!(matches!(book(&store).current().await, Err(Error::Rules { .. })));
    }

    #[tokio::test]
    async fn without_a_good_version_a_broken_one_is_an_error() {
        let store = MemoryStore::new(["clean"]);
        store.insert(&config(), BROKEN);
        assert!(matches!(book(&store).current().await, Err(Error::Rules { .. })));
    }

    #[test]
    fn an_address_names_an_object() {
        let store = Arc::new(MemoryStore::new(["clean"]));
        for address in ["s3://", "s3://clean", "s3://clean/", "s3:///x"] {
            assert!(matches!(Rulebook::new(address, store.clone(), None, false), Err(Error::Config(_))), "{address}");
        }
    }
}
