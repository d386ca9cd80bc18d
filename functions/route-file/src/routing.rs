//! What is answered.

use cleanzone_events::{ObjectCreated, Skip};
use cleanzone_lake::Naming;
use cleanzone_rules::Dataset;
use cleanzone_storage::ObjectMeta;
use cleanzone_tabular::Compression;
use serde::Serialize;
use serde_json::Value;

use crate::{decide::Decision, name::Name};

/// The branch of a workflow that a file takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Route {
    /// To csv-to-parquet.
    Convert,
    /// Nowhere: there is nothing to do.
    #[default]
    Skip,
    /// To people: no function deals with such files.
    Reject,
    /// To people: personal data that has not come through the vault, and must not reach the lake.
    Quarantine,
}

/// The answer about one object. `bucket`, `key`, `version_id`, `size`, `etag` and `sequencer` are as an event has them,
/// so that the answer can be handed to the next function as its event.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Routing {
    pub(crate) file_extension: String,
    pub(crate) bucket: Option<String>,
    pub(crate) key: Option<String>,
    pub(crate) version_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) etag: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sequencer: Option<String>,
    pub(crate) size: Option<u64>,
    pub(crate) format: Option<String>,
    pub(crate) compression: Option<Compression>,
    pub(crate) route: Route,
    pub(crate) dataset: Option<String>,
    pub(crate) reason: String,
    pub(crate) agrees: bool,
}

impl Routing {
    /// An object that was looked at.
    pub(crate) fn decided(object: &ObjectCreated, rules: &Dataset, meta: &ObjectMeta, decision: Decision) -> Self {
        Self {
            file_extension: decision.file_extension,
            version_id: meta.version.clone().filter(|version| version != "null"),
            etag: Some(meta.etag.clone()),
            size: Some(meta.size),
            format: Some(decision.format),
            compression: decision.compression,
            route: decision.route,
            reason: decision.reason,
            agrees: decision.agrees,
            ..Self::unseen(object, rules, "")
        }
    }

    /// An object that is not looked at.
    pub(crate) fn unseen(object: &ObjectCreated, rules: &Dataset, reason: &str) -> Self {
        Self {
            file_extension: Name::of(&object.key).extension,
            bucket: Some(object.bucket.clone()),
            key: Some(object.key.clone()),
            version_id: object.version_id.clone(),
            etag: object.etag.clone(),
            sequencer: object.sequencer.as_ref().map(|sequencer| sequencer.as_str().to_owned()),
            size: object.size,
            dataset: Naming::dataset(&object.key, rules).map(|(database, table)| format!("{database}.{table}")),
            reason: reason.to_owned(),
            agrees: true,
            ..Self::default()
        }
    }

    /// A record that needs no work.
    pub(crate) fn skipped(skip: &Skip) -> Self {
        let reason = skip.to_string();
        match skip {
            Skip::FolderMarker { bucket, key } => {
                let marker = ObjectCreated { bucket: bucket.clone(), key: key.clone(), ..ObjectCreated::default() };
                Self { size: Some(0), ..Self::unseen(&marker, &reason) }
            }
            _ => Self { reason, agrees: true, ..Self::default() },
        }
    }

    pub(crate) fn to_value(&self) -> Value {
        // It has no map with other keys than strings: nothing can fail.
        serde_json::to_value(self).unwrap_or_default()
    }
}
