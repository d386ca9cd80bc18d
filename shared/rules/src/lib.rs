//! `lake.toml`: what holds for which object.
//!
//! [`Rules::parse`] reads the file and holds it to the rules, all of it at once, so that an error tells every problem
//! with line, column and the word that was probably meant. [`Rules::find`] says what holds for one object: the first
//! dataset whose globs match, with what it does not say taken from `[defaults]`, and database and table made of what
//! the wildcards matched. What a [`Dataset`] leaves open, whoever asks decides.
//!
//! ```
//! let rules = cleanzone_rules::Rules::parse(r#"
//!     [defaults]
//!     compression = "zstd"
//!
//!     [[dataset]]
//!     match = "crm/*/users/*"
//!     database = "crm"
//!     table = "{1}_users"
//!     partition_by = ["day(ingested_at) as landed"]
//! "#)?;
//! let applied = rules.find("partner-a", "crm/acme/users/2026.csv");
//! assert_eq!(applied.dataset.table.as_deref(), Some("acme_users"));
//! assert_eq!(applied.rule.map(|rule| rule.line), Some(5));
//! assert!(rules.find("partner-a", "other/file.csv").rule.is_none());
//! # Ok::<(), cleanzone_rules::RulesError>(())
//! ```
//!
//! A dataset's settings replace those of `[defaults]` one by one; `format`, `cleanse` and `pii` field by field,
//! `projection` key by key. Nothing is read or written here: where the text comes from is not this crate's business.

mod absent;
mod compiled;
mod dataset;
mod date_pattern;
mod document;
mod error;
mod glob;
mod hive_type;
mod index;
mod name;
mod notation;
mod partition;
mod pii;
mod projected;
mod projection;
mod resolve;
mod rules;
mod schema;
mod shadow;
mod source;
mod suggest;
mod template;

pub use absent::Names;
pub use dataset::{
    BadRows, Case, Cleanse, Column, Compression, Context, Dataset, DuplicateAction, Duplicates, Evolution, Format,
    Mark, Misfit, Mode, Statistics,
};
pub use date_pattern::civil;
pub use error::{Problem, RulesError};
pub use hive_type::HiveType;
pub use name::{is_name, sanitise};
pub use partition::{PartitionBy, Transform};
pub use pii::{Alphabet, ColumnPii, DatasetPii, Detect, EncryptMode, Generalize, Method};
pub use projection::{IntervalUnit, OnMiss, Projected, Projection};
pub use rules::{Applied, Rule, Rules};
pub use schema::schema;
pub use shadow::Shadowed;
