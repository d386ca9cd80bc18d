//! Names that form a series: years, months, dates, hours, age groups, numbers.
//!
//! Such names look like values. What tells them from values is that they follow one another along the row, while the
//! rows below do not.

use super::cell;

/// Numbers that a cell of a series has at most.
const PARTS: usize = 6;

/// A cell, taken apart: its numbers, and what stands between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Item {
    numbers: [i64; PARTS],
    count: usize,
    /// How many digits the last number has.
    digits: usize,
    /// What stands behind each number, 0 at the end.
    marks: [u8; PARTS],
    /// Whether there is a `+` behind it all, as in `85+`.
    is_open: bool,
}

impl Item {
    /// `None` where the cell is no such thing: it holds anything but numbers, names of months, and single marks between.
    pub(super) fn of(cell: &[u8]) -> Option<Self> {
        let cell = cell.trim_ascii();
        let (cell, is_open) = match cell {
            [front @ .., b'+'] => (front, true),
            _ => (cell, false),
        };
        let mut item = Self { numbers: [0; PARTS], count: 0, digits: 0, marks: [0; PARTS], is_open };
        let mut rest = cell;
        loop {
            let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
            let (number, length) = match digits {
                0 => {
                    let letters = rest.iter().take_while(|b| b.is_ascii_alphabetic()).count();
                    (cell::month_number(&rest[..letters])?, letters)
                }
                1..=9 => (rest[..digits].iter().fold(0, |n, d| n * 10 + i64::from(d - b'0')), digits),
                _ => return None,
            };
            *item.numbers.get_mut(item.count)? = number;
            item.count += 1;
            item.digits = digits;
            rest = &rest[length..];
            match rest {
                [] => return Some(item),
                [mark @ (b'-' | b'/' | b'.' | b':' | b' ' | b'T' | b'_'), after @ ..] => {
                    item.marks[item.count - 1] = *mark;
                    rest = after;
                }
                _ => return None,
            }
        }
    }

    fn numbers(&self) -> &[i64] {
        &self.numbers[..self.count]
    }

    /// Whether two are written alike.
    fn is_like(&self, other: &Self) -> bool {
        self.is_open != other.is_open || self.count == other.count && self.marks == other.marks
    }

    /// A single number that may be a year.
    fn is_year(&self) -> bool {
        self.count == 1 && !self.is_open && (1500..2200).contains(&self.numbers[0])
    }

    /// Whether it is this number, and nothing else.
    pub(super) fn is_number(&self, number: usize) -> bool {
        self.count == 1 && !self.is_open && usize::try_from(self.numbers[0]) == Ok(number)
    }

    /// Two numbers with a point between them.
    fn is_decimal(&self) -> bool {
        self.count == 2 && self.marks[0] == b'.'
    }

    #[allow(clippy::cast_precision_loss)] // of numbers that have nine digits at most
    fn decimal(&self) -> f64 {
        let scale = (0..self.digits).fold(1.0, |scale, _| scale * 10.0);
        self.numbers[0] as f64 + self.numbers[1] as f64 / scale
    }
}

/// What a series of names is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Series {
    /// Years, each above or each below the one before.
    Years,
    /// Whole numbers at equal distances.
    Steps {
        /// The distance.
        by: i64,
        /// The first of them.
        from: i64,
    },
    /// Whole numbers, each above or each below the one before.
    Whole,
    /// Numbers with decimals, each above or each below the one before.
    Decimals,
    /// A number alone.
    Lone,
    /// Dates, months, ranges, times of a day: several numbers with marks between them.
    Marked,
}

/// The series that cells form, all of them, in their order.
pub(super) fn of(cells: &[Item]) -> Option<Series> {
    let first = cells.first()?;
    if cells.iter().any(|cell| !first.is_like(cell)) {
        return None;
    }
    if first.is_decimal() {
        let (up, down) = ordered(cells, |a, b| a.decimal().total_cmp(&b.decimal()));
        return (up || down).then_some(Series::Decimals);
    }
    if first.count == 1 && !cells.iter().any(|cell| cell.is_open) {
        if cells.iter().all(Item::is_year) {
            let (up, down) = ordered(cells, |a, b| a.numbers[0].cmp(&b.numbers[0]));
            return (up || down).then_some(Series::Years);
        }
        let by = cells.get(1)?.numbers[0] - first.numbers[0];
        let even = by != 0 && cells.windows(2).all(|pair| pair[1].numbers[0] - pair[0].numbers[0] == by);
        if even {
            return Some(Series::Steps { by, from: first.numbers[0] });
        }
        let (up, down) = ordered(cells, |a, b| a.numbers[0].cmp(&b.numbers[0]));
        return (up || down).then_some(Series::Whole);
    }
    // Which of the numbers weighs most is not known: the year of a date may be the last.
    let keys: [fn(&Item) -> Vec<i64>; 3] = [
        |item| item.numbers().to_vec(),
        |item| item.numbers().iter().rev().copied().collect(),
        |item| {
            let numbers = item.numbers();
            let days = numbers.len().min(3);
            let mut key = vec![numbers[days - 1]];
            key.extend_from_slice(&numbers[..days - 1]);
            key.extend_from_slice(&numbers[days..]);
            key
        },
    ];
    keys.iter()
        .any(|key| matches!(ordered(cells, |a, b| key(a).cmp(&key(b))), (true, _) | (_, true)))
        .then_some(Series::Marked)
}

/// The longest series that some of these cells form, from the first one on, and how many they are; at least one cell, of
/// which nothing is said where it is none. `None` where there are no cells.
pub(super) fn longest(cells: &[Item]) -> Option<(usize, Series)> {
    let fits = |length: usize| of(&cells[..length]).is_some();
    let (mut most, mut too_many) = (1, cells.len() + 1);
    if cells.is_empty() {
        return None;
    }
    // A beginning of a series is one; so their number can be halved.
    let mut next = 2;
    while next < too_many {
        if fits(next) {
            (most, next) = (next, next * 2);
        } else {
            too_many = next;
        }
    }
    while most + 1 < too_many {
        let middle = usize::midpoint(most, too_many);
        if fits(middle) { most = middle } else { too_many = middle }
    }
    Some((most, of(&cells[..most]).unwrap_or(Series::Lone)))
}

/// Differences between distances that are equal, up to rounding.
pub(super) const EVEN: f64 = 1e-9;

/// The distance between decimals, where it is the same for all.
pub(super) fn step(cells: &[Item]) -> Option<f64> {
    let mut distances = cells.windows(2).map(|pair| pair[1].decimal() - pair[0].decimal());
    let first = distances.next()?;
    distances.all(|other| (other - first).abs() < EVEN).then_some(first)
}

/// Whether each is above the one before, and whether each is below it.
fn ordered(cells: &[Item], compare: impl Fn(&Item, &Item) -> std::cmp::Ordering) -> (bool, bool) {
    let all = |wanted| cells.windows(2).all(|pair| compare(&pair[1], &pair[0]) == wanted);
    (all(std::cmp::Ordering::Greater), all(std::cmp::Ordering::Less))
}

/// Whether a cell could itself be one of the names of a series.
pub(super) fn continues(series: Series, first: Item, cell: &[u8]) -> bool {
    match (series, Item::of(cell)) {
        (Series::Years, Some(item)) => item.is_year(),
        (Series::Marked, Some(item)) => first.is_like(&item),
        (Series::Whole, Some(item)) => item.count == 1,
        // Numbers are values everywhere: only a whole row of them tells.
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(cells: &str) -> Option<Series> {
        let items: Option<Vec<_>> = cells.split(',').map(|cell| Item::of(cell.as_bytes())).collect();
        of(&items?)
    }

    #[test]
    fn series_are_found() {
        for years in ["2018", "1990,1995,2000", "2020,2019,2018", "1990,2000,2010,2021"] {
            assert_eq!(series(years), Some(Series::Years), "{years}");
        }
        assert_eq!(series("0,1,2,3"), Some(Series::Steps { by: 1, from: 0 }));
        assert_eq!(series("10,8,6"), Some(Series::Steps { by: -2, from: 10 }));
        assert_eq!(series("100022,100025,100047"), Some(Series::Whole));
        assert_eq!(series("1.38,1.4,1.47"), Some(Series::Decimals));
        assert_eq!(series("1.05,1.1,1.5"), Some(Series::Decimals));
        for marked in [
            "2020-01-31,2020-02-29",
            "31.01.2020,29.02.2020,31.03.2020",
            "3/1/25,3/2/25,4/1/25",
            "12/31/24,1/31/25",
            "2020-01,2020-02,2021-01",
            "2000-01,2001-02",
            "0-4,5-9,10-14,85+",
            "00:00,01:00,02:00",
            "1-Nov-23,2-Nov-23",
            "Jan-20,Feb-20",
        ] {
            assert_eq!(series(marked), Some(Series::Marked), "{marked}");
        }
    }

    #[test]
    fn what_repeats_or_jumps_is_no_series() {
        for cells in
            ["2018,2018", "1,2,2", "5", "2020-01,2020-02,2020-01", "0-4,5/9", "2000,1995,2001,5", "a,b", "1.5,1.5"]
        {
            assert_eq!(series(cells), None, "{cells}");
        }
    }
}
