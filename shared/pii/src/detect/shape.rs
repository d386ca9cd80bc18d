//! Which classes of bytes a value is made of: the cheap look before any other.

const DIGIT: u8 = 0;
const LETTER: u8 = 1;
const HIGH: u8 = 2;
const SPACE: u8 = 3;
const HYPHEN: u8 = 4;
const DOT: u8 = 5;
/// What else stands in telephone numbers, dates and addresses.
const MARK: u8 = 6;
const COLON: u8 = 7;
const AT: u8 = 8;
const APOSTROPHE: u8 = 9;
const COMMA: u8 = 10;
const OTHER: u8 = 11;

const CLASS: [u8; 256] = {
    let mut table = [OTHER; 256];
    let mut byte = 0;
    while byte < 256 {
        #[allow(clippy::cast_possible_truncation)]
        let class = match byte as u8 {
            b'0'..=b'9' => DIGIT,
            b'a'..=b'z' | b'A'..=b'Z' => LETTER,
            0x80.. => HIGH,
            b' ' => SPACE,
            b'-' => HYPHEN,
            b'.' => DOT,
            b'/' | b'+' | b'(' | b')' => MARK,
            b':' => COLON,
            b'@' => AT,
            b'\'' => APOSTROPHE,
            b',' => COMMA,
            _ => OTHER,
        };
        table[byte] = class;
        byte += 1;
    }
    table
};

/// How many bytes of each class a value has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) length: usize,
    pub(super) digits: u16,
    /// Of ASCII.
    pub(super) letters: u16,
    /// Beyond ASCII: taken for letters.
    pub(super) high: u16,
    pub(super) spaces: u16,
    pub(super) hyphens: u16,
    pub(super) dots: u16,
    pub(super) colons: u16,
    pub(super) ats: u16,
    pub(super) apostrophes: u16,
    pub(super) commas: u16,
    pub(super) others: u16,
}

impl Shape {
    /// No single personal value is longer. RFC 5321 ends an email address at 254 bytes.
    pub(super) const LONGEST: usize = 320;

    /// `None` for a value that is too long to be any kind of personal data.
    pub(super) fn of(value: &str) -> Option<Self> {
        if value.len() > Self::LONGEST {
            return None;
        }
        let mut n = [0_u16; 16];
        for byte in value.bytes() {
            n[usize::from(CLASS[usize::from(byte)] & 15)] += 1;
        }
        let of = |class: u8| n[usize::from(class)];
        Some(Self {
            length: value.len(),
            digits: of(DIGIT),
            letters: of(LETTER),
            high: of(HIGH),
            spaces: of(SPACE),
            hyphens: of(HYPHEN),
            dots: of(DOT),
            colons: of(COLON),
            ats: of(AT),
            apostrophes: of(APOSTROPHE),
            commas: of(COMMA),
            others: of(OTHER),
        })
    }

    /// Letters of any script.
    pub(super) fn any_letters(&self) -> u16 {
        self.letters + self.high
    }
}
