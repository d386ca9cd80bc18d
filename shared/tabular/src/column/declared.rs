//! Values of columns whose type is given.

use super::{
    Given, Reading, Run, Values, boolean, contract, decimal, float, integer, iso_moment, lanes,
    temporal::{self, DAY},
};
use crate::types::Evidence;

/// Adds a run of values.
pub(super) fn push(values: &mut Values, run: &mut Run<'_, '_>, given: &Given, reading: Reading) {
    let text = run.fields.text;
    let Reading { styles, layouts, .. } = reading;
    let lenient = given.lenient;
    let is_whole = matches!(values, Values::Int8(_) | Values::Int16(_) | Values::Int32(_) | Values::Int64(_));
    let says = |t: &[u8]| Evidence::of_decimal_point(&reading.bare(t));
    let whole = |t: &[u8]| reading.number(t, is_whole).and_then(|t| contract::whole(&t, styles, lenient));
    let narrow = |start, len| integer::fast(text, start, len);
    let moment = |t: &[u8]| given.moment(t, layouts);
    let is_free = given.formats.is_empty();
    match values {
        Values::Boolean(out) => {
            run.declared(out, None, |s, l| boolean(text.get(s..s + l)?), boolean, |_| Evidence::NONE);
        }
        Values::Int8(out) => {
            run.declared(out, None, |s, l| narrow(s, l)?.try_into().ok(), |t| whole(t)?.try_into().ok(), says);
        }
        Values::Int16(out) => {
            run.declared(out, None, |s, l| narrow(s, l)?.try_into().ok(), |t| whole(t)?.try_into().ok(), says);
        }
        Values::Int32(out) => {
            run.declared(out, None, |s, l| narrow(s, l)?.try_into().ok(), |t| whole(t)?.try_into().ok(), says);
        }
        // Without a separator, whole numbers are the same in all styles.
        Values::Int64(out) => run.declared(out, lanes::integers(), narrow, whole, says),
        Values::Float32(out) => {
            run.declared(
                out,
                None,
                |_, _| None,
                |t| reading.number(t, is_whole).and_then(|t| contract::single(&t, styles, lenient)),
                says,
            );
        }
        Values::Float64(out) => {
            let slow = |t: &[u8]| reading.number(t, is_whole).and_then(|t| contract::double(&t, styles, lenient));
            let point = reading.decimal_point();
            match point {
                Some(b',') => {
                    run.declared(
                        out,
                        lanes::doubles::<b','>(),
                        |s, l| float::fast_with::<b','>(text, s, l),
                        slow,
                        says,
                    );
                }
                Some(_) => run.declared(out, lanes::doubles::<b'.'>(), |s, l| float::fast(text, s, l), slow, says),
                None => run.declared(out, None, |_, _| None, slow, says),
            }
        }
        Values::Date(out) => run.declared(
            out,
            lanes::iso_dates().filter(|_| is_free),
            |s, l| if is_free && l == 10 { temporal::iso_date(text, s) } else { None },
            |t| {
                let micros = moment(t)?;
                // Only a midnight is a date without loss.
                if micros % DAY == 0 { (micros / DAY).try_into().ok() } else { None }
            },
            |t| if is_free { Evidence::of_order(t) } else { Evidence::NONE },
        ),
        Values::Timestamp(out) => run.declared(
            out,
            None,
            |s, l| if is_free { iso_moment(text, s, l) } else { None },
            moment,
            |t| if is_free { Evidence::of_order(t) } else { Evidence::NONE },
        ),
        Values::Decimal(out, precision, scale) => {
            let of = (*precision, *scale);
            let is_plain = reading.decimal_point() == Some(b'.');
            let fast = |s: usize, l: usize| {
                if is_plain { decimal::parse(text.get(s..s + l)?, of.0, of.1) } else { None }
            };
            let slow = |t: &[u8]| reading.number(t, is_whole).and_then(|t| contract::scaled(&t, of, styles, lenient));
            run.declared(out, None, fast, slow, says);
        }
        Values::Text(out) => {
            if run.cleanse.is_some() || run.fields.has_odd_text() {
                run.odd_text(out, false);
            } else {
                run.text(out);
            }
        }
        Values::None => run.nothing(),
    }
}
