//! Metrics in [CloudWatch's embedded metric format][emf]: one JSON object a line on standard output, from which
//! `CloudWatch` makes metrics. That costs no call and no time.
//!
//! All are in the namespace `cleanzone`, by `FunctionName`, and count the objects of one function:
//!
//! | metric | unit | where |
//! |---|---|---|
//! | `Objects` | count | on every object: 1, or 0 where the event named none that is worth a look |
//! | `Duration` | milliseconds | on every object |
//! | `Skipped` | count | on every object: 1 where there was nothing to do |
//! | `DataErrors` | count | on every object: 1 where it failed over the file that arrived |
//! | `FunctionErrors` | count | on every object: 1 where it failed over anything else |
//! | `StaleRules` | count | on every object: 1 where the newest `lake.toml` is broken, and an earlier one was followed |
//! | `Rows`, `RejectedRows` | count | where a file was converted |
//! | `Warnings` | count | where a file was converted; also by `FunctionName` and `WarningKind`, where there are any |
//! | `BytesIn`, `BytesOut` | bytes | where anything was read, or written |
//! | `Errors` | count | by `FunctionName` and `ErrorName`, where there was an error |
//!
//! What there can be any number of, as keys and tables, is in the line as a property: it can be searched for, and
//! makes no metric of its own.
//!
//! [emf]: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html

use std::{
    collections::BTreeMap,
    io::{self, IsTerminal, Write},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use cleanzone_error::ErrorName;
use cleanzone_events::ObjectCreated;
use serde_json::{Map, Value, json};

use crate::{
    logs,
    settings::{Env, Error},
};

const NAMESPACE: &str = "cleanzone";

/// What was done about one object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measures {
    /// Rows written, where the object was converted.
    pub rows: Option<u64>,
    /// Records that did not fit, where the object was converted.
    pub rejected_rows: Option<u64>,
    /// Bytes read.
    pub bytes_in: Option<u64>,
    /// Bytes written.
    pub bytes_out: Option<u64>,
    /// Whether there was nothing to do.
    pub skipped: bool,
    /// Whether the newest rules are broken, and earlier ones were followed.
    pub stale_rules: bool,
    /// Findings that people should know of, where the object was converted.
    pub warnings: Option<u64>,
}

/// One record of an event, when it is over.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Measured<'a> {
    pub(crate) object: Option<&'a ObjectCreated>,
    pub(crate) table: Option<&'a str>,
    pub(crate) request_id: &'a str,
    pub(crate) duration: Duration,
    pub(crate) measures: Measures,
    pub(crate) error: Option<ErrorName>,
}

/// Where metrics go.
#[derive(Clone, Debug)]
pub struct Metrics {
    function: String,
    level: String,
    to: Destination,
}

#[derive(Clone, Debug)]
enum Destination {
    Nowhere,
    StandardOutput,
    Memory(Arc<Mutex<Vec<Value>>>),
}

impl Metrics {
    /// To standard output where `METRICS` is `true`, or where it is unset and `AWS_LAMBDA_FUNCTION_NAME` shows that
    /// Lambda reads it, and no person.
    ///
    /// # Errors
    /// Where `METRICS` is something else than `true` or `false`.
    pub fn from_env(env: &Env) -> Result<Self, Error> {
        let function = env.optional("AWS_LAMBDA_FUNCTION_NAME")?;
        let by_default = function.is_some() && !io::stdout().is_terminal();
        let on = env.parsed("METRICS", "true or false")?.unwrap_or(by_default);
        let to = if on { Destination::StandardOutput } else { Destination::Nowhere };
        Ok(Self { function: function.unwrap_or_default(), level: level(env)?, to })
    }

    /// Into memory, for tests.
    pub fn kept(function: &str) -> Self {
        Self { function: function.to_owned(), level: INFO.to_owned(), to: Destination::Memory(Arc::default()) }
    }

    /// The lines that were [kept](Self::kept) so far.
    pub fn lines(&self) -> Vec<Value> {
        match &self.to {
            Destination::Memory(lines) => lines.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            Destination::Nowhere | Destination::StandardOutput => Vec::new(),
        }
    }

    pub(crate) fn emit(&self, measured: &Measured<'_>) {
        self.write(|| measured.line(self, SystemTime::now()));
    }

    /// A line for each kind: one line has one value of a dimension.
    pub(crate) fn emit_warnings(&self, by_kind: &BTreeMap<String, u64>) {
        for (kind, count) in by_kind {
            self.write(|| {
                let mut line = self.head();
                line["WarningKind"] = kind.as_str().into();
                line["Warnings"] = (*count).into();
                let directive = by("WarningKind", "Warnings");
                line["_aws"] = envelope(SystemTime::now(), &[directive]);
                line
            });
        }
    }

    fn write(&self, line: impl FnOnce() -> Value) {
        match &self.to {
            Destination::Nowhere => {}
            Destination::StandardOutput => {
                let line = line().to_string() + "\n";
                // In one piece, so that lines of several threads do not mix. What cannot be written has nowhere to
                // say so.
                let _ = io::stdout().write_all(line.as_bytes());
            }
            Destination::Memory(lines) => lines.lock().unwrap_or_else(PoisonError::into_inner).push(line()),
        }
    }

    /// What every line begins with.
    fn head(&self) -> Value {
        json!({
            "timestamp": logs::timestamp(), "level": self.level, "message": "metrics", "FunctionName": self.function
        })
    }
}

/// What the log is without a level.
const INFO: &str = "INFO";

/// Lambda [drops lines][filter] below the level that it is told to keep, whatever is in them: metrics are of that level.
///
/// [filter]: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
fn level(env: &Env) -> Result<String, Error> {
    let kept = env.optional("AWS_LAMBDA_LOG_LEVEL")?.unwrap_or_default().to_ascii_uppercase();
    Ok(if ["WARN", "ERROR", "FATAL"].contains(&kept.as_str()) { kept } else { INFO.to_owned() })
}

/// A count by function and one dimension more.
fn by(dimension: &str, metric: &str) -> Value {
    json!({
        "Namespace": NAMESPACE, "Dimensions": [["FunctionName", dimension]],
        "Metrics": [{"Name": metric, "Unit": "Count"}]
    })
}

fn envelope(now: SystemTime, directives: &[Value]) -> Value {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    json!({"Timestamp": u64::try_from(since.as_millis()).unwrap_or(u64::MAX), "CloudWatchMetrics": directives})
}

impl Measured<'_> {
    /// The document. It is a line of the log, too, with the log's own fields; all but `source`, by which the log finds
    /// what the function itself says of an object.
    fn line(&self, to: &Metrics, now: SystemTime) -> Value {
        let mut properties = Map::new();
        let mut metrics = Vec::new();
        let mut metric = |properties: &mut Map<String, Value>, name: &str, unit: &str, value: u64| {
            metrics.push(json!({"Name": name, "Unit": unit}));
            properties.insert(name.to_owned(), value.into());
        };
        let count = |holds: bool| u64::from(holds);
        let Measures { rows, rejected_rows, bytes_in, bytes_out, skipped, stale_rules, warnings } = self.measures;
        let over_data = self.error.is_some_and(ErrorName::is_about_data);
        let milliseconds = u64::try_from(self.duration.as_millis()).unwrap_or(u64::MAX);
        metric(&mut properties, "Objects", "Count", count(self.object.is_some()));
        metric(&mut properties, "Duration", "Milliseconds", milliseconds);
        metric(&mut properties, "Skipped", "Count", count(skipped));
        metric(&mut properties, "StaleRules", "Count", count(stale_rules));
        metric(&mut properties, "DataErrors", "Count", count(over_data));
        metric(&mut properties, "FunctionErrors", "Count", count(self.error.is_some() && !over_data));
        for (name, unit, value) in [
            ("Rows", "Count", rows),
            ("RejectedRows", "Count", rejected_rows),
            ("BytesIn", "Bytes", bytes_in),
            ("BytesOut", "Bytes", bytes_out),
            ("Warnings", "Count", warnings),
        ] {
            if let Some(value) = value {
                metric(&mut properties, name, unit, value);
            }
        }
        let mut directives = vec![json!({
            "Namespace": NAMESPACE, "Dimensions": [["FunctionName"]], "Metrics": metrics
        })];
        let mut line = to.head();
        if let Some(error) = self.error {
            directives.push(by("ErrorName", "Errors"));
            line["ErrorName"] = error.as_str().into();
            line["Errors"] = 1.into();
        }
        line["_aws"] = envelope(now, &directives);
        for (name, value) in [
            ("requestId", (!self.request_id.is_empty()).then_some(self.request_id)),
            ("bucket", self.object.map(|object| object.bucket.as_str())),
            ("key", self.object.map(|object| object.key.as_str())),
            ("table", self.table),
        ] {
            if let Some(value) = value {
                line[name] = value.into();
            }
        }
        for (name, value) in properties {
            line[name] = value;
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object() -> ObjectCreated {
        ObjectCreated { bucket: "landing".into(), key: "db/t/a.csv".into(), ..ObjectCreated::default() }
    }

    /// Every metric of a document with its dimensions and value, as `CloudWatch` reads it.
    fn read(line: &Value) -> Vec<(String, String, u64)> {
        let mut found = Vec::new();
        for directive in line["_aws"]["CloudWatchMetrics"].as_array().unwrap() {
            assert_eq!(directive["Namespace"], "cleanzone");
            for dimensions in directive["Dimensions"].as_array().unwrap() {
                let named = |name: &Value| format!("{}={}", name.as_str().unwrap(), line[name.as_str().unwrap()]);
                let dimensions: Vec<_> = dimensions.as_array().unwrap().iter().map(named).collect();
                for metric in directive["Metrics"].as_array().unwrap() {
                    let name = metric["Name"].as_str().unwrap();
                    assert!(["Count", "Bytes", "Milliseconds"].contains(&metric["Unit"].as_str().unwrap()));
                    found.push((name.to_owned(), dimensions.join(","), line[name].as_u64().unwrap()));
                }
            }
        }
        found
    }

    fn value(line: &Value, name: &str) -> Option<u64> {
        read(line).into_iter().find(|(found, ..)| found == name).map(|(.., value)| value)
    }

    #[test]
    fn a_conversion_is_counted_by_function_alone() {
        let object = object();
        let measures = Measures {
            rows: Some(7),
            rejected_rows: Some(1),
            bytes_in: Some(100),
            bytes_out: Some(50),
            skipped: false,
            stale_rules: false,
            warnings: Some(2),
        };
        let converted = Measured {
            object: Some(&object),
            table: Some("db.t"),
            request_id: "r-1",
            duration: Duration::from_millis(12),
            measures,
            error: None,
        };
        let line = converted.line(&Metrics::kept("f"), UNIX_EPOCH + Duration::from_millis(1_234));
        assert_eq!(line["_aws"]["Timestamp"], 1_234);
        let metrics = read(&line);
        assert!(metrics.iter().all(|(_, dimensions, _)| dimensions == "FunctionName=\"f\""), "{metrics:?}");
        for (name, expected) in [
            ("Objects", 1),
            ("Duration", 12),
            ("Skipped", 0),
            ("StaleRules", 0),
            ("DataErrors", 0),
            ("FunctionErrors", 0),
            ("Rows", 7),
            ("RejectedRows", 1),
            ("BytesIn", 100),
            ("BytesOut", 50),
            ("Warnings", 2),
        ] {
            assert_eq!(value(&line, name), Some(expected), "{name}");
        }
        assert_eq!(metrics.len(), 11);
        // Properties, to search by; but not as the lines of the log itself have them.
        assert_eq!(
            (&line["key"], &line["table"], &line["requestId"]),
            (&json!("db/t/a.csv"), &json!("db.t"), &json!("r-1"))
        );
        assert!(line.get("source").is_none());
        assert!(!line.to_string().contains('\n'));
    }

    #[test]
    fn an_error_is_counted_by_its_name_and_by_what_it_is_about() {
        for (error, over_data) in [(ErrorName::MalformedCsv, 1), (ErrorName::Throttled, 0), (ErrorName::Internal, 0)] {
            let line = Measured { error: Some(error), ..Measured::default() }.line(&Metrics::kept("f"), UNIX_EPOCH);
            assert_eq!(
                (value(&line, "DataErrors"), value(&line, "FunctionErrors")),
                (Some(over_data), Some(1 - over_data))
            );
            let named = format!("FunctionName=\"f\",ErrorName=\"{error}\"");
            assert!(read(&line).contains(&("Errors".to_owned(), named, 1)), "{line}");
            assert_eq!((value(&line, "Objects"), value(&line, "Rows")), (Some(0), None));
        }
    }

    #[test]
    fn warnings_are_counted_by_kind() {
        let metrics = Metrics::kept("f");
        metrics.emit_warnings(&[("AbsentColumn".to_owned(), 2), ("NamesMet".to_owned(), 1)].into());
        let lines = metrics.lines();
        let found: Vec<_> = lines.iter().flat_map(read).collect();
        let of =
            |kind: &str, count| ("Warnings".to_owned(), format!("FunctionName=\"f\",WarningKind=\"{kind}\""), count);
        assert_eq!(found, [of("AbsentColumn", 2), of("NamesMet", 1)]);
        assert!(lines.iter().all(|line| line["_aws"]["Timestamp"].as_u64() > Some(0) && line["level"] == "INFO"));
    }

    #[test]
    fn no_level_of_the_log_drops_them() {
        for (kept, expected) in [("ERROR", "ERROR"), ("warn", "WARN"), ("DEBUG", "INFO"), ("", "INFO")] {
            let metrics = Metrics::from_env(&Env::of([("AWS_LAMBDA_LOG_LEVEL", kept)])).unwrap();
            let line = Measured::default().line(&metrics, UNIX_EPOCH);
            assert_eq!(line["level"], expected, "{kept}");
            // Without a valid time Lambda takes any line for INFO.
            let timestamp = line["timestamp"].as_str().unwrap();
            assert!(timestamp.ends_with('Z') && timestamp.as_bytes()[10] == b'T', "{timestamp}");
        }
    }

    #[test]
    fn they_are_written_where_lambda_reads_them() {
        let to = |env: &Env| Metrics::from_env(env).map(|metrics| metrics.to);
        let on = to(&Env::of([("METRICS", "true")])).unwrap();
        assert!(matches!(on, Destination::StandardOutput));
        assert!(matches!(to(&Env::of([])).unwrap(), Destination::Nowhere));
        let off = to(&Env::of([("METRICS", "false"), ("AWS_LAMBDA_FUNCTION_NAME", "f")])).unwrap();
        assert!(matches!(off, Destination::Nowhere));
        assert_eq!(
            to(&Env::of([("METRICS", "yes")])).unwrap_err().to_string(),
            "METRICS is \"yes\": expected true or false"
        );
    }
}
