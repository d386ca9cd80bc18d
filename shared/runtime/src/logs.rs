//! Logs as [Lambda's JSON log format][format] wants them: one JSON object a line, on standard output, with
//! `timestamp`, `level` and `message`; the fields of the event and of all spans around it stand beside them, so that
//! every line has `requestId`, and inside [`object`] also `source` and `table`. On a terminal, and outside Lambda, lines
//! are written for people.
//!
//! The level is that of `RUST_LOG` (which can name modules: `warn,cleanzone_lake=trace`), `AWS_LAMBDA_LOG_LEVEL` (which
//! Lambda sets from the function's logging configuration) or `LOG_LEVEL`; otherwise `INFO`. Without `RUST_LOG`, other
//! people's libraries speak only of warnings: their details can hold what is being read and written.
//!
//! [format]: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html

use std::{
    error::Error,
    fmt,
    io::{self, IsTerminal, Write},
};

use cleanzone_events::Failure;
use serde_json::Value;
use tracing::{
    Event, Level, Metadata, Span, Subscriber,
    field::{Empty, Field, Visit},
    level_filters::LevelFilter,
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    Layer,
    filter::Targets,
    fmt::{
        MakeWriter,
        format::Writer,
        time::{FormatTime, SystemTime},
    },
    layer::{Context, SubscriberExt},
    registry::{LookupSpan, Registry, Scope},
};

use crate::settings::Env;

/// The span of one object: `source` stands on every line inside it; `table` too, once it is known (see [`table`]).
pub fn object(source: &str) -> Span {
    tracing::error_span!("object", source, table = Empty)
}

/// Adds the table to every further line of the [`object`] span that this is called in.
pub fn table(name: &str) {
    Span::current().record("table", name);
}

/// The span of one invocation.
pub(crate) fn invocation(request_id: &str) -> Span {
    tracing::error_span!("invocation", requestId = request_id)
}

/// An error, with its stable name. Whoever handles an event logs its failures, where it is known what they are about.
pub fn failure(failure: &Failure) {
    tracing::error!(error = failure.name.as_str(), "{}", failure.message);
}

/// Begins to log, for the whole process. Does nothing where something else logs already.
pub(crate) fn init() {
    let env = Env::process();
    let text = |name| env.optional(name).ok().flatten();
    let filter =
        filter(text("RUST_LOG").as_deref(), text("AWS_LAMBDA_LOG_LEVEL").or_else(|| text("LOG_LEVEL")).as_deref());
    let lambda = text("AWS_LAMBDA_FUNCTION_NAME").is_some();
    let plain = text("AWS_LAMBDA_LOG_FORMAT").is_some_and(|format| format.eq_ignore_ascii_case("text"));
    let subscriber = Registry::default().with(filter);
    let set = if lambda && !plain && !io::stdout().is_terminal() {
        tracing::subscriber::set_global_default(subscriber.with(JsonLines { out: io::stdout }))
    } else {
        tracing::subscriber::set_global_default(subscriber.with(tracing_subscriber::fmt::layer().with_target(false)))
    };
    if let Err(error) = set {
        tracing::debug!(%error, "logs are set up already");
    }
}

/// Libraries whose details are of no use to those who run the function.
const LIBRARIES: &[&str] = &["aws_", "h2", "hyper", "lambda_runtime", "rustls", "tower"];

fn filter(directives: Option<&str>, level: Option<&str>) -> Targets {
    if let Some(Ok(targets)) = directives.map(str::parse) {
        return targets;
    }
    let level = level.and_then(parse_level).unwrap_or(LevelFilter::INFO);
    let libraries = LIBRARIES.iter().map(|library| (*library, level.min(LevelFilter::WARN)));
    // A handler logs its errors itself, with their names.
    let repeated = ("lambda_runtime::layers::panic", LevelFilter::OFF);
    Targets::new().with_default(level).with_targets(libraries).with_targets([repeated])
}

fn parse_level(text: &str) -> Option<LevelFilter> {
    if text.eq_ignore_ascii_case("fatal") {
        return Some(LevelFilter::ERROR);
    }
    text.parse().ok()
}

/// One JSON object a line.
struct JsonLines<W> {
    out: W,
}

impl<S, W> Layer<S> for JsonLines<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        span.extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(fields) = span.extensions_mut().get_mut::<Fields>() {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        for span in context.event_scope(event).into_iter().flat_map(Scope::from_root) {
            if let Some(of_span) = span.extensions().get::<Fields>() {
                of_span.0.iter().for_each(|(name, value)| fields.set(name, value.clone()));
            }
        }
        event.record(&mut fields);
        let line = fields.line(event.metadata());
        // In one piece, so that lines of several threads do not mix. A log that cannot be written has nowhere to say so.
        let _ = self.out.make_writer().write_all(&line);
    }
}

/// Fields in the order of their appearance; the last value of a name wins.
#[derive(Default)]
struct Fields(Vec<(&'static str, Value)>);

impl Fields {
    fn set(&mut self, name: &'static str, value: Value) {
        match self.0.iter_mut().find(|(present, _)| *present == name) {
            Some((_, present)) => *present = value,
            None => self.0.push((name, value)),
        }
    }

    fn line(mut self, metadata: &Metadata<'_>) -> Vec<u8> {
        let message = self.0.iter().position(|(name, _)| *name == "message").map(|at| self.0.remove(at).1);
        let head = [
            ("timestamp", Value::from(timestamp())),
            ("level", Value::from(level(*metadata.level()))),
            ("message", message.unwrap_or_default()),
        ];
        let target = ("target", Value::from(metadata.target()));
        let fields = self.0.into_iter().filter(|(name, _)| !["timestamp", "level", "target"].contains(name));
        let mut line = Vec::with_capacity(256);
        for (name, value) in head.into_iter().chain(fields).chain([target]) {
            line.push(if line.is_empty() { b'{' } else { b',' });
            line.extend(Value::from(name).to_string().bytes());
            line.push(b':');
            line.extend(value.to_string().bytes());
        }
        line.extend(b"}\n");
        line
    }
}

/// Now, as the log writes it: RFC 3339, UTC.
pub(crate) fn timestamp() -> String {
    let mut timestamp = String::new();
    // It fails only where the buffer does.
    let _ = SystemTime.format_time(&mut Writer::new(&mut timestamp));
    timestamp
}

/// The day by UTC, as `2026-11-30`.
pub fn today() -> String {
    timestamp().chars().take(10).collect()
}

fn level(level: Level) -> &'static str {
    level.as_str()
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}");
        // A report is JSON, and is to be searched as such.
        let value = match field.name() {
            "report" => serde_json::from_str(&text).unwrap_or(Value::from(text)),
            _ => Value::from(text),
        };
        self.set(field.name(), value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field.name(), Value::from(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field.name(), Value::from(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field.name(), Value::from(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field.name(), Value::from(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field.name(), Value::from(value));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.set(field.name(), Value::from(cleanzone_error::chain(value)));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::json;
    use tracing::{error, info, warn};

    use super::*;

    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<u8>>>);

    impl Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(filter: Targets, work: impl FnOnce()) -> Vec<Value> {
        let memory = Memory::default();
        let out = memory.clone();
        let subscriber = Registry::default().with(filter).with(JsonLines { out: move || out.clone() });
        tracing::subscriber::with_default(subscriber, work);
        let bytes = memory.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn every_line_has_the_fields_of_its_spans() {
        let lines = logged(filter(None, None), || {
            let _invocation = invocation("r-1").entered();
            info!("begins");
            let _object = object("s3://landing/crm/users/1.csv").entered();
            warn!(rows = 3_u64, ratio = 0.5, "slow\nline");
            table("crm.users");
            error!(error = "Throttled", source = "another", "fails");
        });
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[0]["level"], "INFO");
        assert_eq!(lines[0]["message"], "begins");
        assert_eq!(lines[0]["requestId"], "r-1");
        assert!(lines[0].get("source").is_none());
        assert_eq!(lines[1]["message"], "slow\nline");
        assert_eq!(lines[1]["source"], "s3://landing/crm/users/1.csv");
        assert_eq!((&lines[1]["rows"], &lines[1]["ratio"]), (&json!(3), &json!(0.5)));
        assert!(lines[1].get("table").is_none());
        assert_eq!(lines[2]["table"], "crm.users");
        assert_eq!(lines[2]["requestId"], "r-1");
        assert_eq!(lines[2]["source"], "another");
    }

    #[test]
    fn the_timestamp_is_rfc_3339() {
        let lines = logged(filter(None, None), || info!("now"));
        let timestamp = lines[0]["timestamp"].as_str().unwrap();
        let shape: String = timestamp.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        assert_eq!(shape, "0000-00-00T00:00:00.000000Z");
    }

    #[test]
    fn a_report_is_json_inside_json() {
        let lines = logged(filter(None, None), || {
            let report = json!({"rows": 4, "paths": ["s3://clean/a.parquet"]});
            info!(%report, "converted");
        });
        assert_eq!(lines[0]["report"], json!({"rows": 4, "paths": ["s3://clean/a.parquet"]}));
    }

    #[test]
    fn the_head_of_a_line_is_the_logs_own() {
        let lines = logged(filter(None, None), || info!(level = "x", timestamp = "y", target = "z", "kept"));
        assert_eq!(lines[0]["level"], "INFO");
        assert_ne!(lines[0]["timestamp"], "y");
        assert_ne!(lines[0]["target"], "z");
    }

    #[test]
    fn libraries_are_quiet_unless_asked() {
        let says = |filter: Targets| {
            let lines = logged(filter, || {
                tracing::debug!("own");
                tracing::debug!(target: "aws_smithy_runtime::client", "theirs");
                tracing::error!(target: "lambda_runtime::layers::panic", "repeated");
            });
            lines.iter().map(|line| line["message"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(says(filter(None, None)), [""; 0]);
        assert_eq!(says(filter(None, Some("DEBUG"))), ["own"]);
        assert_eq!(says(filter(None, Some("fatal"))), [""; 0]);
        assert_eq!(says(filter(None, Some("loud"))), [""; 0]);
        assert_eq!(says(filter(Some("aws_smithy_runtime=debug,off"), Some("DEBUG"))), ["theirs"]);
    }
}
