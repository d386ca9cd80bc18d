//! Personal data that no rule declares.

use std::sync::Arc;

use cleanzone_pii::{Detector, Finding};
use cleanzone_rules::{Dataset, Detect};
use cleanzone_tabular::{Cells, Change, Header, Options, RejectedRow, Rewriter, SinkError, Source, survey};

use crate::{columns::names, error::Error};

/// Rows that are looked at where the rules do not say whether to look.
const ROWS: u64 = 10_000;
/// The share of a column's values that makes a finding, where the rules do not say.
const THRESHOLD: f64 = 0.5;

/// Looks through a file as the rules want it, and tells what was found in columns that they do not declare.
///
/// # Errors
/// [`Error::Found`] where there is something and the rules want none; those of reading the file.
pub(crate) fn detect(
    source: &mut dyn Source,
    dataset: &Arc<Dataset>,
    options: &Options,
) -> Result<Vec<Finding>, Error> {
    let (wanted, rows) = match dataset.pii.detect {
        Some(wanted) => (wanted, dataset.pii.sample_rows.unwrap_or(u64::MAX)),
        None => (Detect::Report, dataset.pii.sample_rows.unwrap_or(ROWS)),
    };
    if wanted == Detect::Off {
        return Ok(Vec::new());
    }
    let settings = cleanzone_pii::Settings::new(&dataset.pii.custom)?.tokens(cleanzone_vault::is_token);
    let mut watcher = Watcher { dataset: Arc::clone(dataset), settings, detector: None };
    survey(source, &mut watcher, options, rows).map_err(Error::read)?;
    let threshold = dataset.pii.threshold.unwrap_or(THRESHOLD);
    let found: Vec<Finding> = watcher
        .detector
        .map(|detector| detector.findings(threshold))
        .unwrap_or_default()
        .into_iter()
        .filter(|finding| dataset.column(&finding.column).is_none_or(|column| column.pii.is_none()))
        .collect();
    if wanted == Detect::Fail && !found.is_empty() {
        let told = found.iter().map(|finding| format!("{} ({})", finding.column, finding.kind));
        return Err(Error::Found(told.collect::<Vec<_>>().join(", ")));
    }
    Ok(found)
}

struct Watcher {
    dataset: Arc<Dataset>,
    settings: cleanzone_pii::Settings,
    detector: Option<Detector>,
}

impl Rewriter for Watcher {
    fn plan(&mut self, header: &Header) -> Result<Vec<Change>, SinkError> {
        self.detector = Some(Detector::new(names(&self.dataset, header), self.settings.clone()));
        Ok(vec![Change::Show; header.names.len()])
    }

    fn rows(&mut self, columns: &mut [Cells<'_>]) -> Result<(), SinkError> {
        for cells in columns {
            if let Some(detector) = &mut self.detector {
                detector.observe(cells.column(), cells.values().iter().flatten().map(AsRef::as_ref));
            }
        }
        Ok(())
    }

    fn rejected(&mut self, _: &RejectedRow<'_>) -> Result<(), SinkError> {
        Ok(())
    }
}
