//! How the columns of a file are read.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

use crate::{
    BadRows, Column, ColumnPlan, Error, Options, RESCUED,
    format::Format,
    types::{Evidence, Kind, Times},
};

/// How the columns of a file are read, in one pass.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) columns: Vec<PlannedColumn>,
    /// What batches have.
    pub(crate) schema: SchemaRef,
    pub(crate) rescue: bool,
    pub(crate) tokens: Tokens,
    /// Whether batches are wanted, or only evidence.
    pub(crate) emit: bool,
}

/// How one column is read.
#[derive(Clone, Debug)]
pub(crate) struct PlannedColumn {
    pub(crate) name: String,
    pub(crate) source_name: String,
    pub(crate) how: How,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum How {
    Declared {
        data_type: DataType,
        format: Option<Format>,
    },
    Inferred {
        kind: Kind,
        /// Whether values may be text for now, but the column is not certain to be.
        open: bool,
        times: Times,
    },
}

/// Texts that are null without quotes.
#[derive(Clone, Debug)]
pub(crate) enum Tokens {
    /// `NULL`, `NA`, `N/A`, `NaN` and `\N`, but not in text.
    Usual,
    /// These, in text as well.
    Given(Vec<Vec<u8>>),
}

impl Tokens {
    pub(crate) fn contains(&self, text: &[u8]) -> bool {
        match self {
            Self::Usual => matches!(text, b"NULL" | b"NA" | b"N/A" | b"NaN" | b"\\N"),
            Self::Given(tokens) => tokens.iter().any(|t| t == text),
        }
    }

    /// Whether a text is null even in a column of texts.
    pub(crate) fn in_text(&self, text: &[u8]) -> bool {
        matches!(self, Self::Given(_)) && self.contains(text)
    }
}

impl How {
    fn inferred(evidence: Evidence) -> Self {
        Self::Inferred { kind: evidence.kind(), open: !evidence.is_settled_text(), times: evidence.times() }
    }

    /// The type of the column; `Null` where nothing gives evidence of one.
    pub(crate) fn data_type(&self) -> DataType {
        match self {
            Self::Declared { data_type, .. } => data_type.clone(),
            Self::Inferred { kind, .. } => match kind {
                Kind::Null => DataType::Null,
                Kind::Text => DataType::Utf8,
                Kind::Boolean => DataType::Boolean,
                Kind::Int | Kind::StyledInt(_) => DataType::Int64,
                Kind::Double | Kind::StyledDouble(_) => DataType::Float64,
                Kind::Date(_) => DataType::Date32,
                Kind::Timestamp(_) => DataType::Timestamp(TimeUnit::Microsecond, None),
            },
        }
    }
}

impl Plan {
    pub(crate) fn new(header: Vec<String>, plans: Vec<ColumnPlan>, options: &Options) -> Result<Self, Error> {
        let (found, wanted) = (plans.len(), header.len());
        if found != wanted {
            return Err(Error::Plan(format!("{found} plans for {wanted} columns").into()));
        }
        let columns = header.into_iter().zip(plans).map(|(source_name, plan)| {
            let how = match plan.declared {
                Some(data_type) => {
                    let refuse = |why: String| Error::Declaration {
                        column: plan.name.clone(),
                        data_type: data_type.clone(),
                        why,
                    };
                    if !can_declare(&data_type) {
                        return Err(refuse("no text becomes that".to_owned()));
                    }
                    let format = plan.format.as_deref().map(|f| Format::new(f, &data_type)).transpose();
                    How::Declared { format: format.map_err(refuse)?, data_type }
                }
                None if options.all_strings => How::inferred(Evidence::TEXT),
                None => How::inferred(Evidence::NONE),
            };
            Ok(PlannedColumn { name: plan.name, source_name, how })
        });
        let tokens = options
            .null_markers
            .as_ref()
            .map_or(Tokens::Usual, |markers| Tokens::Given(markers.iter().map(|m| m.as_bytes().to_vec()).collect()));
        let rescue = options.bad_rows == BadRows::Rescue;
        let mut columns = columns.collect::<Result<Vec<_>, _>>()?;
        if rescue {
            free_rescued(&mut columns);
        }
        let mut plan = Self { columns, schema: Arc::new(Schema::empty()), rescue, tokens, emit: true };
        plan.set_schema();
        Ok(plan)
    }

    /// What is known of each column before any value is.
    pub(crate) fn evidence(&self) -> Vec<Evidence> {
        let text = |how: &How| matches!(how, How::Inferred { open: false, .. });
        self.columns.iter().map(|c| if text(&c.how) { Evidence::TEXT } else { Evidence::NONE }).collect()
    }

    /// Whether the evidence wants columns to be read otherwise.
    pub(crate) fn contradicts(&self, evidence: &[Evidence]) -> bool {
        let differs = |(column, evidence): (&PlannedColumn, &Evidence)| match &column.how {
            How::Declared { .. } => false,
            How::Inferred { kind, .. } => *kind != evidence.kind(),
        };
        self.columns.iter().zip(evidence).any(differs)
    }

    /// The plan that the evidence wants.
    pub(crate) fn with(&self, evidence: &[Evidence], emit: bool) -> Self {
        let mut plan = Self { emit, ..self.clone() };
        for (column, evidence) in plan.columns.iter_mut().zip(evidence) {
            if let How::Inferred { .. } = column.how {
                column.how = How::inferred(*evidence);
            }
        }
        plan.set_schema();
        plan
    }

    fn set_schema(&mut self) {
        let field = |column: &PlannedColumn| {
            let data_type = match column.how.data_type() {
                DataType::Null => DataType::Utf8,
                other => other,
            };
            Field::new(&column.name, data_type, true)
        };
        let rescued = self.rescue.then(|| Field::new(RESCUED, DataType::Utf8, true));
        self.schema = Arc::new(Schema::new(self.columns.iter().map(field).chain(rescued).collect::<Vec<_>>()));
    }

    /// The columns as they are reported, `nulls` being those of the batches' columns.
    pub(crate) fn report(&self, nulls: &[u64]) -> Vec<Column> {
        let columns = self.columns.iter().map(|c| (c.name.clone(), c.source_name.clone(), c.how.data_type()));
        let rescued = self.rescue.then(|| (RESCUED.to_owned(), String::new(), DataType::Utf8));
        let nulls = nulls.iter().copied().chain(std::iter::repeat(0));
        columns
            .chain(rescued)
            .zip(nulls)
            .map(|((name, source_name, data_type), nulls)| Column { name, source_name, data_type, nulls })
            .collect()
    }
}

/// Gives a column that is called as the one of what did not fit another name: no table has two of a name.
fn free_rescued(columns: &mut [PlannedColumn]) {
    let taken = |columns: &[PlannedColumn], name: &str| columns.iter().any(|c| c.name.eq_ignore_ascii_case(name));
    while let Some(at) = columns.iter().position(|c| c.name.eq_ignore_ascii_case(RESCUED)) {
        let mut name = format!("{}_", columns[at].name);
        while taken(columns, &name) {
            name.push('_');
        }
        columns[at].name = name;
    }
}

fn can_declare(data_type: &DataType) -> bool {
    match data_type {
        DataType::Boolean
        | DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::Float32
        | DataType::Float64
        | DataType::Utf8
        | DataType::Date32
        | DataType::Timestamp(TimeUnit::Microsecond, None) => true,
        DataType::Decimal128(precision, scale) => {
            (1..=38).contains(precision) && (0..=precision.cast_signed()).contains(scale)
        }
        _ => false,
    }
}
