use std::{collections::BTreeMap, fmt, time::SystemTime};

#[cfg(doc)]
use crate::Error;

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
