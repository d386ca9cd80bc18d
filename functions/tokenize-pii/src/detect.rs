//! Personal data that no rule declares.

use cleanzone_pii::{Detector, Finding, Settings};
use cleanzone_rules::{Dataset, Detect};
use cleanzone_tabular::{Cells, Change, Header, Options, RejectedRow, Rewriter, SinkError, Source, survey};

use crate::{columns::names, error::Error};

/// Rows that are looked at where the rules say neither whether to look nor how far, and for a first guess.
const SAMPLE: u64 = 10_000;
/// The share of a column's values that makes a finding, where the rules do not say.
const THRESHOLD: f64 = 0.5;

/// What the rules want to be done about personal data that they do not declare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) detect: Detect,
    /// Rows that decide; `None`: all.
    pub(crate) rows: Option<u64>,
}

impl Wanted {
    pub(crate) fn of(dataset: &Dataset) -> Self {
        let rows = dataset.pii.sample_rows;
        match dataset.pii.detect {
            Some(detect) => Self { detect, rows },
            None => Self { detect: Detect::Report, rows: rows.or(Some(SAMPLE)) },
        }
    }
}

/// Counts what the columns that no rule declares look like; keeps no value.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    detector: Detector,
    /// Which columns are looked at.
    columns: Vec<bool>,
    names: Vec<String>,
    threshold: f64,
}

impl Watch {
    pub(crate) fn new(dataset: &Dataset, names: &[String]) -> Result<Self, Error> {
        let settings = Settings::new(&dataset.pii.custom)?.tokens(cleanzone_vault::is_token);
        let undeclared = |name: &String| dataset.column(name).is_none_or(|column| column.pii.is_none());
        Ok(Self {
            detector: Detector::new(names, settings),
            columns: names.iter().map(undeclared).collect(),
            names: names.to_vec(),
            threshold: dataset.pii.threshold.unwrap_or(THRESHOLD),
        })
    }

    /// Whether this column is looked at.
    pub(crate) fn covers(&self, column: usize) -> bool {
        self.columns.get(column).copied().unwrap_or_default()
    }

    pub(crate) fn observe(&mut self, cells: &Cells<'_>) {
        if self.covers(cells.column()) {
            self.detector.observe(cells.column(), cells.values().iter().flatten().map(AsRef::as_ref));
        }
    }

    /// What was found in columns that no rule declares.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        self.detector.findings(self.threshold)
    }

    /// The columns with findings, by name and type, for messages.
    pub(crate) fn told(&self) -> String {
        let told = |finding: Finding| format!("{} ({})", self.names[finding.position], finding.kind);
        self.findings().into_iter().map(told).collect::<Vec<_>>().join(", ")
    }
}

/// Looks at the first rows of a file: as many as the rules want, or for a first guess where that is all.
///
/// # Errors
/// Those of reading the file.
pub(crate) fn look(
    source: &mut dyn Source,
    dataset: &Dataset,
    options: &Options,
    rows: Option<u64>,
) -> Result<Watch, Error> {
    let mut looking = Looking { dataset, watch: None };
    survey(source, &mut looking, options, rows.unwrap_or(SAMPLE)).map_err(Error::read)?;
    match looking.watch {
        Some(watch) => Ok(watch),
        None => Watch::new(dataset, &[]),
    }
}

struct Looking<'d> {
    dataset: &'d Dataset,
    watch: Option<Watch>,
}

impl Rewriter for Looking<'_> {
    fn plan(&mut self, header: &Header) -> Result<Vec<Change>, SinkError> {
        let watch = self.watch.insert(Watch::new(self.dataset, &names(self.dataset, header))?);
        let change = |column| if watch.covers(column) { Change::Show } else { Change::Keep };
        Ok((0..header.names.len()).map(change).collect())
    }

    fn rows(&mut self, columns: &mut [Cells<'_>]) -> Result<(), SinkError> {
        if let Some(watch) = &mut self.watch {
            for cells in &*columns {
                watch.observe(cells);
            }
        }
        Ok(())
    }

    fn rejected(&mut self, _: &RejectedRow<'_>) -> Result<(), SinkError> {
        Ok(())
    }
}
