//! Statistics of columns as Glue keeps them, and back. Source:
//! [`ColumnStatisticsData`](https://docs.aws.amazon.com/glue/latest/webapi/API_ColumnStatisticsData.html). Decimals are
//! big-endian two's complement, and dates moments at midnight UTC, as Trino writes and reads them.

use std::time::SystemTime;

use aws_sdk_glue::{
    error::BuildError,
    primitives::{Blob, DateTime},
    types::{
        self as glue, BooleanColumnStatisticsData, ColumnStatisticsData, ColumnStatisticsType,
        DateColumnStatisticsData, DecimalColumnStatisticsData, DecimalNumber, DoubleColumnStatisticsData,
        LongColumnStatisticsData, StringColumnStatisticsData,
    },
};

use crate::{Column, ColumnStatistics, Kind};

const SECONDS_PER_DAY: i64 = 86_400;

/// What Glue keeps for a column that they suit.
pub(crate) fn write(statistics: &ColumnStatistics, column: &Column) -> Result<glue::ColumnStatistics, BuildError> {
    glue::ColumnStatistics::builder()
        .column_name(&column.name)
        .column_type(&column.hive_type)
        .analyzed_time(DateTime::from(SystemTime::now()))
        .statistics_data(write_data(statistics)?)
        .build()
}

fn write_data(statistics: &ColumnStatistics) -> Result<ColumnStatisticsData, BuildError> {
    let (nulls, distinct) = (count(statistics.nulls), count(statistics.distinct));
    let data = ColumnStatisticsData::builder();
    match statistics.kind {
        Kind::Boolean { trues, falses } => data.r#type(ColumnStatisticsType::Boolean).boolean_column_statistics_data(
            BooleanColumnStatisticsData::builder()
                .number_of_nulls(nulls)
                .number_of_trues(count(trues))
                .number_of_falses(count(falses))
                .build(),
        ),
        Kind::Long { range } => data.r#type(ColumnStatisticsType::Long).long_column_statistics_data(
            LongColumnStatisticsData::builder()
                .number_of_nulls(nulls)
                .number_of_distinct_values(distinct)
                .set_minimum_value(range.map(|(least, _)| least))
                .set_maximum_value(range.map(|(_, greatest)| greatest))
                .build(),
        ),
        Kind::Double { range } => data.r#type(ColumnStatisticsType::Double).double_column_statistics_data(
            DoubleColumnStatisticsData::builder()
                .number_of_nulls(nulls)
                .number_of_distinct_values(distinct)
                .set_minimum_value(range.map(|(least, _)| least))
                .set_maximum_value(range.map(|(_, greatest)| greatest))
                .build(),
        ),
        Kind::Decimal { range, scale } => {
            let number = |unscaled: i128| {
                DecimalNumber::builder().unscaled_value(Blob::new(bytes(unscaled))).scale(i32::from(scale)).build()
            };
            data.r#type(ColumnStatisticsType::Decimal).decimal_column_statistics_data(
                DecimalColumnStatisticsData::builder()
                    .number_of_nulls(nulls)
                    .number_of_distinct_values(distinct)
                    .set_minimum_value(range.map(|(least, _)| number(least)).transpose()?)
                    .set_maximum_value(range.map(|(_, greatest)| number(greatest)).transpose()?)
                    .build(),
            )
        }
        Kind::Date { range } => {
            let midnight = |day: i32| DateTime::from_secs(i64::from(day) * SECONDS_PER_DAY);
            data.r#type(ColumnStatisticsType::Date).date_column_statistics_data(
                DateColumnStatisticsData::builder()
                    .number_of_nulls(nulls)
                    .number_of_distinct_values(distinct)
                    .set_minimum_value(range.map(|(least, _)| midnight(least)))
                    .set_maximum_value(range.map(|(_, greatest)| midnight(greatest)))
                    .build(),
            )
        }
        Kind::String { longest, average } => data.r#type(ColumnStatisticsType::String).string_column_statistics_data(
            StringColumnStatisticsData::builder()
                .number_of_nulls(nulls)
                .number_of_distinct_values(distinct)
                .maximum_length(count(longest))
                .average_length(average)
                .build(),
        ),
    }
    .build()
}

/// What Glue has kept; `None` where it is of a kind that is not written here, or incomplete.
pub(crate) fn read(kept: &glue::ColumnStatistics) -> Option<ColumnStatistics> {
    let data = kept.statistics_data.as_ref()?;
    let (nulls, distinct, kind) = match data.r#type {
        ColumnStatisticsType::Boolean => {
            let data = data.boolean_column_statistics_data.as_ref()?;
            let kind = Kind::Boolean { trues: back(data.number_of_trues), falses: back(data.number_of_falses) };
            (data.number_of_nulls, 0, kind)
        }
        ColumnStatisticsType::Long => {
            let data = data.long_column_statistics_data.as_ref()?;
            let kind = Kind::Long { range: Some((data.minimum_value, data.maximum_value)) };
            (data.number_of_nulls, data.number_of_distinct_values, kind)
        }
        ColumnStatisticsType::Double => {
            let data = data.double_column_statistics_data.as_ref()?;
            let kind = Kind::Double { range: Some((data.minimum_value, data.maximum_value)) };
            (data.number_of_nulls, data.number_of_distinct_values, kind)
        }
        ColumnStatisticsType::Decimal => {
            let data = data.decimal_column_statistics_data.as_ref()?;
            let (least, greatest) = (data.minimum_value.as_ref()?, data.maximum_value.as_ref()?);
            let scale = u8::try_from(least.scale).ok().filter(|_| least.scale == greatest.scale)?;
            let range = Some((number(&least.unscaled_value)?, number(&greatest.unscaled_value)?));
            (data.number_of_nulls, data.number_of_distinct_values, Kind::Decimal { range, scale })
        }
        ColumnStatisticsType::Date => {
            let data = data.date_column_statistics_data.as_ref()?;
            let day = |at: &DateTime| i32::try_from(at.secs().div_euclid(SECONDS_PER_DAY)).ok();
            let range = Some((day(data.minimum_value.as_ref()?)?, day(data.maximum_value.as_ref()?)?));
            (data.number_of_nulls, data.number_of_distinct_values, Kind::Date { range })
        }
        ColumnStatisticsType::String => {
            let data = data.string_column_statistics_data.as_ref()?;
            let kind = Kind::String { longest: back(data.maximum_length), average: data.average_length };
            (data.number_of_nulls, data.number_of_distinct_values, kind)
        }
        _ => return None,
    };
    Some(ColumnStatistics { name: kept.column_name.clone(), nulls: back(nulls), distinct: back(distinct), kind })
}

fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn back(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// The fewest bytes that say the number and its sign.
fn bytes(unscaled: i128) -> Vec<u8> {
    let all = unscaled.to_be_bytes();
    let sign = if unscaled < 0 { 0xff } else { 0 };
    let spare = (0..all.len() - 1).take_while(|&n| all[n] == sign && (all[n] ^ all[n + 1]) & 0x80 == 0).count();
    all[spare..].to_vec()
}

fn number(blob: &Blob) -> Option<i128> {
    let found = blob.as_ref();
    let sign = if found.first()? & 0x80 == 0 { 0 } else { 0xff };
    let mut all = [sign; 16];
    let start = all.len().checked_sub(found.len())?;
    all[start..].copy_from_slice(found);
    Some(i128::from_be_bytes(all))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_decimal_takes_the_bytes_it_needs() {
        for (number, expected) in [
            (0, &[0][..]),
            (127, &[0x7f]),
            (128, &[0, 0x80]),
            (-1, &[0xff]),
            (-128, &[0x80]),
            (-129, &[0xff, 0x7f]),
            (i128::MIN, &i128::MIN.to_be_bytes()),
        ] {
            assert_eq!(bytes(number), expected, "{number}");
        }
        assert_eq!(number(&Blob::new([])), None);
        assert_eq!(number(&Blob::new([0; 17])), None);
    }

    proptest! {
        #[test]
        fn a_decimal_comes_back(unscaled: i128, shift in 0u32..127) {
            let unscaled = unscaled >> shift;
            prop_assert_eq!(number(&Blob::new(bytes(unscaled))), Some(unscaled));
        }

        #[test]
        fn statistics_come_back(nulls in 0..u64::MAX / 2, distinct in 0..u64::MAX / 2, a: i64, b: i64, x: f64, y: u8) {
            for (hive_type, kind, distinct) in [
                ("boolean", Kind::Boolean { trues: nulls, falses: distinct }, 0),
                ("bigint", Kind::Long { range: Some((a, b)) }, distinct),
                ("double", Kind::Double { range: Some((x, x)) }, distinct),
                ("decimal(38,3)", Kind::Decimal { range: Some((a.into(), b.into())), scale: 3 }, distinct),
                ("date", Kind::Date { range: Some((i32::from(y) - 128, 20_000)) }, distinct),
                ("string", Kind::String { longest: y.into(), average: x }, distinct),
            ] {
                let statistics = ColumnStatistics { name: "a".into(), nulls, distinct, kind };
                let kept = write(&statistics, &Column::new("a", hive_type)).unwrap();
                prop_assert_eq!(read(&kept), Some(statistics));
            }
        }
    }
}
