//! Whom warnings reach: every one the log, and those of a kind the failure topic, once a day for each table.

use std::{error::Error, str::FromStr, sync::Arc};

use cleanzone_error::chain;
use cleanzone_events::ObjectCreated;
use cleanzone_lake::{DailyMarks, Report, Warning, WarningKind};
use cleanzone_runtime::{
    Invocation, WarningNotice, logs,
    notify::{About, Notifier},
};
use tokio::time::{Duration, Instant, timeout_at};

/// Warnings of a file that the log has one by one.
const LOGGED: usize = 20;
/// What telling may take: the answer waits for it.
const PATIENCE: Duration = Duration::from_secs(10);

/// When people are told of warnings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Notify {
    /// Never; the log and the metrics have them.
    Off,
    /// Once a day for each table and kind.
    #[default]
    Daily,
}

impl FromStr for Notify {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text.to_ascii_lowercase().as_str() {
            "off" => Ok(Self::Off),
            "daily" => Ok(Self::Daily),
            _ => Err(()),
        }
    }
}

/// Writes a line for each warning, up to a limit.
pub(crate) fn log(warnings: &[Warning]) {
    for Warning { kind, column, message } in warnings.iter().take(LOGGED) {
        tracing::warn!(warning = %kind, column = column.as_deref(), "{message}");
    }
    if let Some(more @ 1..) = warnings.len().checked_sub(LOGGED) {
        tracing::warn!("{more} more warnings stand in the report");
    }
}

/// Tells the failure topic of warnings.
#[derive(Debug)]
pub(crate) struct Warner {
    marks: DailyMarks,
    notifier: Arc<dyn Notifier>,
}

impl Warner {
    pub(crate) fn new(marks: DailyMarks, notifier: Arc<dyn Notifier>) -> Self {
        Self { marks, notifier }
    }

    /// Tells of the kinds of warnings that nobody has told of today. Never fails: the file is converted.
    pub(crate) async fn tell(&self, report: &Report, object: &ObjectCreated, invocation: &Invocation) {
        let (day, until) = (logs::today(), invocation.end.min(Instant::now() + PATIENCE));
        for kind in report.warnings_by_kind.keys() {
            let notice = notice(*kind, report, object, invocation);
            if let Err(why) = self.tell_kind(*kind, &day, &notice, until).await {
                tracing::warn!(warning = %kind, "nobody was told of a warning: {why}");
            }
        }
    }

    async fn tell_kind(
        &self,
        kind: WarningKind,
        day: &str,
        notice: &WarningNotice,
        until: Instant,
    ) -> Result<(), String> {
        let About { database, table, .. } = &notice.about;
        let dataset = (database.as_deref().unwrap_or_default(), table.as_deref().unwrap_or_default());
        let Some(claim) = in_time(until, self.marks.claim(day, dataset, kind)).await? else { return Ok(()) };
        let told = in_time(until, self.notifier.warn(notice)).await;
        if told.is_err() {
            // The next such file tells then.
            in_time(until + PATIENCE, self.marks.release(claim)).await?;
        }
        told
    }
}

async fn in_time<T, E: Error + 'static>(until: Instant, work: impl Future<Output = Result<T, E>>) -> Result<T, String> {
    match timeout_at(until, work).await {
        Ok(done) => done.map_err(|error| chain(&error)),
        Err(_) => Err("it took too long".to_owned()),
    }
}

fn notice(kind: WarningKind, report: &Report, object: &ObjectCreated, invocation: &Invocation) -> WarningNotice {
    let of_kind = report.warnings.iter().filter(|warning| warning.kind == kind);
    WarningNotice {
        kind: kind.to_string(),
        findings: of_kind.map(Warning::finding).collect(),
        advice: kind.advice(),
        about: About {
            bucket: Some(object.bucket.clone()),
            key: Some(object.key.clone()),
            version_id: object.version_id.clone(),
            database: Some(report.database.clone()),
            table: Some(report.table.clone()),
            request_id: invocation.request_id.clone(),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use cleanzone_lake::Status;
    use cleanzone_runtime::notify::MemoryNotifier;
    use cleanzone_storage::{Call, Error as StorageError, Fault, Location, MemoryStore};
    use serde_json::Value;

    use super::*;

    struct World {
        store: MemoryStore,
        notifier: MemoryNotifier,
        /// Two functions that run at the same time.
        warners: [Warner; 2],
    }

    impl World {
        fn new() -> Self {
            let (store, notifier) = (MemoryStore::new(["clean"]), MemoryNotifier::default());
            let warner = || Warner::new(DailyMarks::new(Arc::new(store.clone()), "clean"), Arc::new(notifier.clone()));
            let warners = [warner(), warner()];
            Self { store, notifier, warners }
        }

        async fn tell(&self, by: usize, report: &Report) {
            let object = ObjectCreated { bucket: "landing".into(), key: "db/t/a.csv".into(), ..Default::default() };
            let end = Instant::now() + Duration::from_mins(1);
            let invocation = Invocation { payload: Value::Null, deadline: end, end, request_id: "r".into() };
            self.warners[by].tell(report, &object, &invocation).await;
        }

        fn told(&self) -> Vec<(String, usize)> {
            self.notifier.warnings().into_iter().map(|notice| (notice.kind, notice.findings.len())).collect()
        }
    }

    fn report(table: &str, warnings: &[Warning]) -> Report {
        let mut by_kind = BTreeMap::new();
        for warning in warnings {
            *by_kind.entry(warning.kind).or_default() += 1;
        }
        Report {
            status: Status::Converted,
            database: "db".into(),
            table: table.into(),
            warnings: warnings.to_vec(),
            warnings_by_kind: by_kind,
            ..Report::default()
        }
    }

    fn absent(column: &str) -> Warning {
        Warning::of_column(WarningKind::AbsentColumn, column, "the file has no such column")
    }

    fn met() -> Warning {
        Warning::new(WarningKind::NamesMet, "two columns share a name")
    }

    #[tokio::test]
    async fn each_kind_of_a_table_is_told_once_a_day_by_whichever_function_is_first() {
        let world = World::new();
        for (by, table, warnings) in [
            (0, "t", vec![absent("a"), absent("b")]),
            (1, "t", vec![absent("c")]),
            (0, "t", vec![absent("a"), met()]),
            (1, "u", vec![absent("a")]),
        ] {
            world.tell(by, &report(table, &warnings)).await;
        }
        let expected = [("AbsentColumn", 2), ("NamesMet", 1), ("AbsentColumn", 1)];
        assert_eq!(world.told(), expected.map(|(kind, findings)| (kind.to_owned(), findings)));
        let first = &world.notifier.warnings()[0];
        assert_eq!(first.findings[0], "column a: the file has no such column");
        assert_eq!((first.about.table.as_deref(), first.about.key.as_deref()), (Some("t"), Some("db/t/a.csv")));
    }

    #[tokio::test]
    async fn who_reaches_nobody_leaves_it_to_the_next_file() {
        let world = World::new();
        world.notifier.go_away(true);
        world.tell(0, &report("t", &[absent("a")])).await;
        world.notifier.go_away(false);
        world.tell(1, &report("t", &[absent("a")])).await;
        assert_eq!(world.told(), [("AbsentColumn".to_owned(), 1)]);
    }

    #[tokio::test]
    async fn a_claim_that_fails_keeps_no_other_kind_from_being_told() {
        let world = World::new();
        let gone = StorageError::Unavailable(Location::new("clean", "x"), "gone".into());
        world.store.inject(Call::Put, Fault::Before(gone));
        world.tell(0, &report("t", &[absent("a"), met()])).await;
        assert_eq!(world.told(), [("NamesMet".to_owned(), 1)]);
        world.tell(0, &report("t", &[absent("a"), met()])).await;
        assert_eq!(world.told()[1..], [("AbsentColumn".to_owned(), 1)]);
    }

    #[tokio::test(start_paused = true)]
    async fn telling_ends_when_the_function_has_to_answer() {
        let begun = Instant::now();
        let late = in_time(begun + PATIENCE, std::future::pending::<Result<(), StorageError>>()).await;
        assert_eq!((late, begun.elapsed()), (Err("it took too long".to_owned()), PATIENCE));
    }
}
