//! The names under which cleanzone's errors are known outside it, and what to do about each.
//!
//! Every library has its own error type (`thiserror`); what they share is a [`Fault`]: a stable [`ErrorName`],
//! which a Step Functions `Catch`, an alarm or a runbook can rely on, and which says by itself whether trying
//! again can help ([`ErrorName::is_transient`]).

use std::fmt;

use serde::Serialize;

macro_rules! error_names {
    ($($(#[$doc:meta])* $name:ident: $kind:ident $about:ident,)+) => {
        /// The stable name of an error. A name is a contract: it is never renamed, and never changes kind.
        ///
        /// Every name is either about the data (what arrived) or about the function (how it is set up, what it runs
        /// on, what it is): the first is for whoever sent the file, the second for whoever runs the lake.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
        #[non_exhaustive]
        pub enum ErrorName { $($(#[$doc])* $name,)+ }

        impl ErrorName {
            /// Every name there is.
            pub const ALL: &[ErrorName] = &[$(ErrorName::$name,)+];

            /// The name as it appears in logs, reports and Lambda error types.
            pub const fn as_str(self) -> &'static str {
                match self { $(ErrorName::$name => stringify!($name),)+ }
            }

            /// Whether trying again, later and unchanged, can succeed.
            pub const fn is_transient(self) -> bool {
                match self { $(ErrorName::$name => error_names!(@ $kind),)+ }
            }

            /// Whether it is about the file that arrived, and not about the function. Always permanent.
            pub const fn is_about_data(self) -> bool {
                match self { $(ErrorName::$name => error_names!(@ $about),)+ }
            }
        }
    };
    (@ permanent) => { false };
    (@ transient) => { true };
    (@ data) => { true };
    (@ function) => { false };
}

error_names! {
    /// The event that invoked the function has no shape that it knows.
    InvalidEvent: permanent function,
    /// The object key names no database and table.
    InvalidObjectKey: permanent data,
    /// The content is not what the function reads, whatever the name says.
    InvalidFileFormat: permanent data,
    /// The content is delimited text, but broken where the reader cannot go on.
    MalformedCsv: permanent data,
    /// The content is delimited text, but two ways of reading it are as good as each other.
    AmbiguousDialect: permanent data,
    /// The file's bytes are not valid in its character set.
    InvalidEncoding: permanent data,
    /// A compressed file is truncated, corrupt, or expands beyond the limits.
    InvalidCompression: permanent data,
    /// The input exceeds a limit: columns, field or header length, decompressed size.
    LimitExceeded: permanent data,
    /// More rows were rejected than the dataset allows.
    TooManyRejectedRows: permanent data,
    /// The file cannot be reconciled with the table that exists.
    SchemaConflict: permanent data,
    /// The dataset declares personal data, and the file has not been tokenized.
    PiiNotTokenized: permanent data,
    /// The source object no longer exists.
    SourceNotFound: permanent data,
    /// The source object is in an archived storage class and has to be restored first.
    SourceArchived: permanent data,
    /// The source object changed while it was being read.
    SourceChanged: permanent data,
    /// The source lies inside the output: converting it would trigger itself for ever.
    RecursiveOutput: permanent function,
    /// The conversion would not have ended before the function's deadline.
    DeadlineTooClose: permanent function,
    /// The role lacks a permission.
    AccessDenied: permanent function,
    /// A bucket, queue or other resource that the settings name does not exist.
    ResourceNotFound: permanent function,
    /// A setting (environment variable, flag, configuration file) is missing or wrong.
    InvalidSettings: permanent function,
    /// A local file could not be read or written.
    Io: permanent function,
    /// A defect of cleanzone itself.
    Internal: permanent function,
    /// The service asked for a slower pace.
    Throttled: transient function,
    /// The service failed or could not be reached.
    ServiceUnavailable: transient function,
    /// Another writer was faster, again and again.
    Conflict: transient function,
}

impl fmt::Display for ErrorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An error that knows its stable name.
pub trait Fault: std::error::Error + Send + Sync + 'static {
    /// The name under which the error is known outside.
    fn name(&self) -> ErrorName;

    /// Whether trying again, later and unchanged, can succeed.
    fn is_transient(&self) -> bool {
        self.name().is_transient()
    }
}

/// The error and all its sources in one line: `a: b: c`.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let cause = source.to_string();
        // Many libraries repeat their source in their own message.
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
        next = source.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_unique_and_serialise_as_written() {
        let names: HashSet<_> = ErrorName::ALL.iter().map(|n| n.as_str()).collect();
        assert_eq!(names.len(), ErrorName::ALL.len());
        for name in ErrorName::ALL {
            assert_eq!(serde_json::to_value(name).unwrap(), name.as_str());
        }
    }

    #[test]
    fn only_what_the_service_may_recover_from_is_transient() {
        let transient: Vec<_> = ErrorName::ALL.iter().filter(|n| n.is_transient()).map(|n| n.as_str()).collect();
        assert_eq!(transient, ["Throttled", "ServiceUnavailable", "Conflict"]);
    }

    #[test]
    fn nothing_about_the_data_is_transient() {
        let about: Vec<_> = ErrorName::ALL.iter().filter(|name| name.is_about_data()).collect();
        assert!(about.iter().all(|name| !name.is_transient()), "{about:?}");
        assert!(about.contains(&&ErrorName::MalformedCsv) && !about.contains(&&ErrorName::AccessDenied));
    }

    #[test]
    fn a_chain_names_each_cause_once() {
        #[derive(Debug)]
        struct E(&'static str, Option<Box<E>>);
        impl fmt::Display for E {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.0)
            }
        }
        impl std::error::Error for E {
            fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
                self.1.as_deref().map(|e| e as _)
            }
        }
        let error = E("a: b", Some(Box::new(E("b", Some(Box::new(E("c", None)))))));
        assert_eq!(chain(&error), "a: b: c");
    }
}
