//! How the columns of a file are read.

use std::{borrow::Cow, sync::Arc};

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

use crate::{
    BadRows, Cleanse, Column, ColumnPlan, DuplicateAction, Duplicates, Error, Header, Misfit, Notation, NumberFormat,
    Options, Origin, RESCUED, Role, TextLimit,
    column::Found,
    duplicates::Key,
    format::Format,
    notation::{Reading, Subject, Together},
    types::{Evidence, Kind, Times, float::Decimals, locale::Styles, sql_name, temporal::Layouts},
};

/// How the columns of a file are read, in one pass.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each answers a question of its own")]
pub(crate) struct Plan {
    /// One a column of the file.
    pub(crate) columns: Vec<PlannedColumn>,
    pub(crate) siblings: Vec<Sibling>,
    /// What batches have.
    pub(crate) schema: SchemaRef,
    /// Whether flawed rows are kept.
    pub(crate) rescue: bool,
    pub(crate) row_number: Option<String>,
    pub(crate) key: Option<Key>,
    pub(crate) tokens: Tokens,
    /// Names that no sibling gets, in lower case.
    taken: Arc<[String]>,
    /// Whether batches are wanted, or only evidence.
    pub(crate) emit: bool,
    /// Whether whatever is inferred is text.
    all_strings: bool,
    /// Whether the sink may refuse rows, the text of which is needed then.
    pub(crate) is_choosy: bool,
    /// Whether a field without quotes is looked for.
    pub(crate) looks_for_unquoted: bool,
}

/// How one column is read.
#[derive(Clone, Debug)]
pub(crate) struct PlannedColumn {
    pub(crate) name: String,
    pub(crate) source_name: String,
    pub(crate) how: How,
    pub(crate) role: Role,
    pub(crate) cleanse: Option<Arc<Cleanse>>,
    pub(crate) misfit: Misfit,
    /// Notations that earlier files of the column proved.
    pub(crate) known: Vec<Notation>,
    /// Styles of numbers that a rule allows.
    pub(crate) allowed: Option<Styles>,
    /// The types and names of the siblings that it has already.
    beside: Vec<(DataType, String)>,
    pub(crate) limit: Option<TextLimit>,
    /// Whether its values must not be in what is kept of rejected rows.
    pub(crate) withheld: bool,
}

/// A column of the values that a declared column does not take.
#[derive(Clone, Debug)]
pub(crate) struct Sibling {
    /// The declared column.
    pub(crate) of: usize,
    /// How these values are read; the name is that of the declared column.
    pub(crate) column: PlannedColumn,
}

impl Sibling {
    /// Whether there is such a value.
    pub(crate) fn exists(&self) -> bool {
        self.column.how.data_type() != DataType::Null
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum How {
    Declared {
        data_type: DataType,
        given: Given,
        reading: Reading,
    },
    Inferred {
        kind: Kind,
        /// Whether values may be text for now, but the column is not certain to be.
        open: bool,
        times: Times,
        /// Each number is looked at, because the notation of other columns depends on it.
        watch: bool,
        /// Numbers that are looked at in any case.
        closely: Decimals,
    },
}

/// What is said of the values of a column beside its type.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Given {
    /// How dates or timestamps are written; none: any layout that is no other.
    pub(crate) formats: Vec<Format>,
    /// Whether a person has declared the type.
    pub(crate) lenient: bool,
    /// Whether digits of a second beyond the sixth are cut off.
    pub(crate) truncate: bool,
}

impl Given {
    /// Microseconds since 1970-01-01T00:00:00 of a text in one of the formats, or in these layouts where there are none.
    /// Formats that read it as different moments do not read it.
    pub(crate) fn moment(&self, text: &[u8], layouts: Layouts) -> Option<i64> {
        let text = if self.truncate { to_micros(text) } else { Cow::Borrowed(text) };
        if self.formats.is_empty() {
            return layouts.parse(&text)?.micros();
        }
        let mut read = self.formats.iter().filter_map(|format| format.parse(&text));
        let first = read.next()?;
        read.all(|other| other == first).then_some(first)
    }
}

/// A text without the digits of a second beyond the sixth.
fn to_micros(text: &[u8]) -> Cow<'_, [u8]> {
    let digits = |from: usize| text[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    let Some(point) = text.iter().rposition(|b| *b == b'.').map(|point| point + 1) else { return Cow::Borrowed(text) };
    let count = digits(point);
    if count <= 6 {
        return Cow::Borrowed(text);
    }
    Cow::Owned([&text[..point + 6], &text[point + count..]].concat())
}

/// Texts that are null without quotes.
#[derive(Clone, Debug)]
pub(crate) enum Tokens {
    /// [`is_usual`], but not in text.
    Usual,
    /// These, in text as well.
    Given(Vec<Vec<u8>>),
}

impl Tokens {
    pub(crate) fn contains(&self, text: &[u8]) -> bool {
        match self {
            Self::Usual => is_usual(text),
            Self::Given(tokens) => tokens.iter().any(|t| t == text),
        }
    }

    /// Whether a text is null even in a column of texts.
    pub(crate) fn in_text(&self, text: &[u8]) -> bool {
        matches!(self, Self::Given(_)) && self.contains(text)
    }
}

/// Whether a text stands for nothing among numbers, dates and booleans: what programs print where there is no value
/// (SQL, R, Python, spreadsheets, C), in any case, and what people and offices of statistics put there.
fn is_usual(text: &[u8]) -> bool {
    const WORDS: [&[u8]; 12] =
        [b"na", b"n/a", b"nan", b"nil", b"null", b"none", b"-nan", b"+nan", b"#n/a", b"<na>", b"(null)", b"-nan(ind)"];
    match text {
        b"\\N" | b"-" | b"--" | b"." | b".." | b"?" | b"1.#QNAN" | b"-1.#IND" => true,
        b"" | [b'0'..=b'9', ..] => false,
        _ => text.len() <= 9 && WORDS.iter().any(|word| text.eq_ignore_ascii_case(word)),
    }
}

impl How {
    fn inferred(evidence: Evidence, allowed: Option<Styles>, together: Together) -> Self {
        let kind = evidence.kind_in(allowed.unwrap_or(Styles::USUAL), together.file);
        let watch = together.watch && kind == Kind::Double && evidence.spans_decimal_points();
        let closely = match kind {
            Kind::Double => evidence.closely(false),
            Kind::StyledDouble(style) => evidence.closely(style.has_decimal_comma()),
            _ => Decimals::None,
        };
        Self::Inferred { kind, open: !evidence.is_settled_text(), times: evidence.times(), watch, closely }
    }

    /// The reading of a column of which this is all that is known.
    fn open(evidence: Evidence) -> Self {
        Self::inferred(evidence, None, Together::NOTHING)
    }

    /// How values are read whose type is given.
    pub(crate) fn reading(&self) -> Reading {
        match self {
            Self::Declared { reading, .. } => *reading,
            Self::Inferred { .. } => Reading::UNKNOWN,
        }
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
                Kind::Double | Kind::StyledDouble(_) | Kind::Measure(..) => DataType::Float64,
                Kind::Date(_) => DataType::Date32,
                Kind::Timestamp(_) => DataType::Timestamp(TimeUnit::Microsecond, None),
            },
        }
    }
}

impl Plan {
    /// A plan for a file with this header; no sibling gets one of the `taken` names.
    pub(crate) fn new(
        header: Header,
        plans: Vec<ColumnPlan>,
        taken: &[String],
        options: &Options,
    ) -> Result<Self, Error> {
        let (found, wanted) = (plans.len(), header.names.len());
        if found != wanted {
            return Err(Error::Plan(format!("{found} plans for {wanted} columns").into()));
        }
        let columns = header.names.into_iter().zip(plans);
        let columns = columns.map(|(name, plan)| PlannedColumn::new(name, plan, options.all_strings));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let key = options.duplicates.as_ref().map(|duplicates| key(&columns, duplicates)).transpose()?;
        let tokens = options
            .null_markers
            .as_ref()
            .map_or(Tokens::Usual, |markers| Tokens::Given(markers.iter().map(|m| m.as_bytes().to_vec()).collect()));
        let mut plan = Self {
            siblings: Vec::new(),
            schema: Arc::new(Schema::empty()),
            rescue: options.bad_rows == BadRows::Rescue,
            row_number: options.row_number.clone(),
            key,
            tokens,
            taken: taken.iter().map(|name| name.to_lowercase()).collect(),
            emit: true,
            all_strings: options.all_strings,
            is_choosy: false,
            looks_for_unquoted: false,
            columns,
        };
        plan.free_names()?;
        let siblings = plan.columns.iter().enumerate().filter(|(_, c)| c.has_sibling());
        let siblings = siblings.map(|(of, column)| {
            let how = How::open(Evidence::NONE);
            Sibling {
                of,
                column: PlannedColumn { how, known: Vec::new(), allowed: Some(Styles::UNMISTAKABLE), ..column.clone() },
            }
        });
        plan.siblings = siblings.collect();
        plan.set_schema();
        Ok(plan)
    }

    /// All columns of which the type may be inferred: those of the file, and the siblings.
    fn readings(&self) -> impl Iterator<Item = &PlannedColumn> {
        self.columns.iter().chain(self.siblings.iter().map(|sibling| &sibling.column))
    }

    /// What is known of each column before any value is.
    pub(crate) fn evidence(&self) -> Vec<Evidence> {
        let text = |how: &How| matches!(how, How::Inferred { open: false, .. });
        self.readings().map(|c| if text(&c.how) { Evidence::TEXT } else { Evidence::NONE }).collect()
    }

    /// Adds what other values say of each column.
    pub(crate) fn join(&self, evidence: &mut [Evidence], new: &[Evidence]) {
        for (i, (known, new)) in evidence.iter_mut().zip(new).enumerate() {
            known.join(*new);
            // Siblings have no unit that is remembered: those of several files could be mixed.
            let is_text = known.has_unit() || self.all_strings && *known != Evidence::NONE;
            if is_text && i >= self.columns.len() {
                *known = Evidence::TEXT;
            }
        }
    }

    /// Whether the evidence wants columns to be read otherwise.
    pub(crate) fn contradicts(&self, evidence: &[Evidence]) -> bool {
        if self.depends_on_quotes(evidence) && !self.looks_for_unquoted {
            return true;
        }
        let together = self.together(evidence);
        self.readings().zip(evidence).any(|(column, evidence)| match (&column.how, column.under(*evidence, together)) {
            (How::Declared { reading: now, .. }, How::Declared { reading: wanted, .. }) => now.contradicts(wanted),
            (
                How::Inferred { kind: now, watch, closely, .. },
                How::Inferred { kind, watch: wanted, closely: needed, .. },
            ) => *now != kind || wanted && !watch || needed != Decimals::None && *closely != needed,
            _ => true,
        })
    }

    /// The plan that the evidence wants.
    pub(crate) fn with(&self, evidence: &[Evidence], emit: bool) -> Self {
        let mut plan = Self { emit, looks_for_unquoted: self.depends_on_quotes(evidence), ..self.clone() };
        let together = self.together(evidence);
        let siblings = plan.siblings.iter_mut().map(|sibling| &mut sibling.column);
        for (column, evidence) in plan.columns.iter_mut().chain(siblings).zip(evidence) {
            column.how = column.under(*evidence, together);
        }
        plan.set_schema();
        plan
    }

    /// What values say of how the columns are written whose type is given; nothing of all others.
    pub(crate) fn notations(&self, found: &[Found]) -> Vec<Evidence> {
        let of = |(column, found): (&PlannedColumn, &Found)| match column.how {
            How::Declared { .. } => found.evidence.unwrap_or(Evidence::NONE),
            How::Inferred { .. } => Evidence::NONE,
        };
        self.columns.iter().zip(found).map(of).collect()
    }

    /// Whether columns whose type is given are read as under another plan.
    pub(crate) fn reads_as(&self, other: &Self) -> bool {
        let pairs = self.columns.iter().zip(&other.columns);
        pairs.map(|(one, other)| (one.how.reading(), other.how.reading())).all(|(one, other)| !one.contradicts(other))
    }

    /// What was known of siblings before their columns were read otherwise is void: other values are in them.
    pub(crate) fn forget_siblings(&self, before: &Self, evidence: &mut [Evidence]) {
        let moved = |of: usize| self.columns[of].how.reading().contradicts(before.columns[of].how.reading());
        let known = evidence.iter_mut().skip(self.columns.len());
        for (_, evidence) in self.siblings.iter().zip(known).filter(|(sibling, _)| moved(sibling.of)) {
            *evidence = Evidence::NONE;
        }
    }

    /// What the columns of the file say together.
    fn together(&self, evidence: &[Evidence]) -> Together {
        let kept = self.columns.iter().zip(evidence).filter(|(column, _)| column.role == Role::Keep);
        let mut together = Together::of(&kept.map(|(column, evidence)| column.subject(*evidence)));
        together.file.all_quoted = !evidence.iter().any(|evidence| evidence.is_unquoted());
        together
    }

    /// Whether it matters if all fields of the file are quoted, and no other is known.
    fn depends_on_quotes(&self, evidence: &[Evidence]) -> bool {
        let depends = |(column, evidence): (&PlannedColumn, &Evidence)| match &column.how {
            How::Declared { .. } => evidence.has_quoted_nothing(),
            How::Inferred { .. } => evidence.depends_on_quotes(),
        };
        self.readings().zip(evidence).any(depends) && !evidence.iter().any(|evidence| evidence.is_unquoted())
    }

    /// The same, but nobody looks for duplicates.
    pub(crate) fn without_key(&self) -> Self {
        Self { key: None, ..self.clone() }
    }

    fn set_schema(&mut self) {
        let field = |column: Column| {
            let data_type = match column.data_type {
                DataType::Null => DataType::Utf8,
                other => other,
            };
            Field::new(column.name, data_type, true)
        };
        self.schema = Arc::new(Schema::new(self.output().into_iter().map(field).collect::<Vec<_>>()));
    }

    /// The columns of batches.
    fn output(&self) -> Vec<Column> {
        let of = |name: &str, source_name: &str, origin: Origin, data_type: DataType| Column {
            name: name.to_owned(),
            source_name: source_name.to_owned(),
            origin,
            beside: None,
            data_type,
            nulls: 0,
            nulled: 0,
            notation: None,
            unit: None,
            ambiguity: None,
        };
        let file = self.kept().map(|(_, c)| of(&c.name, &c.source_name, Origin::File, c.how.data_type()));
        let siblings = self.siblings.iter().filter(|sibling| sibling.exists()).map(|sibling| {
            let column = &sibling.column;
            Column {
                beside: Some(column.name.clone()),
                ..of(&self.sibling_name(column), &column.source_name, Origin::Sibling, column.how.data_type())
            }
        });
        let rescued = self.has_rescued().then(|| of(RESCUED, "", Origin::Rescued, DataType::Utf8));
        let number = self.row_number.as_ref().map(|name| of(name, "", Origin::RowNumber, DataType::Int64));
        let flag = self.flag().map(|name| of(name, "", Origin::Duplicate, DataType::Boolean));
        file.chain(siblings).chain(rescued).chain(number).chain(flag).collect()
    }

    /// The columns of the file that batches have, with their places in it.
    fn kept(&self) -> impl Iterator<Item = (usize, &PlannedColumn)> {
        self.columns.iter().enumerate().filter(|(_, column)| column.role == Role::Keep)
    }

    /// Whether there is a column of what did not fit or has no other place.
    pub(crate) fn has_rescued(&self) -> bool {
        self.rescue || self.columns.iter().any(|column| column.role == Role::Rescue)
    }

    /// Whether there are columns of the file that nobody looks into.
    pub(crate) fn has_unread(&self) -> bool {
        self.columns.iter().any(|column| column.role != Role::Keep)
    }

    /// The names of columns that the reader adds, but for siblings.
    fn own_names(&self) -> Vec<String> {
        let own = [self.has_rescued().then_some(RESCUED), self.row_number.as_deref(), self.flag()];
        own.into_iter().flatten().map(str::to_owned).collect()
    }

    /// Gives columns that are called as one that the reader adds another name: no table has two of a name.
    fn free_names(&mut self) -> Result<(), Error> {
        let own = self.own_names();
        let is_own = |name: &str| own.iter().any(|own| own.eq_ignore_ascii_case(name));
        for (i, name) in own.iter().enumerate() {
            if own[..i].iter().any(|other| other.eq_ignore_ascii_case(name)) {
                let message = format!("two added columns are called {name:?}: give one of them another name");
                return Err(Error::Settings(message));
            }
        }
        while let Some(at) = self.columns.iter().position(|c| c.role == Role::Keep && is_own(&c.name)) {
            let mut name = format!("{}_", self.columns[at].name);
            while is_own(&name) || self.columns.iter().any(|c| c.name.eq_ignore_ascii_case(&name)) {
                name.push('_');
            }
            self.columns[at].name = name;
        }
        Ok(())
    }

    /// The name of the column that flags duplicates.
    pub(crate) fn flag(&self) -> Option<&str> {
        match &self.key.as_ref()?.action {
            DuplicateAction::Flag(name) => Some(name),
            DuplicateAction::Drop => None,
        }
    }

    /// The name of a sibling: siblings of different columns never get the same.
    fn sibling_name(&self, column: &PlannedColumn) -> String {
        let data_type = column.how.data_type();
        if let Some((_, name)) = column.beside.iter().find(|(of, _)| *of == data_type) {
            return name.clone();
        }
        let mut name = format!("{}_{}", column.name, sql_name(&data_type));
        let own = self.own_names();
        let taken = |name: &str| {
            let mut names = self.kept().map(|(_, c)| c.name.as_str()).chain(own.iter().map(String::as_str));
            names.any(|other| other.eq_ignore_ascii_case(name)) || self.taken.contains(&name.to_lowercase())
        };
        while taken(&name) {
            name.push('_');
        }
        name
    }

    /// The columns as they are reported: `nulls` are those of the batches' columns, `nulled` those of the file's, and
    /// `evidence` is what their values say.
    pub(crate) fn report(&self, nulls: &[u64], nulled: &[u64], evidence: &[Evidence]) -> Vec<Column> {
        let mut columns = self.output();
        let together = self.together(evidence);
        for (column, (place, planned)) in columns.iter_mut().zip(self.kept()) {
            let subject = planned.subject(evidence.get(place).copied().unwrap_or(Evidence::NONE));
            let kind = match planned.how {
                How::Inferred { kind, .. } => Some(kind),
                How::Declared { .. } => None,
            };
            column.notation = subject.news(kind);
            let unit = match kind {
                Some(Kind::Measure(unit, _)) => Some(unit),
                Some(_) => None,
                None => subject.known_unit(),
            };
            column.unit = unit.map(|unit| unit.name().to_owned());
            column.ambiguity = subject.ambiguity(together);
        }
        for (column, nulls) in columns.iter_mut().zip(nulls) {
            column.nulls = *nulls;
        }
        for (column, (place, _)) in columns.iter_mut().zip(self.kept()) {
            column.nulled = nulled.get(place).copied().unwrap_or(0);
        }
        columns
    }

    /// The names, in the file, of columns that are left out.
    pub(crate) fn dropped(&self) -> Vec<String> {
        let dropped = self.columns.iter().filter(|column| column.role == Role::Drop);
        dropped.map(|column| column.source_name.clone()).collect()
    }
}

impl PlannedColumn {
    fn subject(&self, evidence: Evidence) -> Subject<'_> {
        let declared = match &self.how {
            How::Declared { data_type, .. } => Some(data_type),
            How::Inferred { .. } => None,
        };
        Subject { evidence, declared, allowed: self.allowed, known: &self.known }
    }

    /// How it is read under this evidence.
    fn under(&self, evidence: Evidence, together: Together) -> How {
        match &self.how {
            How::Inferred { .. } => How::inferred(evidence, self.allowed, together),
            How::Declared { data_type, given, .. } => How::Declared {
                data_type: data_type.clone(),
                given: given.clone(),
                reading: together.reading(&self.subject(evidence)),
            },
        }
    }

    fn new(source_name: String, plan: ColumnPlan, all_strings: bool) -> Result<Self, Error> {
        let how = match plan.declared.filter(|_| plan.role == Role::Keep) {
            Some(data_type) => {
                let refuse =
                    |why: String| Error::Declaration { column: plan.name.clone(), data_type: data_type.clone(), why };
                if !can_declare(&data_type) {
                    return Err(refuse("no text becomes that".to_owned()));
                }
                let formats = plan.formats.iter().map(|f| Format::new(f, &data_type)).collect::<Result<_, _>>();
                let formats = formats.map_err(refuse)?;
                let given = Given { formats, lenient: plan.lenient, truncate: plan.truncate };
                How::Declared { given, data_type, reading: Reading::UNKNOWN }
            }
            None if all_strings => How::open(Evidence::TEXT),
            None => How::open(Evidence::NONE),
        };
        let ColumnPlan { name, role, cleanse, misfit, known, numbers, siblings: beside, limit, .. } = plan;
        let allowed = numbers.and_then(NumberFormat::styles);
        let limit = limit.filter(|_| matches!(how, How::Declared { data_type: DataType::Utf8, .. }));
        let withheld = plan.withheld || role == Role::Drop;
        Ok(Self { name, source_name, how, role, cleanse, misfit, known, allowed, beside, limit, withheld })
    }

    /// The type that its values have to fit, as SQL names it.
    pub(crate) fn expected(&self) -> String {
        self.limit.map_or_else(|| sql_name(&self.how.data_type()), |limit| limit.to_string())
    }

    fn has_sibling(&self) -> bool {
        matches!(self.how, How::Declared { .. }) && self.misfit == Misfit::Sibling
    }
}

/// The columns by which rows are compared.
fn key(columns: &[PlannedColumn], duplicates: &Duplicates) -> Result<Key, Error> {
    let place = |name: &String| {
        let found = columns.iter().position(|column| column.name == *name && column.role == Role::Keep);
        found.ok_or_else(|| {
            let message =
                format!("duplicates cannot be told by {name:?}: the file has no such column, or it is left out");
            Error::Plan(message.into())
        })
    };
    let by = duplicates.by.iter().map(place).collect::<Result<_, _>>()?;
    Ok(Key::new(by, duplicates.action.clone()))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_nothing_are_known_in_any_case() {
        for word in [
            "NULL",
            "null",
            "NA",
            "na",
            "N/A",
            "n/a",
            "NaN",
            "nan",
            "NAN",
            "-nan",
            "None",
            "none",
            "nil",
            "#N/A",
            "<NA>",
            "(null)",
            "\\N",
            "-",
            "--",
            ".",
            "..",
            "?",
            "-1.#IND",
            "1.#QNAN",
            "-nan(ind)",
        ] {
            assert!(Tokens::Usual.contains(word.as_bytes()), "{word}");
            assert!(!Tokens::Usual.in_text(word.as_bytes()), "{word}");
        }
        for word in ["", "0", "-0", "x", "nul", "nulls", "+", "---", "...", "\\n", "inf", "1.#INF", "NaN ", "#REF!"] {
            assert!(!Tokens::Usual.contains(word.as_bytes()), "{word}");
        }
    }
}
