//! Objects in a local folder.

use std::{
    collections::BTreeMap,
    fs::{self, File, Metadata, OpenOptions},
    io::{self, ErrorKind, Read, Write},
    os::unix::fs::MetadataExt,
    path::{Component, Path, PathBuf},
    process,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::UNIX_EPOCH,
};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::task::spawn_blocking;

use self::{read::LocalReader, upload::LocalUpload};
use crate::{Error, Location, ObjectMeta, ObjectReader, ObjectStore, Pin, Precondition, Result, Upload, WriteOptions};

mod read;
mod upload;

/// What a bucket holds beside its objects: files being written, and user metadata.
const HIDDEN: &str = ".cleanzone";
/// Bytes of one read and, at least, of one write.
const CHUNK: usize = 512 * 1024;

/// A folder whose subfolders are buckets and whose files are objects.
///
/// An object is written to a file under `BUCKET/.cleanzone` and renamed: it survives the end of the process at any
/// moment, not that of the machine. Writers in any process that use this type exclude each other by a lock on the
/// bucket's folder; other programs are not held off. User metadata lies under `BUCKET/.cleanzone` too; what is empty
/// of it is removed. The entity tag is made of inode, modification time and size, so an object that another program
/// edits in place changes it.
///
/// A bucket is a folder that exists. Keys that name no file (an empty part, `.`, `..`, a trailing slash) and keys
/// under `.cleanzone` are [`Error::Io`]; so is a key that runs through another object, as in `a` and `a/b`. There are
/// no versions: a [`Pin`] to one finds nothing.
#[derive(Clone, Debug)]
pub struct LocalStore {
    root: Arc<Path>,
}

impl LocalStore {
    /// The buckets in `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into().into() }
    }

    async fn run<T: Send + 'static>(
        &self,
        at: &Location,
        act: impl FnOnce(&Object) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let object = Object::new(&self.root, at)?;
        blocking(at, move || act(&object)).await
    }
}

async fn blocking<T: Send + 'static>(at: &Location, act: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    spawn_blocking(act).await.map_err(|e| Error::Io(at.clone(), io::Error::other(e)))?
}

#[async_trait]
impl ObjectStore for LocalStore {
    async fn head(&self, at: &Location) -> Result<Option<ObjectMeta>> {
        self.run(at, |object| match object.find() {
            Err(Error::NotFound(_) | Error::NoBucket(_)) => Ok(None),
            found => found.map(|(_, meta)| Some(meta)),
        })
        .await
    }

    async fn open(&self, at: &Location, pin: &Pin) -> Result<Box<dyn ObjectReader>> {
        let pin = pin.clone();
        self.run(at, move |object| {
            let (file, meta) = object.find_pinned(&pin)?;
            let at = object.at.clone();
            Ok(Box::new(LocalReader::new(at, file, meta)) as Box<dyn ObjectReader>)
        })
        .await
    }

    async fn get(&self, at: &Location) -> Result<Option<(Bytes, ObjectMeta)>> {
        self.run(at, |object| {
            let (mut file, meta) = match object.find() {
                Err(Error::NotFound(_)) => return Ok(None),
                found => found?,
            };
            let mut body = Vec::new();
            file.read_to_end(&mut body).map_err(|e| object.io(e))?;
            unchanged(&object.at, &file, &meta)?;
            Ok(Some((body.into(), meta)))
        })
        .await
    }

    async fn put(&self, at: &Location, body: Bytes, when: &Precondition, options: &WriteOptions) -> Result<String> {
        let (when, metadata) = (when.clone(), options.metadata.clone());
        self.run(at, move |object| {
            let mut temporary = object.temporary()?;
            temporary.file.write_all(&body).map_err(|e| object.io(e))?;
            object.publish(&mut temporary, &when, &metadata)
        })
        .await
    }

    async fn copy(
        &self,
        from: &Location,
        pin: &Pin,
        to: &Location,
        when: &Precondition,
        options: &WriteOptions,
    ) -> Result<String> {
        let source = Object::new(&self.root, from)?;
        let (pin, when, metadata) = (pin.clone(), when.clone(), options.metadata.clone());
        self.run(to, move |object| {
            let (mut file, meta) = source.find_pinned(&pin)?;
            let mut temporary = object.temporary()?;
            io::copy(&mut file, &mut temporary.file).map_err(|e| object.io(e))?;
            unchanged(&source.at, &file, &meta)?;
            object.publish(&mut temporary, &when, &metadata)
        })
        .await
    }

    async fn upload(&self, at: &Location, options: &WriteOptions) -> Result<Box<dyn Upload>> {
        let metadata = options.metadata.clone();
        self.run(at, move |object| {
            let temporary = object.temporary()?;
            Ok(Box::new(LocalUpload::new(object.clone(), metadata, temporary)) as Box<dyn Upload>)
        })
        .await
    }

    async fn delete(&self, at: &[Location]) -> Result<()> {
        for at in at {
            self.run(at, |object| object.delete(None)).await?;
        }
        Ok(())
    }

    async fn delete_if(&self, at: &Location, etag: &str) -> Result<()> {
        let etag = etag.to_owned();
        self.run(at, move |object| object.delete(Some(&etag))).await
    }

    async fn list(&self, bucket: &str, prefix: &str) -> Result<Vec<(String, ObjectMeta)>> {
        let at = Location::new(bucket, prefix);
        let folder = bucket_folder(&self.root, &at)?;
        let prefix = prefix.to_owned();
        blocking(&at.clone(), move || {
            let mut found = BTreeMap::new();
            // Whatever begins so lies below the last whole folder of it.
            let within = prefix.rfind('/').map_or("", |slash| &prefix[..=slash]);
            let is_folder = |part: &str| !matches!(part, "" | "." | ".." | HIDDEN) && !part.contains('\0');
            if !within.split_terminator('/').all(is_folder) {
                return Ok(Vec::new());
            }
            let walked = walk(&folder.join(within), within, &mut |key, metadata| {
                if key.starts_with(&prefix) {
                    found.insert(key, meta(metadata, BTreeMap::new()));
                }
                Ok(())
            });
            if let Err(error) = walked {
                let absent = matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory);
                if !(absent && !within.is_empty() && folder.is_dir()) {
                    return Err(not_found(error, &at, Error::NoBucket(at.bucket.clone())));
                }
            }
            Ok(found.into_iter().collect())
        })
        .await
    }
}

/// Every file below `folder`, by its key.
fn walk(folder: &Path, prefix: &str, found: &mut dyn FnMut(String, &Metadata) -> io::Result<()>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // A name that is not Unicode is no key.
        let Ok(name) = entry.file_name().into_string() else { continue };
        if prefix.is_empty() && name == HIDDEN {
            continue;
        }
        let key = format!("{prefix}{name}");
        match fs::metadata(entry.path()) {
            Ok(metadata) if metadata.is_dir() => match walk(&entry.path(), &format!("{key}/"), found) {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                walked => walked?,
            },
            Ok(metadata) => found(key, &metadata)?,
            // Removed meanwhile.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// One object's place. Its methods block.
#[derive(Clone, Debug)]
struct Object {
    at: Location,
    bucket: PathBuf,
    path: PathBuf,
}

fn bucket_folder(root: &Path, at: &Location) -> Result<PathBuf> {
    let mut parts = Path::new(&at.bucket).components();
    match (parts.next(), parts.next()) {
        (Some(Component::Normal(name)), None) if name == at.bucket.as_str() => Ok(root.join(name)),
        _ => Err(Error::NoBucket(at.bucket.clone())),
    }
}

impl Object {
    fn new(root: &Path, at: &Location) -> Result<Self> {
        let bucket = bucket_folder(root, at)?;
        let key = &at.key;
        let is_file = key.split('/').all(|part| !matches!(part, "" | "." | "..")) && !key.contains('\0');
        if !is_file || key.split('/').next() == Some(HIDDEN) {
            let error = io::Error::new(ErrorKind::InvalidInput, "the key is no file name");
            return Err(Error::Io(at.clone(), error));
        }
        Ok(Self { at: at.clone(), path: bucket.join(key), bucket })
    }

    fn io(&self, error: io::Error) -> Error {
        Error::Io(self.at.clone(), error)
    }

    /// Other writers wait until the result is dropped.
    fn lock(&self) -> Result<File> {
        let folder = File::open(&self.bucket).map_err(|e| self.no_bucket(e))?;
        folder.lock().map_err(|e| self.io(e))?;
        Ok(folder)
    }

    fn no_bucket(&self, error: io::Error) -> Error {
        not_found(error, &self.at, Error::NoBucket(self.at.bucket.clone()))
    }

    fn find(&self) -> Result<(File, ObjectMeta)> {
        let find = || -> io::Result<_> {
            let file = File::open(&self.path)?;
            let metadata = file.metadata()?;
            if metadata.is_dir() {
                return Err(ErrorKind::NotFound.into());
            }
            let user = self.read_user_metadata(&etag(&metadata))?;
            Ok((file, meta(&metadata, user)))
        };
        find().map_err(|error| {
            let missing = if self.bucket.is_dir() {
                Error::NotFound(self.at.clone())
            } else {
                Error::NoBucket(self.at.bucket.clone())
            };
            not_found(error, &self.at, missing)
        })
    }

    fn find_pinned(&self, pin: &Pin) -> Result<(File, ObjectMeta)> {
        let (file, meta) = self.find()?;
        if pin.version.is_some() {
            return Err(Error::NotFound(self.at.clone()));
        }
        if pin.etag.as_ref().is_some_and(|etag| *etag != meta.etag) {
            return Err(Error::Changed(self.at.clone()));
        }
        Ok((file, meta))
    }

    /// A new file, out of sight.
    fn temporary(&self) -> Result<Temporary> {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        // Nothing must appear where there is no bucket.
        fs::metadata(&self.bucket).map_err(|e| self.no_bucket(e))?;
        let folder = self.bucket.join(HIDDEN);
        loop {
            let name = format!("write-{}-{}", process::id(), COUNTER.fetch_add(1, Ordering::Relaxed));
            let path = folder.join(name);
            fs::create_dir_all(&folder).map_err(|e| self.io(e))?;
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => return Ok(Temporary { file, path, gone: false }),
                // The name is taken, or the folder has just been removed by another writer that left it empty.
                Err(error) if matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::NotFound) => {}
                Err(error) => return Err(self.io(error)),
            }
        }
    }

    fn publish(
        &self,
        temporary: &mut Temporary,
        when: &Precondition,
        metadata: &BTreeMap<String, String>,
    ) -> Result<String> {
        let _lock = self.lock()?;
        let current = match fs::metadata(&self.path) {
            Ok(metadata) => Some(etag(&metadata)),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(self.io(error)),
        };
        let holds = match when {
            Precondition::None => true,
            Precondition::Absent => current.is_none(),
            Precondition::Matches(etag) => current.as_ref() == Some(etag),
        };
        if !holds {
            return Err(Error::Precondition(self.at.clone()));
        }

        let publish = || -> io::Result<String> {
            let new = etag(&temporary.file.metadata()?);
            // By the entity tag: whoever reads meanwhile finds what belongs to the file that it opened.
            self.write_user_metadata(&new, metadata)?;
            if let Some(parent) = self.path.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::rename(&temporary.path, &self.path)?;
            if let Some(old) = current {
                self.remove_user_metadata(&old)?;
            }
            Ok(new)
        };
        let etag = publish().map_err(|e| self.io(e))?;
        temporary.gone = true;
        temporary.tidy();
        Ok(etag)
    }

    fn delete(&self, only: Option<&str>) -> Result<()> {
        let _lock = self.lock()?;
        let delete = || -> io::Result<bool> {
            let old = etag(&fs::metadata(&self.path)?);
            if only.is_some_and(|only| only != old) {
                return Ok(false);
            }
            fs::remove_file(&self.path)?;
            remove_empty(self.path.parent(), &self.bucket);
            self.remove_user_metadata(&old)?;
            Ok(true)
        };
        match delete() {
            Ok(false) => Err(Error::Precondition(self.at.clone())),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(()),
            done => done.map(|_| ()).map_err(|e| self.io(e)),
        }
    }

    fn user_metadata(&self, etag: &str) -> PathBuf {
        self.bucket.join(HIDDEN).join("metadata").join(&self.at.key).join(format!("@{etag}"))
    }

    fn read_user_metadata(&self, etag: &str) -> io::Result<BTreeMap<String, String>> {
        let text = match fs::read_to_string(self.user_metadata(etag)) {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => String::new(),
            read => read?,
        };
        // Name, NUL, value, NUL.
        let mut parts = text.split_terminator('\0').map(str::to_owned);
        Ok(std::iter::from_fn(|| Some((parts.next()?, parts.next()?))).collect())
    }

    fn write_user_metadata(&self, etag: &str, metadata: &BTreeMap<String, String>) -> io::Result<()> {
        if metadata.is_empty() {
            return Ok(());
        }
        let path = self.user_metadata(etag);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let text: String = metadata.iter().flat_map(|(name, value)| [name.as_str(), "\0", value, "\0"]).collect();
        fs::write(path, text)
    }

    fn remove_user_metadata(&self, etag: &str) -> io::Result<()> {
        let path = self.user_metadata(etag);
        match fs::remove_file(&path) {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(()),
            removed => removed?,
        }
        remove_empty(path.parent(), &self.bucket);
        Ok(())
    }
}

/// Removes `folder` and those above it, below `end`, as far as they are empty.
fn remove_empty(folder: Option<&Path>, end: &Path) {
    let mut next = folder;
    while let Some(folder) = next.filter(|f| *f != end) {
        if fs::remove_dir(folder).is_err() {
            return;
        }
        next = folder.parent();
    }
}

fn not_found(error: io::Error, at: &Location, missing: Error) -> Error {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => missing,
        _ => Error::Io(at.clone(), error),
    }
}

fn etag(metadata: &Metadata) -> String {
    let modified = i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec());
    format!("{:x}-{modified:x}-{:x}", metadata.ino(), metadata.len())
}

fn meta(file: &Metadata, metadata: BTreeMap<String, String>) -> ObjectMeta {
    let last_modified = file.modified().unwrap_or(UNIX_EPOCH);
    ObjectMeta { size: file.len(), etag: etag(file), version: None, last_modified, metadata }
}

fn unchanged(at: &Location, file: &File, meta: &ObjectMeta) -> Result<()> {
    let now = file.metadata().map_err(|e| Error::Io(at.clone(), e))?;
    if etag(&now) == meta.etag { Ok(()) } else { Err(Error::Changed(at.clone())) }
}

/// A file being written; removed unless it is published.
#[derive(Debug)]
struct Temporary {
    file: File,
    path: PathBuf,
    /// Renamed or removed.
    gone: bool,
}

impl Temporary {
    fn remove(mut self) -> io::Result<()> {
        fs::remove_file(&self.path)?;
        self.gone = true;
        self.tidy();
        Ok(())
    }

    /// Removes the hidden folder where nothing else is in it.
    fn tidy(&self) {
        if let Some(folder) = self.path.parent() {
            let _ = fs::remove_dir(folder);
        }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.gone {
            let _ = fs::remove_file(&self.path);
            self.tidy();
        }
    }
}
