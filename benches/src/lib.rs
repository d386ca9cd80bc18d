//! Texts to measure with: made up, of any size, and the same ones every time.

use std::{
    fmt::Write as _,
    io::{self, Write},
    str::FromStr,
};

use fastrand::Rng;

/// What a text holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Ten columns of whole and decimal numbers.
    Numeric,
    /// Product reviews: prose with commas, doubled quotes, line ends inside quotes, and letters beyond ASCII.
    Reviews,
    /// A thousand columns: numbers, words, dates, and every fifth one mostly empty.
    Wide,
    /// Dates and timestamps in four layouts.
    Dates,
    /// Orders of 5,000 shops in no order, to be partitioned by shop.
    Orders,
}

/// All of them.
pub const KINDS: [Kind; 5] = [Kind::Numeric, Kind::Reviews, Kind::Wide, Kind::Dates, Kind::Orders];

impl Kind {
    /// Its name, as the command line knows it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Numeric => "numeric",
            Self::Reviews => "reviews",
            Self::Wide => "wide",
            Self::Dates => "dates",
            Self::Orders => "orders",
        }
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = || KINDS.map(Kind::name).join(", ");
        KINDS.into_iter().find(|kind| kind.name() == name).ok_or_else(|| format!("expected one of {}", known()))
    }
}

/// Writes a header and then rows until there are at least `bytes` bytes.
///
/// # Errors
/// Where `out` cannot be written.
pub fn write(kind: Kind, bytes: u64, out: &mut impl Write) -> io::Result<()> {
    let mut text = Text { rng: Rng::with_seed(0x00C1_EA25_CE00 + kind as u64), row: String::new(), words: Vec::new() };
    text.words = text.vocabulary();
    text.header(kind);
    let mut written = 0;
    for number in 1.. {
        out.write_all(text.row.as_bytes())?;
        written += text.row.len() as u64;
        if written >= bytes {
            break;
        }
        text.row.clear();
        text.row(kind, number);
    }
    out.flush()
}

/// Writes a header and then rows of orders, each by one of so many people: three columns say who it is, and have three
/// times as many different values if there are many rows to a person. Another `seed` has the same people in another
/// order.
///
/// # Errors
/// Where `out` cannot be written.
pub fn write_people(rows: u64, people: u64, seed: u64, out: &mut impl Write) -> io::Result<()> {
    let mut rng = Rng::with_seed(0x00C1_EA25_CE10 + seed);
    let domains = ["example.com", "example.org", "mail.example.net"];
    let mut name = (String::new(), String::new());
    writeln!(out, "id,email,phone,full_name,ordered_on,city,product,quantity,amount,note")?;
    for row in 1..=rows {
        let person = rng.u64(..people.max(1));
        spell(person % 300 + 20, &mut name.0);
        spell(person / 300 + 1000, &mut name.1);
        let (first, last) = (&name.0, &name.1);
        let domain = domains[usize::try_from(person % 3).unwrap_or_default()];
        write!(out, "{row},{}.{}@{domain},", first.to_ascii_lowercase(), last.to_ascii_lowercase())?;
        write!(out, "+49 151 {:08},{first} {last},", person * 7919 % 100_000_000)?;
        write!(out, "{},city-{:03},P{:06},", Day(19_000 + rng.i64(0..700)), rng.u16(..400), rng.u32(..30_000))?;
        let (quantity, cents) = (rng.u32(1..9), rng.u32(100..99_999));
        writeln!(out, "{quantity},{}.{:02},packed and sent with number {row}", cents / 100, cents % 100)?;
    }
    out.flush()
}

/// A name for a number: each has its own.
fn spell(number: u64, name: &mut String) {
    const CONSONANTS: &[u8; 16] = b"bdfghjklmnprstvw";
    const VOWELS: &[u8; 4] = b"aeio";
    name.clear();
    let mut rest = number;
    while rest > 0 {
        let [consonant, vowel] = [rest / 4 % 16, rest % 4].map(|place| usize::try_from(place).unwrap_or_default());
        name.push(char::from(CONSONANTS[consonant]));
        name.push(char::from(VOWELS[vowel]));
        rest /= 64;
    }
    if let Some(first) = name.get_mut(..1) {
        first.make_ascii_uppercase();
    }
}

/// What [`write`] writes, in memory.
pub fn text(kind: Kind, bytes: usize) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes + (64 << 10));
    // A Vec takes everything.
    let _ = write(kind, bytes as u64, &mut text);
    text
}

/// Columns of [`Kind::Wide`].
const WIDE: usize = 1000;
/// Shops of [`Kind::Orders`].
const SHOPS: u32 = 5000;
/// Different words; few of them make up most of a text, as in any language.
const WORDS: usize = 4000;

struct Text {
    rng: Rng,
    row: String,
    words: Vec<String>,
}

impl Text {
    fn header(&mut self, kind: Kind) {
        let names = match kind {
            Kind::Numeric => "id,station,year,visits,balance,temperature,latitude,longitude,price,ratio",
            Kind::Reviews => {
                "marketplace,customer_id,review_id,product_id,product_title,star_rating,helpful_votes,\
                 verified_purchase,review_headline,review_body,review_date"
            }
            Kind::Wide => "",
            Kind::Dates => "id,day,created_at,received_at,day_in_europe",
            Kind::Orders => "id,shop,ordered_at,customer,product,quantity,price,express,note",
        };
        self.row.push_str(names);
        if kind == Kind::Wide {
            for column in 0..WIDE {
                let _ = write!(self.row, "{}c{column:04}", if column == 0 { "" } else { "," });
            }
        }
        self.row.push('\n');
    }

    fn row(&mut self, kind: Kind, number: u64) {
        match kind {
            Kind::Numeric => self.numeric(number),
            Kind::Reviews => self.review(number),
            Kind::Wide => self.wide(number),
            Kind::Dates => self.dates(number),
            Kind::Orders => self.order(number),
        }
        self.row.push('\n');
    }

    fn numeric(&mut self, number: u64) {
        let Self { rng, row, .. } = self;
        let (station, year, visits) = (rng.u32(1..=500), rng.u32(1990..2027), 1 << rng.u32(4..40));
        let visits = rng.u64(..visits);
        let (balance, temperature) = (rng.i64(-1_000_000_000..1_000_000_000), rng.i32(-300..450));
        let (latitude, longitude) = (rng.f64() * 180.0 - 90.0, rng.f64() * 360.0 - 180.0);
        let (price, ratio) = (rng.u32(100..999_999), rng.f64());
        // No value can fail to be written to a String.
        let _ = write!(
            row,
            "{number},{station},{year},{visits},{balance},{}.{},",
            temperature / 10,
            temperature.abs() % 10
        );
        let _ = write!(row, "{latitude:.6},{longitude:.6},{}.{:02},{ratio}", price / 100, price % 100);
    }

    fn review(&mut self, number: u64) {
        let rng = &mut self.rng;
        let market = *["US", "DE", "FR", "JP", "UK"].get(rng.usize(..5)).unwrap_or(&"US");
        let (customer, product) = (rng.u32(10_000..60_000_000), rng.u32(..50_000));
        let _ = write!(self.row, "{market},{customer},R{number:010X},B{product:09},");
        self.prose(3..9);
        let rng = &mut self.rng;
        let (stars, other) = (rng.u32(1..=5), rng.u32(1..=5));
        let (stars, votes) = (stars.max(other), rng.u32(..20) * other / 5);
        let _ = write!(self.row, ",{stars},{votes},{},", rng.u32(..10) > 0);
        self.prose(1..7);
        self.row.push(',');
        let longest = self.rng.usize(20..160);
        self.prose(5..longest);
        let _ = write!(self.row, ",{}", Day(16_000 + self.rng.i64(0..4000)));
    }

    /// A quoted text of some words.
    fn prose(&mut self, words: std::ops::Range<usize>) {
        let Self { rng, row, words: vocabulary } = self;
        row.push('"');
        for i in 0..rng.usize(words) {
            if i > 0 {
                let between = [", ", ". ", "\n", " \"\"", "\"\" "];
                row.push_str(between.get(rng.usize(..60)).unwrap_or(&" "));
            }
            // The product of three even chances: the n-th word is about as frequent as in prose.
            let place = rng.f64() * rng.f64() * rng.f64();
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss,
                reason = "< len"
            )]
            let word = (place * vocabulary.len() as f64) as usize;
            row.push_str(vocabulary.get(word).map_or("", String::as_str));
        }
        row.push('"');
    }

    fn wide(&mut self, number: u64) {
        let Self { rng, row, words } = self;
        for column in 0..WIDE {
            if column > 0 {
                row.push(',');
            }
            let _ = match column % 5 {
                0 if column == 0 => write!(row, "{number}"),
                0 => write!(row, "{}", rng.u32(..100_000)),
                1 => write!(row, "{}.{:02}", rng.u32(..1000), rng.u32(..100)),
                2 => write!(row, "{}", words.get(rng.usize(..50)).map_or("", String::as_str)),
                3 => write!(row, "{}", Day(18_000 + rng.i64(0..2000))),
                _ if rng.u32(..10) == 0 => write!(row, "{}", rng.u8(..)),
                _ => Ok(()),
            };
        }
    }

    fn dates(&mut self, number: u64) {
        let Self { rng, row, .. } = self;
        let day = 10_000 + rng.i64(0..10_000);
        let (hour, minute, second) = (rng.u8(..24), rng.u8(..60), rng.u8(..60));
        let _ = write!(row, "{number},{},{} {hour:02}:{minute:02}:{second:02},", Day(day), Day(day + 1));
        let _ = write!(row, "{}T{hour:02}:{minute:02}:{second:02}.{:03}Z,", Day(day + 2), rng.u16(..1000));
        let (year, month, day) = Day(day).civil();
        let _ = write!(row, "{day:02}.{month:02}.{year}");
    }

    fn order(&mut self, number: u64) {
        let Self { rng, row, .. } = self;
        let (shop, customer, product) = (rng.u32(..SHOPS), rng.u32(..2_000_000), rng.u32(..30_000));
        let (day, hour, minute, second) = (19_000 + rng.i64(0..700), rng.u8(..24), rng.u8(..60), rng.u8(..60));
        let _ = write!(row, "{number},shop-{shop:04},{} {hour:02}:{minute:02}:{second:02},", Day(day));
        let (quantity, price, express) = (rng.u32(1..9), rng.u32(100..99_999), rng.u32(..5) == 0);
        let _ = write!(row, "{customer},P{product:06},{quantity},{}.{:02},{express},", price / 100, price % 100);
        self.prose(0..8);
    }

    /// Words of two to five syllables, some with letters beyond ASCII.
    fn vocabulary(&mut self) -> Vec<String> {
        let consonants = ["b", "d", "f", "g", "h", "k", "l", "m", "n", "p", "r", "s", "t", "v", "w", "st", "ch", "ß"];
        let vowels = ["a", "e", "i", "o", "u", "e", "a", "o", "ee", "ou", "ü", "é"];
        let mut syllable = || {
            let pick = |from: &[&'static str], rng: &mut Rng| from.get(rng.usize(..from.len())).copied();
            [pick(&consonants, &mut self.rng), pick(&vowels, &mut self.rng)].into_iter().flatten().collect::<String>()
        };
        (0..WORDS).map(|i| (0..2 + i % 4).map(|_| syllable()).collect()).collect()
    }
}

/// Days since 1970-01-01.
struct Day(i64);

impl Day {
    /// Year, month and day: years are counted from March, so that the leap day is the last of its year.
    fn civil(&self) -> (i64, i64, i64) {
        let since_0000_03_01 = self.0 + 719_468;
        let (era, day) = (since_0000_03_01.div_euclid(146_097), since_0000_03_01.rem_euclid(146_097));
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let of_month = day - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        (era * 400 + year + i64::from(month <= 2), month, of_month)
    }
}

impl std::fmt::Display for Day {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (year, month, day) = self.civil();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_the_same_every_time_and_as_long_as_asked() {
        for kind in KINDS {
            let text = text(kind, 100_000);
            assert!((100_000..110_000).contains(&text.len()), "{kind:?}: {}", text.len());
            assert_eq!(text, super::text(kind, 100_000), "{kind:?}");
            assert!(text.ends_with(b"\n"), "{kind:?}");
            assert_eq!(kind.name().parse(), Ok(kind));
        }
    }

    #[test]
    fn people_are_the_same_in_another_order() {
        use std::collections::HashSet;
        let file = |seed| {
            let mut file = Vec::new();
            write_people(3000, 200, seed, &mut file).unwrap();
            String::from_utf8(file).unwrap()
        };
        let (one, other) = (file(1), file(2));
        assert_eq!(one, file(1));
        assert_eq!(one.lines().count(), 3001);
        for column in 1..=3 {
            let values = |file: &str| -> Vec<String> {
                file.lines().skip(1).filter_map(|line| line.split(',').nth(column).map(str::to_owned)).collect()
            };
            let (one, other) = (values(&one), values(&other));
            assert_ne!(one, other);
            let distinct: HashSet<_> = one.into_iter().collect();
            assert_eq!(distinct.len(), 200);
            assert_eq!(distinct, other.into_iter().collect());
        }
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        for (day, expected) in [(-1, "1969-12-31"), (0, "1970-01-01"), (11_016, "2000-02-29"), (19_782, "2024-02-29")] {
            assert_eq!(Day(day).to_string(), expected);
        }
    }
}
