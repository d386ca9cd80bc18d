//! Conditional writes, and how one of ours is recognised.

use bytes::Bytes;

use super::{
    Shared,
    failure::{Action, failure, unexpected},
    quoted, unquoted,
};
use crate::{Error, Location, Precondition, Result, WriteOptions};

/// The user metadata that holds the number of the write.
pub(super) const WRITE_ID: &str = "cleanzone-write";

/// A number that no other write has.
pub(super) fn new_id() -> String {
    format!("{:032x}", fastrand::u128(..))
}

/// The headers `If-Match` and `If-None-Match`.
pub(super) fn headers(when: &Precondition) -> (Option<String>, Option<String>) {
    match when {
        Precondition::None => (None, None),
        Precondition::Absent => (None, Some("*".to_owned())),
        Precondition::Matches(etag) => (Some(quoted(etag)), None),
    }
}

impl Shared {
    /// One `PutObject`, again while another write is under way.
    pub(super) async fn put(
        &self,
        at: &Location,
        body: Bytes,
        when: &Precondition,
        options: &WriteOptions,
        id: &str,
    ) -> Result<String> {
        let (if_match, if_none_match) = headers(when);
        let mut backoff = self.backoff();
        loop {
            let request = self.client.put_object().bucket(&at.bucket).key(&at.key).body(body.clone().into());
            let request = request
                .set_content_type(options.content_type.map(str::to_owned))
                .set_metadata(Some(options.metadata.clone().into_iter().collect()))
                .metadata(WRITE_ID, id)
                .set_if_match(if_match.clone())
                .set_if_none_match(if_none_match.clone());
            match request.send().await {
                Ok(done) => return etag(at, done.e_tag),
                Err(error) => match failure(Action::Put, at, error) {
                    Error::Conflict(_) if backoff.wait().await => {}
                    error => return self.ours_after_all(at, id, error).await,
                },
            }
        }
    }

    /// The entity tag of our own write, where that is what broke the precondition: an attempt whose answer was lost
    /// had taken effect. Otherwise `error`.
    pub(super) async fn ours_after_all(&self, at: &Location, id: &str, error: Error) -> Result<String> {
        if !matches!(error, Error::Precondition(_) | Error::Conflict(_)) {
            return Err(error);
        }
        // Not allowed to look is the same as not knowing.
        match self.client.head_object().bucket(&at.bucket).key(&at.key).send().await {
            Ok(found) if found.metadata().and_then(|m| m.get(WRITE_ID)).is_some_and(|found| found == id) => {
                etag(at, found.e_tag)
            }
            _ => Err(error),
        }
    }
}

pub(super) fn etag(at: &Location, etag: Option<String>) -> Result<String> {
    etag.map(|e| unquoted(&e)).ok_or_else(|| unexpected(Action::Put, at, "the answer lacks an entity tag"))
}
