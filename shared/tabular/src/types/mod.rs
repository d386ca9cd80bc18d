//! What a value can be, and what a column is: scalar parsers and the evidence that values give.
//!
//! Every parser here is lossless: it accepts a text only if the value prints back as the text, up to blanks around
//! it, the zeros that end a fraction, thousands separators and the layout of a date.
//!
//! What prints back may still be no number. Three things tell, each of the whole column:
//!
//! - *Groups of three* are a style, and found in telephone numbers, articles, addresses and lists of codes. Whole numbers in
//!   groups are numbers if one of them is below zero; or if first groups are not all of three digits, and the numbers of
//!   groups differ (a number below a thousand is one group) or first groups of one, two and three digits occur; or if no
//!   number has more than two groups, and a first group has one digit, or first groups differ, or a point stands between
//!   them and the file has decimal commas. Where points make three groups or more, one group has to be above 255
//!   or to begin with a zero, as no byte of an address does. Decimals prove a number as well.
//! - *Digits, an E, digits* are a code: `6E171`. They are a number where another value has an exponent with a point or a
//!   sign beside it; and with a small `e` where another number has decimals, as programs print 1000 beside 1012.5 so.
//! - *Zeros that end decimals* count in versions, diagnoses and accounts: `3.1` is not `3.10`. Where a value has one decimal,
//!   another has more and ends with a zero, and none has more than three decimals, more than six digits, or is below zero,
//!   the column is text. Measurements have as many decimals each, or none that are superfluous, or many; what is typed by
//!   hand, `1.5` and `2.50`, is text as well. Of 20,000 columns with decimals in public files one is of this kind, and it
//!   has versions.
//!
//! None of it is asked of numbers with a [`unit`], which proves that they are quantities. But a person wrote them: a single
//! point before three digits, `1.234 €`, is not taken for a decimal point without a proof.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    reason = "digits are counted and dates bounded before they are cast"
)]

pub(crate) mod contract;
pub(crate) mod decimal;
pub(crate) mod evidence;
pub(crate) mod float;
pub(crate) mod integer;
pub(crate) mod lanes;
pub(crate) mod locale;
pub(crate) mod temporal;
pub(crate) mod unit;

use arrow::datatypes::DataType;

pub(crate) use evidence::{Evidence, Kind, Times};

/// `true` or `false` in lower, upper or title case.
pub(crate) fn boolean(text: &[u8]) -> Option<bool> {
    match text {
        b"true" | b"TRUE" | b"True" => Some(true),
        b"false" | b"FALSE" | b"False" => Some(false),
        _ => None,
    }
}

/// Without the spaces and tabs around it.
pub(crate) fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = text {
        text = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

/// As SQL on the lake calls it.
pub(crate) fn sql_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Null => "null".to_owned(),
        DataType::Boolean => "boolean".to_owned(),
        DataType::Int8 => "tinyint".to_owned(),
        DataType::Int16 => "smallint".to_owned(),
        DataType::Int32 => "int".to_owned(),
        DataType::Int64 => "bigint".to_owned(),
        DataType::Float32 => "float".to_owned(),
        DataType::Float64 => "double".to_owned(),
        DataType::Date32 => "date".to_owned(),
        DataType::Timestamp(..) => "timestamp".to_owned(),
        DataType::Utf8 => "string".to_owned(),
        DataType::Decimal128(precision, scale) => format!("decimal({precision},{scale})"),
        other => other.to_string(),
    }
}
