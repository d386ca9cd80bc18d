use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;

#[cfg(doc)]
use crate::Error;
use crate::{Location, ObjectMeta, Pin, Precondition, Result, WriteOptions};

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

    /// Copies one version of an object within the store, past ourselves, and returns the copy's entity tag. The copy
    /// appears whole or not at all. It has the user metadata of `options`, and the media type of the source where
    /// `options` has none.
    ///
    /// # Errors
    /// Those of [`open`](Self::open) for the source; those of [`put`](Self::put) for the copy.
    async fn copy(
        &self,
        from: &Location,
        pin: &Pin,
        to: &Location,
        when: &Precondition,
        options: &WriteOptions,
    ) -> Result<String>;

    /// Begins to write an object of any size, out of sight.
    async fn upload(&self, at: &Location, options: &WriteOptions) -> Result<Box<dyn Upload>>;

    /// Removes objects; those that do not exist are no error.
    async fn delete(&self, at: &[Location]) -> Result<()>;

    /// Removes an object if it still has this entity tag; one that does not exist is no error.
    ///
    /// # Errors
    /// [`Error::Precondition`] where it has another.
    async fn delete_if(&self, at: &Location, etag: &str) -> Result<()>;

    /// Keys in `bucket` that begin with `prefix`, in order; without user metadata, which a listing does not tell. Costs a
    /// request for each thousand keys.
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

    /// Gives the object up and frees what it holds. Does nothing to a published one.
    async fn abort(self: Box<Self>) -> Result<()>;
}
