//! Fields of one column to an Arrow array.

#![allow(clippy::cast_possible_truncation, reason = "places in a block are 32 bits wide, and blocks far smaller")]

use std::{borrow::Cow, ops::Range, sync::Arc};

use arrow::{
    array::{
        Array, ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int8Array, Int16Array,
        Int32Array, Int64Array, NullBufferBuilder, StringArray, TimestampMicrosecondArray, new_null_array,
    },
    buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer},
    datatypes::{ArrowNativeType, DataType},
    error::ArrowError,
};
use memchr::memchr;

use crate::{
    Cleanse, Misfit,
    block::Block,
    field,
    flaw::{OTHER_UNIT, OTHERWISE},
    grammar::Grammar,
    notation::Reading,
    plan::{Given, How, PlannedColumn, Sibling, Tokens},
    types::{
        Evidence, Kind, Times, boolean, contract, decimal, float,
        float::{Decimals, Number},
        integer,
        integer::MAX_SAFE,
        lanes::{self, BATCH, Batch, Lanes},
        locale::ledger,
        temporal::{self, DAY, Layout},
        trim, unit,
    },
};

mod declared;

/// The fields of a block.
pub(crate) struct Fields<'a> {
    text: &'a [u8],
    rows: &'a [u32],
    ends: &'a [u32],
    columns: usize,
    delimiter: usize,
    /// The quote, or 256 for none.
    quote: u16,
    /// Whether quotes have to be looked for inside of quoted fields.
    tricky: bool,
    /// Whether the text is ASCII without NUL.
    plain: bool,
    /// Whether no row misses a field.
    whole: bool,
    odd: Vec<u32>,
    grammar: &'a Grammar,
    tokens: &'a Tokens,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(block: &'a Block, columns: usize, grammar: &'a Grammar, tokens: &'a Tokens) -> Self {
        Self {
            text: &block.text,
            rows: &block.rows,
            ends: &block.ends,
            columns,
            delimiter: grammar.delimiter.len(),
            quote: grammar.quote.map_or(256, u16::from),
            tricky: block.tricky,
            plain: block.plain,
            whole: block.padded == 0 && block.odd.is_empty(),
            odd: block.odd.iter().map(|odd| odd.row).collect(),
            grammar,
            tokens,
        }
    }

    /// The bytes that the fields of each of some columns have together.
    pub(crate) fn lengths(&self, columns: &[usize]) -> Vec<usize> {
        if columns.is_empty() {
            return Vec::new();
        }
        if !self.whole {
            let length = |column| self.spans(column, 0..self.rows.len()).map(|(_, len)| len).sum();
            return columns.iter().map(|column| length(*column)).collect();
        }
        // All places of a row at once. Sums may pass 32 bits, but differences of them do not.
        let mut sums = vec![0u32; self.columns];
        for ends in self.ends.chunks_exact(self.columns) {
            let (eights, rest) = sums.as_chunks_mut::<8>();
            let (end_eights, end_rest) = ends.as_chunks::<8>();
            for (sums, ends) in eights.iter_mut().zip(end_eights) {
                for (sum, end) in sums.iter_mut().zip(ends) {
                    *sum = sum.wrapping_add(*end);
                }
            }
            for (sum, end) in rest.iter_mut().zip(end_rest) {
                *sum = sum.wrapping_add(*end);
            }
        }
        let first = self.rows.iter().fold(0u32, |sum, row| sum.wrapping_add(*row));
        let delimiters = (self.rows.len() * self.delimiter) as u32;
        let length = |column: usize| {
            let before = if column == 0 { first } else { sums[column - 1].wrapping_add(delimiters) };
            sums[column].wrapping_sub(before) as usize
        };
        columns.iter().map(|column| length(*column)).collect()
    }

    /// Where the fields of a column begin, and how long they are. A missing field has no length.
    #[inline]
    pub(crate) fn spans(&self, column: usize, rows: Range<usize>) -> impl Iterator<Item = (usize, usize)> {
        // Known here, it need not be looked at for every row.
        assert!(column < self.columns, "there is no such column");
        let ends = self.ends.get(rows.start * self.columns..rows.end * self.columns).unwrap_or_default();
        let starts = self.rows.get(rows).unwrap_or_default();
        ends.chunks_exact(self.columns).zip(starts).map(move |(ends, &row)| {
            let start = if column == 0 { row as usize } else { ends[column - 1] as usize + self.delimiter };
            (start, (ends[column] as usize).saturating_sub(start))
        })
    }

    /// The field of a column in a row, as it stands.
    pub(crate) fn raw(&self, column: usize, row: usize) -> &'a [u8] {
        self.spans(column, row..row + 1).next().map_or(&[], |(start, len)| &self.text[start..start + len])
    }

    /// Whether a field of some row that is not flawed is neither empty nor quoted.
    pub(crate) fn has_unquoted(&self) -> bool {
        let is_unquoted = |(start, len): (usize, usize)| {
            let field = &self.text[start..start + len];
            field.first().is_some_and(|first| u16::from(*first) != self.quote) && !trim(field).is_empty()
        };
        let of_row = |row: usize| (0..self.columns).flat_map(move |column| self.spans(column, row..row + 1));
        (0..self.rows.len()).filter(|row| !self.is_odd(*row)).any(|row| of_row(row).any(is_unquoted))
    }

    pub(crate) fn grammar(&self) -> &'a Grammar {
        self.grammar
    }

    /// Whether more can be in a text than quotes.
    fn has_odd_text(&self) -> bool {
        self.grammar.escape.is_some() || !self.odd.is_empty() || matches!(self.tokens, Tokens::Given(_))
    }

    pub(crate) fn is_odd(&self, row: usize) -> bool {
        !self.odd.is_empty() && self.odd.binary_search(&(row as u32)).is_ok()
    }
}

/// Builds the array of one column.
pub(crate) struct Builder<'p> {
    column: usize,
    planned: &'p PlannedColumn,
    values: Values,
    /// Rows that are null.
    nulls: Vec<u32>,
    found: Found,
}

/// What was found on the way.
#[derive(Default)]
pub(crate) struct Found {
    /// What values say of an inferred column's type, beyond what its kind implies.
    pub(crate) evidence: Option<Evidence>,
    /// Rows whose value does not fit, and what it is instead.
    pub(crate) misfits: Vec<(usize, &'static str)>,
    /// Rows whose value does not fit and that are none the worse for it: it is null, or stands in the sibling.
    pub(crate) diverted: Vec<usize>,
    /// Whether cleansing made more text of a block than an array holds.
    pub(crate) too_long: bool,
    /// Whether there are bytes that are no UTF-8, or NUL.
    pub(crate) invalid: bool,
}

enum Values {
    None,
    Boolean(Vec<bool>),
    Int8(Vec<i8>),
    Int16(Vec<i16>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Float32(Vec<f32>),
    Float64(Vec<f64>),
    Date(Vec<i32>),
    Timestamp(Vec<i64>),
    Decimal(Vec<i128>, u8, i8),
    Text(Text),
}

/// Texts one after the other.
struct Text {
    /// Longer than what is used of it.
    bytes: Vec<u8>,
    used: usize,
    offsets: Vec<i32>,
}

/// Short texts are copied whole vectors at a time.
const SHORT: usize = 48;

/// Texts of a block, together, cannot be longer, whatever cleansing makes of them: places are 31 bits wide.
pub(crate) const MAX_TEXT: usize = 1 << 30;

impl Text {
    fn new(rows: usize, bytes: usize) -> Self {
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        Self { bytes: vec![0; bytes + SHORT], used: 0, offsets }
    }

    /// Adds `len` bytes of `text` from `start` on.
    #[inline]
    fn push(&mut self, text: &[u8], start: usize, len: usize) {
        self.used += copy(text, start, len, &mut self.bytes, self.used);
        self.push_null();
    }

    /// Adds a text that may be longer than the field it comes from; says whether there is room.
    fn push_longer(&mut self, text: &[u8]) -> bool {
        let needed = self.used + text.len() + SHORT;
        if needed > MAX_TEXT {
            return false;
        }
        if needed > self.bytes.len() {
            self.bytes.resize(needed.next_power_of_two(), 0);
        }
        self.push(text, 0, text.len());
        true
    }

    /// Ends a text here.
    fn push_null(&mut self) {
        self.offsets.push((self.used as u32).cast_signed());
    }

    /// Texts of ASCII alone, as an array; to look at them again would take longer than to copy them did.
    #[allow(unsafe_code, reason = "what is checked otherwise was found by the scan: 2 % of a conversion")]
    fn plain_array(self, nulls: Option<NullBuffer>) -> StringArray {
        debug_assert!(self.bytes.is_ascii(), "the scan saw all of it");
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.offsets));
        let bytes = Buffer::from_vec(self.bytes);
        debug_assert_eq!(offsets.last().as_usize(), bytes.len(), "the last one ends with the bytes");
        // SAFETY: offsets go up, which `OffsetBuffer` has checked, and end with the bytes; in ASCII each of them is
        // between characters. Nulls are as many as offsets but one, as rows are taken by both.
        unsafe { StringArray::new_unchecked(offsets, bytes, nulls) }
    }
}

/// Copies `len` bytes of `text` from `start` on to `bytes` at `at`, and perhaps some nonsense behind them; returns how
/// many count.
#[inline]
fn copy(text: &[u8], start: usize, len: usize, bytes: &mut [u8], at: usize) -> usize {
    if len <= SHORT
        && let Some(from) = text.get(start..).and_then(|text| text.first_chunk::<SHORT>())
        && let Some(to) = bytes.get_mut(at..).and_then(|bytes| bytes.first_chunk_mut::<SHORT>())
    {
        *to = *from;
        return len;
    }
    copy_long(text, start, len, bytes, at)
}

/// The same for a text of any length. Apart, so that both are not made one call.
#[inline(never)]
fn copy_long(text: &[u8], start: usize, len: usize, bytes: &mut [u8], at: usize) -> usize {
    let (Some(from), Some(to)) = (text.get(start..start + len), bytes.get_mut(at..at + len)) else {
        // Room was made for the fields as they stand; contents are never longer.
        debug_assert!(false, "no room for a field");
        return 0;
    };
    to.copy_from_slice(from);
    len
}

impl<'p> Builder<'p> {
    /// A builder for `rows` values of at most `bytes` bytes together.
    pub(crate) fn new(column: usize, planned: &'p PlannedColumn, rows: usize, bytes: usize) -> Self {
        let values = match planned.how.data_type() {
            DataType::Boolean => Values::Boolean(Vec::with_capacity(rows)),
            DataType::Int8 => Values::Int8(Vec::with_capacity(rows)),
            DataType::Int16 => Values::Int16(Vec::with_capacity(rows)),
            DataType::Int32 => Values::Int32(Vec::with_capacity(rows)),
            DataType::Int64 => Values::Int64(Vec::with_capacity(rows)),
            DataType::Float32 => Values::Float32(Vec::with_capacity(rows)),
            DataType::Float64 => Values::Float64(Vec::with_capacity(rows)),
            DataType::Date32 => Values::Date(Vec::with_capacity(rows)),
            DataType::Timestamp(..) => Values::Timestamp(Vec::with_capacity(rows)),
            DataType::Decimal128(precision, scale) => Values::Decimal(Vec::with_capacity(rows), precision, scale),
            DataType::Utf8 => Values::Text(Text::new(rows, bytes)),
            _ => Values::None,
        };
        Self { column, planned, values, nulls: Vec::new(), found: Found::default() }
    }

    /// The column of the file that it reads.
    pub(crate) fn column(&self) -> usize {
        self.column
    }

    /// Adds the fields of some rows.
    #[expect(clippy::too_many_lines, reason = "one arm a type")]
    pub(crate) fn push(&mut self, fields: &Fields<'_>, rows: Range<usize>) {
        let text = fields.text;
        let mut run = Run {
            column: self.column,
            fields,
            rows,
            nulls: &mut self.nulls,
            found: &mut self.found,
            cleanse: self.planned.cleanse.as_deref(),
            misfit: self.planned.misfit,
            reading: self.planned.how.reading(),
            closely: Decimals::None,
        };
        match &self.planned.how {
            How::Inferred { kind, open, times, watch, closely } => {
                let closely = *closely;
                run.closely = closely;
                // What is parsed in the kind that is assumed adds nothing to the evidence for it, but for what is said.
                match (&mut self.values, kind) {
                    (Values::Boolean(out), _) => {
                        let known = Evidence::NONE;
                        run.inferred(out, None, |s, l| boolean(text.get(s..s + l)?), |t| Some((boolean(t)?, known)));
                    }
                    (Values::Int64(out), Kind::StyledInt(style)) => run.inferred(
                        out,
                        None,
                        |_, _| None,
                        |t| match integer::parse(t).map(Number::Int).or_else(|| style.parse(t))? {
                            // Whether it is large is looked at in the end, as it is for plain ones.
                            Number::Int(value) => Some((value, Evidence::of_form(t))),
                            Number::Float(_) => None,
                        },
                    ),
                    (Values::Int64(out), _) => {
                        let fast = |start, len| {
                            integer::fast(text, start, len).or_else(|| integer::parse(text.get(start..start + len)?))
                        };
                        run.inferred(out, lanes::integers(), fast, |t| {
                            let value = integer::parse(t)?;
                            Some((value, Evidence::of_number(t, Number::Int(value))))
                        });
                    }
                    (Values::Float64(out), Kind::StyledDouble(style)) => run.inferred(
                        out,
                        // Without a separator of thousands all styles with a decimal comma are one.
                        lanes::doubles::<b','>().filter(|_| style.has_decimal_comma()),
                        |start, len| {
                            if !style.has_decimal_comma() {
                                return None;
                            }
                            let value = float::fast_with::<b','>(text, start, len)?;
                            closely.spare::<b','>(text.get(start..start + len)?).then_some(value)
                        },
                        |t| match float::parse(t) {
                            // Where the comma is the decimal point, a point sets thousands apart or is a contradiction.
                            Some(Number::Float(_)) if style.has_decimal_comma() => {
                                Some((style.parse(t)?.double()?, Evidence::of_form(t)))
                            }
                            Some(number) => Some((number.double()?, Evidence::of_number(t, number))),
                            None => Some((style.parse(t)?.double()?, Evidence::of_form(t))),
                        },
                    ),
                    (Values::Float64(out), Kind::Measure(unit, style)) => run.inferred(
                        out,
                        None,
                        |_, _| None,
                        |t| {
                            let (found, number) = unit::split(t)?;
                            let value = match float::parse(&number) {
                                Some(Number::Float(_)) if style.has_decimal_comma() => style.parse(&number)?,
                                Some(value) => value,
                                None => style.parse(&number)?,
                            };
                            (found == *unit).then_some((value.double()?, Evidence::of_measure(found, &number)))
                        },
                    ),
                    (Values::Float64(out), _) => {
                        let fast = |start: usize, len: usize| {
                            let field = || text.get(start..start + len);
                            match float::fast(text, start, len) {
                                Some(value) if closely.spare::<b'.'>(field()?) => Some(value),
                                Some(_) => None,
                                None => float::parse_plain(field()?, closely),
                            }
                        };
                        let slow = |t: &[u8]| {
                            let number = float::parse(t)?;
                            Some((number.double()?, Evidence::of_number(t, number)))
                        };
                        if *watch {
                            run.inferred(out, None, |_, _| None, slow);
                        } else {
                            run.inferred(out, lanes::doubles::<b'.'>(), fast, slow);
                        }
                    }
                    (Values::Date(out), Kind::Date(layout)) => {
                        let layout = *layout;
                        let slow = |t: &[u8]| {
                            let moment = temporal::parse(t, layout).filter(|m| m.time.is_none())?;
                            Some((moment.days, Evidence::NONE))
                        };
                        if layout == Layout::Iso {
                            let fast = |start, len| if len == 10 { temporal::iso_date(text, start) } else { None };
                            run.inferred(out, lanes::iso_dates(), fast, slow);
                        } else {
                            run.inferred(out, None, |_, _| None, slow);
                        }
                    }
                    (Values::Timestamp(out), Kind::Timestamp(layout)) => {
                        let layout = *layout;
                        let slow = |t: &[u8]| {
                            let moment = temporal::parse(t, layout)?;
                            Some((moment.micros()?, Evidence::of_moment(moment, layout)))
                        };
                        match (layout, times) {
                            (Layout::Iso, Times::Plain) => {
                                run.inferred(out, None, |start, len| iso_moment(text, start, len), slow);
                            }
                            (Layout::Iso, Times::Zoned) => {
                                run.inferred(out, None, |start, len| iso_utc(text, start, len), slow);
                            }
                            _ => run.inferred(out, None, |_, _| None, slow),
                        }
                    }
                    (Values::Text(out), _) => {
                        if *open || run.cleanse.is_some() || fields.has_odd_text() {
                            run.odd_text(out, *open);
                        } else {
                            run.text(out);
                        }
                    }
                    _ => run.nothing(),
                }
            }
            How::Declared { given, reading, .. } => declared::push(&mut self.values, &mut run, given, *reading),
        }
    }

    /// Adds nulls for some rows.
    fn skip(&mut self, rows: Range<usize>) {
        fn more<T: Copy + Default>(values: &mut Vec<T>, by: usize) {
            values.resize(values.len() + by, T::default());
        }
        let by = rows.len();
        match &mut self.values {
            Values::None => {}
            Values::Boolean(v) => more(v, by),
            Values::Int8(v) => more(v, by),
            Values::Int16(v) => more(v, by),
            Values::Int32(v) | Values::Date(v) => more(v, by),
            Values::Int64(v) | Values::Timestamp(v) => more(v, by),
            Values::Float32(v) => more(v, by),
            Values::Float64(v) => more(v, by),
            Values::Decimal(v, ..) => more(v, by),
            Values::Text(text) => rows.clone().for_each(|_| text.push_null()),
        }
        self.nulls.extend(rows.map(|row| row as u32));
    }

    /// What was found, and the number of nulls.
    pub(crate) fn finish(mut self, fields: &Fields<'_>) -> (Result<ArrayRef, ArrowError>, Found, u64) {
        let rows = fields.rows.len();
        if let Values::Int64(values) = &self.values
            && let How::Inferred { .. } = self.planned.how
        {
            // The fast way does not look at how large numbers are.
            let is_big = |value: &i64| value.unsigned_abs() > MAX_SAFE;
            let big = if fields.odd.is_empty() {
                values.iter().fold(0, |all, v| all | v.unsigned_abs()) > MAX_SAFE
            } else {
                values.iter().enumerate().any(|(row, value)| is_big(value) && !fields.is_odd(row))
            };
            if big {
                self.found.evidence.get_or_insert(Evidence::NONE).join(Evidence::BIG);
            }
        }
        let count = if matches!(self.values, Values::None) { rows } else { self.nulls.len() };
        let nulls = null_buffer(rows, &self.nulls);
        let array: Result<ArrayRef, ArrowError> = match self.values {
            Values::None => Ok(new_null_array(&DataType::Utf8, rows)),
            Values::Boolean(v) => Ok(Arc::new(BooleanArray::new(BooleanBuffer::from(v), nulls))),
            Values::Int8(v) => Ok(Arc::new(Int8Array::new(v.into(), nulls))),
            Values::Int16(v) => Ok(Arc::new(Int16Array::new(v.into(), nulls))),
            Values::Int32(v) => Ok(Arc::new(Int32Array::new(v.into(), nulls))),
            Values::Int64(v) => Ok(Arc::new(Int64Array::new(v.into(), nulls))),
            Values::Float32(v) => Ok(Arc::new(Float32Array::new(v.into(), nulls))),
            Values::Float64(v) => Ok(Arc::new(Float64Array::new(v.into(), nulls))),
            Values::Date(v) => Ok(Arc::new(Date32Array::new(v.into(), nulls))),
            Values::Timestamp(v) => Ok(Arc::new(TimestampMicrosecondArray::new(v.into(), nulls))),
            Values::Decimal(v, precision, scale) => Decimal128Array::new(v.into(), nulls)
                .with_precision_and_scale(precision, scale)
                .map(|array| Arc::new(array) as ArrayRef),
            Values::Text(mut text) => {
                text.bytes.truncate(text.used);
                // What cleansing puts in is not of the file.
                let array = if fields.plain && self.planned.cleanse.is_none() {
                    Ok(text.plain_array(nulls))
                } else {
                    self.found.invalid |= memchr(0, &text.bytes).is_some();
                    let offsets = OffsetBuffer::new(ScalarBuffer::from(text.offsets));
                    StringArray::try_new(offsets, Buffer::from_vec(text.bytes), nulls)
                };
                self.found.invalid |= array.is_err();
                array.map(|array| Arc::new(array) as ArrayRef)
            }
        };
        debug_assert!(array.as_ref().is_ok_and(|a| a.len() == rows) || self.found.invalid);
        (array, self.found, count as u64)
    }
}

impl Sibling {
    /// Its array: the values of its column in `diverted`, null elsewhere; with what was found, and the number of nulls.
    pub(crate) fn build(&self, fields: &Fields<'_>, diverted: &[usize]) -> (Result<ArrayRef, ArrowError>, Found, u64) {
        let rows = fields.rows.len();
        let bytes = diverted.iter().map(|row| fields.raw(self.of, *row).len()).sum();
        let mut builder = Builder::new(self.of, &self.column, rows, bytes);
        let mut next = 0;
        for &row in diverted {
            builder.skip(next..row);
            builder.push(fields, row..row + 1);
            next = row + 1;
        }
        builder.skip(next..rows);
        builder.finish(fields)
    }
}

fn null_buffer(rows: usize, nulls: &[u32]) -> Option<NullBuffer> {
    if nulls.is_empty() {
        return None;
    }
    let mut builder = NullBufferBuilder::new(rows);
    let mut from = 0;
    for &null in nulls {
        builder.append_n_non_nulls(null as usize - from);
        builder.append_null();
        from = null as usize + 1;
    }
    builder.append_n_non_nulls(rows - from);
    builder.finish()
}

#[inline]
fn iso_moment(text: &[u8], start: usize, len: usize) -> Option<i64> {
    if len == 10 {
        return Some(i64::from(temporal::iso_date(text, start)?) * DAY);
    }
    temporal::iso_timestamp(text, start, len)
}

/// As [`temporal::iso_timestamp`], with a final `Z`.
#[inline]
fn iso_utc(text: &[u8], start: usize, len: usize) -> Option<i64> {
    let last = len.checked_sub(1)?;
    if *text.get(start + last)? == b'Z' { temporal::iso_timestamp(text, start, last) } else { None }
}

/// What a value is, for those who may not see it.
fn class(value: &[u8], quoted: bool) -> &'static str {
    match Evidence::of(value, quoted, |_| false).kind() {
        Kind::Null => "nothing",
        Kind::Boolean => "boolean",
        Kind::Int | Kind::StyledInt(_) => "integer",
        Kind::Double | Kind::StyledDouble(_) => "double",
        Kind::Measure(..) => "a number with a unit",
        Kind::Date(_) => "date",
        Kind::Timestamp(_) => "timestamp",
        Kind::Text if value.is_empty() => "empty text",
        Kind::Text => "text",
    }
}

/// Fields that are looked at closely after one that was not as it should be, if that was the first.
const OTHERS: usize = 64;

/// One run of rows of one column.
struct Run<'r, 'a> {
    column: usize,
    fields: &'r Fields<'a>,
    rows: Range<usize>,
    nulls: &'r mut Vec<u32>,
    found: &'r mut Found,
    cleanse: Option<&'r Cleanse>,
    misfit: Misfit,
    reading: Reading,
    /// Numbers that lanes do not take.
    closely: Decimals,
}

impl Run<'_, '_> {
    fn inferred<T: Copy + Default>(
        &mut self,
        out: &mut Vec<T>,
        lanes: Option<Lanes<T>>,
        fast: impl Fn(usize, usize) -> Option<T>,
        slow: impl Fn(&[u8]) -> Option<(T, Evidence)>,
    ) {
        self.each(out, lanes, fast, |run, row, value, quoted| {
            let odd = run.fields.is_odd(row);
            let text = trim(value);
            let parsed = slow(text).or_else(|| {
                let (value, evidence) = slow(&ledger(text)?)?;
                Some((value, Evidence::of_ledger(evidence)))
            });
            let evidence = match &parsed {
                Some((_, evidence)) => *evidence,
                None => Evidence::of(value, quoted, |t| run.fields.tokens.contains(t)),
            };
            if !odd {
                run.found.evidence.get_or_insert(Evidence::NONE).join(evidence);
            } else if parsed.is_none() && evidence != Evidence::TOKEN {
                run.found.misfits.push((row, ""));
            }
            parsed.map(|(value, _)| value)
        });
    }

    fn declared<T: Copy + Default>(
        &mut self,
        out: &mut Vec<T>,
        lanes: Option<Lanes<T>>,
        fast: impl Fn(usize, usize) -> Option<T>,
        slow: impl Fn(&[u8]) -> Option<T>,
        says: impl Fn(&[u8]) -> Evidence,
    ) {
        self.each(out, lanes, fast, |run, row, value, quoted| {
            let text = trim(value);
            let parsed = slow(text);
            let nothing = if parsed.is_some() {
                Evidence::NONE
            } else {
                Evidence::of_nothing(value, quoted, |t| run.fields.tokens.contains(t))
            };
            let null = nothing == Evidence::TOKEN || nothing == Evidence::QUOTED && run.reading.all_quoted;
            let evidence = if nothing == Evidence::NONE { says(text) } else { nothing };
            let evidence = if evidence == Evidence::TOKEN { Evidence::NONE } else { evidence };
            if evidence != Evidence::NONE && !run.fields.is_odd(row) {
                run.found.evidence.get_or_insert(Evidence::NONE).join(evidence);
            }
            if parsed.is_none() && !null {
                if run.misfit == Misfit::Reject || run.fields.is_odd(row) {
                    let is_number = !matches!(evidence, Evidence::NONE | Evidence::QUOTED);
                    let is_written_otherwise = is_number && !run.reading.reads(text);
                    let class = match () {
                        () if run.reading.has_another_unit(text) => OTHER_UNIT,
                        () if is_written_otherwise => OTHERWISE,
                        () => class(value, quoted),
                    };
                    run.found.misfits.push((row, class));
                } else {
                    run.found.diverted.push(row);
                }
            }
            parsed
        });
    }

    /// Adds one value a field: null where it is empty, what `lanes` or `fast` say, or else what `slow` says, to which
    /// the field's content is given and whether it was quoted. Of a column that is cleansed, `slow` sees all.
    #[inline]
    fn each<T: Copy + Default>(
        &mut self,
        out: &mut Vec<T>,
        lanes: Option<Lanes<T>>,
        fast: impl Fn(usize, usize) -> Option<T>,
        slow: impl Fn(&mut Self, usize, &[u8], bool) -> Option<T>,
    ) {
        match self.cleanse {
            None => self.each_as_it_stands(out, lanes, fast, slow),
            Some(cleanse) => self.each_cleansed(out, cleanse, slow),
        }
    }

    fn each_cleansed<T: Copy + Default>(
        &mut self,
        out: &mut Vec<T>,
        cleanse: &Cleanse,
        slow: impl Fn(&mut Self, usize, &[u8], bool) -> Option<T>,
    ) {
        let fields = self.fields;
        let first = self.rows.start;
        for (i, (start, len)) in fields.spans(self.column, self.rows.clone()).enumerate() {
            let row = first + i;
            let (value, quoted) = self.content(&fields.text[start..start + len]);
            let value = cleanse
                .apply(&value, |text| !quoted && fields.tokens.contains(text))
                .filter(|value| quoted || !value.is_empty());
            let parsed = value.and_then(|value| slow(self, row, &value, quoted));
            if parsed.is_none() {
                self.nulls.push(row as u32);
            }
            out.push(parsed.unwrap_or_default());
        }
    }

    #[inline]
    fn each_as_it_stands<T: Copy + Default>(
        &mut self,
        out: &mut Vec<T>,
        lanes: Option<Lanes<T>>,
        fast: impl Fn(usize, usize) -> Option<T>,
        slow: impl Fn(&mut Self, usize, &[u8], bool) -> Option<T>,
    ) {
        let (fields, column) = (self.fields, self.column);
        // What `fast` takes never begins with a quote, unless that is a very odd one.
        let quotes_are_odd = u8::try_from(fields.quote).is_ok_and(|quote| !matches!(quote, b'"' | b'\''));
        let (mut row, end) = (self.rows.start, self.rows.end);
        if let Some(lanes) = lanes.filter(|_| !quotes_are_odd) {
            row += self.batches(lanes, out, &fast, &slow);
        }
        let begin = out.len();
        out.resize(begin + end - row, T::default());
        let mut left = &mut out[begin..];
        while row < end {
            // A loop that does nothing else keeps all it needs in registers.
            let stops = |((start, len), out): ((usize, usize), &mut T)| match fast(start, len) {
                Some(value) => {
                    *out = value;
                    false
                }
                None => true,
            };
            let taken = if quotes_are_odd {
                Some(0)
            } else {
                fields.spans(column, row..end).zip(left.iter_mut()).position(stops)
            };
            let Some(taken) = taken else { break };
            row += taken;
            // Where it gets nowhere, there may be more like this.
            let others = (end - row).min(if taken == 0 { OTHERS } else { 1 });
            let (now, later) = left[taken..].split_at_mut(others);
            self.others(row, now, &fast, &slow);
            row += others;
            left = later;
        }
    }

    /// Takes fields, many at a time, for as long as most of them are what `lanes` knows; returns how many it took.
    #[inline]
    fn batches<T: Copy + Default>(
        &mut self,
        lanes: Lanes<T>,
        out: &mut Vec<T>,
        fast: &impl Fn(usize, usize) -> Option<T>,
        slow: &impl Fn(&mut Self, usize, &[u8], bool) -> Option<T>,
    ) -> usize {
        let (fields, column) = (self.fields, self.column);
        let Range { start, end } = self.rows;
        let (mut batch, mut values) = (Batch::EMPTY, [T::default(); BATCH]);
        batch.closely = self.closely;
        let mut row = start;
        while row < end {
            let count = BATCH.min(end - row);
            batch.load(fields.text, fields.spans(column, row..row + count));
            let mut missed = !lanes(&batch, &mut values) & (u64::MAX >> (BATCH - count));
            if missed.count_ones() as usize > count / 4 {
                break;
            }
            while missed != 0 {
                let at = missed.trailing_zeros() as usize;
                self.others(row + at, &mut values[at..=at], fast, slow);
                missed &= missed - 1;
            }
            out.extend_from_slice(&values[..count]);
            row += count;
        }
        row - start
    }

    /// The fields from `first` on, some of which may be quoted, null, or not what they should be.
    #[inline(never)]
    fn others<T: Copy + Default>(
        &mut self,
        first: usize,
        out: &mut [T],
        fast: &impl Fn(usize, usize) -> Option<T>,
        slow: &impl Fn(&mut Self, usize, &[u8], bool) -> Option<T>,
    ) {
        let fields = self.fields;
        let text = fields.text;
        for (i, ((start, len), out)) in
            fields.spans(self.column, first..first + out.len()).zip(out.iter_mut()).enumerate()
        {
            let quoted = u16::from(text[start]) == fields.quote && len > 2;
            let value = if quoted { fast(start + 1, len - 2) } else { fast(start, len) };
            if let Some(value) = value
                && (!quoted || u16::from(text[start + len - 1]) == fields.quote)
            {
                *out = value;
                continue;
            }
            let row = first + i;
            if len > 0 {
                let (value, quoted) = self.content(&text[start..start + len]);
                if let Some(value) = slow(self, row, &value, quoted) {
                    *out = value;
                    continue;
                }
            }
            // What there is may be nonsense.
            *out = T::default();
            self.nulls.push(row as u32);
        }
    }

    fn content<'t>(&mut self, raw: &'t [u8]) -> (Cow<'t, [u8]>, bool) {
        self.found.invalid |= memchr(0, raw).is_some() || std::str::from_utf8(raw).is_err();
        field::content(raw, self.fields.grammar)
    }

    /// A column in which nothing was found yet.
    fn nothing(&mut self) {
        let fields = self.fields;
        let first = self.rows.start;
        for (i, (start, len)) in fields.spans(self.column, self.rows.clone()).enumerate() {
            if len == 0 && self.cleanse.is_none() {
                continue;
            }
            let (mut value, quoted) = self.content(&fields.text[start..start + len]);
            if let Some(cleanse) = self.cleanse {
                match cleanse
                    .apply(&value, |text| !quoted && fields.tokens.contains(text))
                    .filter(|value| quoted || !value.is_empty())
                {
                    Some(cleansed) => value = Cow::Owned(cleansed.into_owned()),
                    None => continue,
                }
            }
            if fields.is_odd(first + i) {
                self.found.misfits.push((first + i, ""));
            } else {
                let evidence = Evidence::of(&value, quoted, |t| fields.tokens.contains(t));
                self.found.evidence.get_or_insert(Evidence::NONE).join(evidence);
            }
        }
    }

    /// Texts without escapes.
    fn text(&mut self, out: &mut Text) {
        let fields = self.fields;
        let text = fields.text;
        let first = self.rows.start;
        let Text { bytes, used, offsets } = out;
        let bytes = bytes.as_mut_slice();
        let mut at = *used;
        let spans = fields.spans(self.column, self.rows.clone());
        offsets.extend(spans.enumerate().map(|(i, (start, len))| {
            if len == 0 {
                self.nulls.push((first + i) as u32);
            } else if u16::from(text[start]) != fields.quote {
                at += copy(text, start, len, bytes, at);
            } else if fields.tricky {
                let (value, _) = field::content(&text[start..start + len], fields.grammar);
                at += copy(&value, 0, value.len(), bytes, at);
            } else {
                at += copy(text, start + 1, len - 2, bytes, at);
            }
            (at as u32).cast_signed()
        }));
        *used = at;
    }

    /// Texts with escapes in them, in flawed rows, that are cleansed, where some are null, or where they say what the
    /// column is.
    fn odd_text(&mut self, out: &mut Text, open: bool) {
        let fields = self.fields;
        let first = self.rows.start;
        for (i, (start, len)) in fields.spans(self.column, self.rows.clone()).enumerate() {
            let row = first + i;
            if len > 0 || self.cleanse.is_some() {
                let (content, quoted) = field::content(&fields.text[start..start + len], fields.grammar);
                let value = match self.cleanse {
                    Some(cleanse) => cleanse
                        .apply(&content, |text| !quoted && fields.tokens.contains(text))
                        .filter(|value| quoted || !value.is_empty()),
                    None => Some(Cow::Borrowed(&*content)),
                };
                if let Some(value) = value
                    && self.odd_value(row, &value, quoted, open)
                {
                    if self.cleanse.is_none() {
                        out.push(&value, 0, value.len());
                        continue;
                    }
                    if out.push_longer(&value) {
                        continue;
                    }
                    self.found.too_long = true;
                }
            }
            self.nulls.push(row as u32);
            out.push_null();
        }
    }

    /// What a text says, and whether it is one, and not null.
    fn odd_value(&mut self, row: usize, value: &[u8], quoted: bool, open: bool) -> bool {
        let fields = self.fields;
        let odd = fields.is_odd(row);
        if open && !odd {
            let evidence = Evidence::of(value, quoted, |t| fields.tokens.contains(t));
            self.found.evidence.get_or_insert(Evidence::NONE).join(evidence);
        }
        if odd && std::str::from_utf8(value).is_err() {
            self.found.misfits.push((row, ""));
            return false;
        }
        quoted && !value.is_empty() || !fields.tokens.in_text(value)
    }
}
