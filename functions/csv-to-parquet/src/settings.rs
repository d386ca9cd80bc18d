//! What the template sets.

use cleanzone_events::Failure;
use cleanzone_lake::{Layout, Settings};
use cleanzone_runtime::settings::Env;

use crate::warner::Notify;

/// Reads `CLEAN_BUCKET`, `WRITE_MODE`, `OUTPUT_COMPRESSION`, `BAD_ROWS` and `MAX_REJECTED_RATIO`.
pub(crate) fn from(env: &Env) -> Result<Settings, Failure> {
    let mut layout = Layout::default();
    if let Some(compression) = env.parsed("OUTPUT_COMPRESSION", "snappy, zstd or none")? {
        layout.compression = compression;
    }
    let mut read = cleanzone_tabular::Options::default();
    if let Some(bad_rows) = env.parsed("BAD_ROWS", "quarantine, rescue or fail")? {
        read.bad_rows = bad_rows;
    }
    if let Some(ratio) = env.parsed::<f64>("MAX_REJECTED_RATIO", "a number from 0 to 1")? {
        read.max_rejected_ratio = ratio.clamp(0.0, 1.0);
    }
    Ok(Settings {
        clean_bucket: env.required("CLEAN_BUCKET", "the bucket that tables are written to")?,
        mode: env.parsed("WRITE_MODE", "replace, append or overwrite_partitions")?.unwrap_or_default(),
        layout,
        read,
        ..Settings::default()
    })
}

/// Reads `NOTIFY_WARNINGS`. Without `FAILURE_TOPIC_ARN` there is nobody to tell.
pub(crate) fn notify_warnings(env: &Env) -> Result<Notify, Failure> {
    let chosen = env.parsed("NOTIFY_WARNINGS", "off or daily")?.unwrap_or_default();
    Ok(if env.optional("FAILURE_TOPIC_ARN")?.is_some() { chosen } else { Notify::Off })
}

#[cfg(test)]
mod tests {
    use cleanzone_error::ErrorName;
    use cleanzone_lake::{Compression, Mode};

    use super::*;

    #[test]
    fn only_the_clean_bucket_is_needed() {
        let settings = from(&Env::of([("CLEAN_BUCKET", "clean"), ("WRITE_MODE", "")])).unwrap();
        assert_eq!((settings.mode, settings.layout.compression), (Mode::Replace, Compression::Snappy));
        let env = [("CLEAN_BUCKET", "clean"), ("WRITE_MODE", "append"), ("OUTPUT_COMPRESSION", "ZSTD")];
        let settings = from(&Env::of(env)).unwrap();
        assert_eq!((settings.mode, settings.layout.compression), (Mode::Append, Compression::Zstd(3)));
    }

    #[test]
    fn a_wrong_setting_says_what_is_expected() {
        let failure = from(&Env::of([("CLEAN_BUCKET", "clean"), ("WRITE_MODE", "merge")])).unwrap_err();
        assert_eq!(failure.name, ErrorName::InvalidSettings);
        assert!(failure.message.contains("replace, append or overwrite_partitions"), "{}", failure.message);
        assert!(from(&Env::of([])).is_err());
        assert!(from(&Env::of([("CLEAN_BUCKET", "clean"), ("BAD_ROWS", "drop")])).is_err());
    }

    #[test]
    fn warnings_are_told_once_a_day_where_there_is_a_topic() {
        let notify =
            |topic, chosen| notify_warnings(&Env::of([("FAILURE_TOPIC_ARN", topic), ("NOTIFY_WARNINGS", chosen)]));
        assert_eq!(notify("arn:aws:sns:eu-central-1:1:t", "").unwrap(), Notify::Daily);
        assert_eq!(notify("arn:aws:sns:eu-central-1:1:t", "OFF").unwrap(), Notify::Off);
        assert_eq!(notify("", "daily").unwrap(), Notify::Off);
        assert!(notify("", "hourly").unwrap_err().message.contains("off or daily"));
    }
}
