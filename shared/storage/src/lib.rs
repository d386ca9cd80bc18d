//! Objects in S3, in a local folder, in memory: ranged reads and atomic publication.
//!
//! A file is read once, from its beginning, pinned to one version ([`ObjectStore::open`]); it is written in two
//! steps: everything is uploaded out of sight ([`Upload`]), and only then made visible ([`Staged::publish`]), whole
//! and under a [`Precondition`], or not at all.

use std::{collections::BTreeMap, fmt, time::SystemTime};

use async_trait::async_trait;
use bytes::Bytes;

mod error;

pub use error::Error;

/// What every operation here returns.
pub type Result<T> = std::result::Result<T, Error>;

/// The address of an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    /// The bucket.
    pub bucket: String,
    /// The object key, decoded.
    pub key: String,
}

impl Location {
    /// The address of `key` in `bucket`.
    pub fn new(bucket: impl Into<String>, key: impl Into<String>) -> Self {
        Self { bucket: bucket.into(), key: key.into() }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.key)
    }
}

/// Which version of an object is wanted. Empty means the latest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pin {
    /// The version ID, in a versioned bucket.
    pub version: Option<String>,
    /// The entity tag, without quotes; [`Error::Changed`] where the object has another.
    pub etag: Option<String>,
}

/// What is known of an object without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectMeta {
    /// Bytes.
    pub size: u64,
    /// The entity tag, without quotes.
    pub etag: String,
    /// The version ID, in a versioned bucket.
    pub version: Option<String>,
    /// When this version was written.
    pub last_modified: SystemTime,
    /// User metadata (`x-amz-meta-…`), names in lower case without the prefix.
    pub metadata: BTreeMap<String, String>,
}

/// What must hold of the object that a write replaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// Nothing.
    None,
    /// There is no such object (`If-None-Match: *`).
    Absent,
    /// The object has this entity tag (`If-Match`).
    Matches(String),
}

/// How an object is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteOptions {
    /// The media type.
    pub content_type: Option<&'static str>,
    /// User metadata; names in lower case, ASCII.
    pub metadata: BTreeMap<String, String>,
}

/// A place that holds objects.
#[async_trait]
pub trait ObjectStore: Send + Sync + fmt::Debug {
    /// What is known of an object; `None` where there is none.
    async fn head(&self, at: &Location) -> Result<Option<ObjectMeta>>;

    /// Opens an object for one streaming read, pinned: every byte comes from the version that is found here.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Changed`] where the pinned entity tag is no longer the object's.
    async fn open(&self, at: &Location, pin: &Pin) -> Result<Box<dyn ObjectReader>>;

    /// A small object, whole; `None` where there is none.
    async fn get(&self, at: &Location) -> Result<Option<(Bytes, ObjectMeta)>>;

    /// Writes a small object in one request and returns its entity tag.
    ///
    /// # Errors
    /// [`Error::Precondition`] where the precondition does not hold; [`Error::Conflict`] where another write was
    /// under way.
    async fn put(&self, at: &Location, body: Bytes, when: &Precondition, options: &WriteOptions) -> Result<String>;

    /// Begins to write an object of any size, out of sight.
    async fn upload(&self, at: &Location, options: &WriteOptions) -> Result<Box<dyn Upload>>;

    /// Removes objects; those that do not exist are no error.
    async fn delete(&self, at: &[Location]) -> Result<()>;

    /// Keys in `bucket` that begin with `prefix`, in order. For tests and maintenance, not for the data path.
    async fn list(&self, bucket: &str, prefix: &str) -> Result<Vec<(String, ObjectMeta)>>;
}

/// One streaming read of one version of an object.
#[async_trait]
pub trait ObjectReader: Send + fmt::Debug {
    /// What is being read.
    fn meta(&self) -> &ObjectMeta;

    /// The next bytes, in order; `None` at the end.
    ///
    /// # Errors
    /// [`Error::Changed`] where the object changed underneath.
    async fn next(&mut self) -> Result<Option<Bytes>>;
}

/// An object being written, not yet visible.
#[async_trait]
pub trait Upload: Send + fmt::Debug {
    /// Adds bytes; waits while too many are under way.
    async fn write(&mut self, bytes: Bytes) -> Result<()>;

    /// Ends the writing: all bytes are in the store, still not visible.
    async fn finish(self: Box<Self>) -> Result<Box<dyn Staged>>;

    /// Gives the upload up and frees what it holds.
    async fn abort(self: Box<Self>) -> Result<()>;
}

/// An object wholly written, not yet visible.
#[async_trait]
pub trait Staged: Send + Sync + fmt::Debug {
    /// Where it will be.
    fn location(&self) -> &Location;

    /// Bytes.
    fn size(&self) -> u64;

    /// Makes the object visible, atomically, and returns its entity tag. After [`Error::Precondition`] it can be
    /// called again; after [`Error::Conflict`] the object has to be written again from the start.
    async fn publish(&mut self, when: &Precondition) -> Result<String>;

    /// Gives the object up and frees what it holds.
    async fn abort(self: Box<Self>) -> Result<()>;
}
