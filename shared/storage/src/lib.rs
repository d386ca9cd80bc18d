//! Objects in S3, in a local folder, in memory: ranged reads and atomic publication.
//!
//! A file is read once, from its beginning, pinned to one version ([`ObjectStore::open`]); it is written in two
//! steps: everything is uploaded out of sight ([`Upload`]), and only then made visible ([`Staged::publish`]), whole
//! and under a [`Precondition`], or not at all.
//!
//! [`S3Store`] is the real thing, [`LocalStore`] serves the command line, [`MemoryStore`] the tests, with faults on
//! demand. The same suite of tests runs on all three.

#[cfg(feature = "s3")]
mod backoff;
mod error;
mod local;
mod memory;
mod object;
#[cfg(feature = "s3")]
mod s3;
mod store;

#[cfg(feature = "s3")]
pub use backoff::Retry;
pub use error::Error;
pub use local::LocalStore;
pub use memory::{Call, Fault, MemoryStore};
pub use object::{Location, ObjectMeta, Pin, Precondition, WriteOptions};
#[cfg(feature = "s3")]
pub use s3::{S3Options, S3Store};
pub use store::{ObjectReader, ObjectStore, Staged, Upload};

/// What every operation here returns.
pub type Result<T> = std::result::Result<T, Error>;
