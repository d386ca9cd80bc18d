use hmac::Mac;

use crate::{
    Error, Key, Reason, Refusal,
    key::{Field, HmacSha256, Place, keyed},
};

/// Deals the values of a column out anew among the rows of a window: a Fisher–Yates shuffle, each permutation as likely
/// as any other, chosen by HMAC-SHA-256 of object, column, and number of the window.
pub struct Shuffle {
    column: String,
    window: usize,
    choices: HmacSha256,
}

impl Shuffle {
    pub(super) fn new(window: usize, field: &Field, key: &Key, place: Place<'_>) -> Result<Self, Error> {
        if window < 2 {
            let reason = "`window` has to be at least 2 rows".to_owned();
            return Err(Error::InvalidMethod { method: "shuffle", reason });
        }
        let mut choices = keyed(key.derive::<32>("shuffle", field).as_slice());
        choices.update(&place.bytes());
        Ok(Self { column: field.column().to_owned(), window, choices })
    }

    /// How many rows belong together. The rows that are left at the end of a file are best shuffled together with the
    /// window before: alone, they may be too few to hide anything.
    pub fn window(&self) -> usize {
        self.window
    }

    /// Shuffles the values of the window `number`; those that are `null` keep their places.
    ///
    /// # Errors
    /// [`Reason::Alone`] where only one value is not null. The window is as it was.
    pub fn apply<T>(&self, number: u64, values: &mut [T], null: impl Fn(&T) -> bool) -> Result<(), Refusal> {
        let places: Vec<usize> = (0..values.len()).filter(|i| !null(&values[*i])).collect();
        if places.len() == 1 {
            return Err(Refusal { column: self.column.clone(), method: "shuffle", reason: Reason::Alone });
        }
        let mut choices = self.choices(number);
        for last in (1..places.len()).rev() {
            values.swap(places[last], places[choices.below(last + 1)]);
        }
        Ok(())
    }

    fn choices(&self, number: u64) -> Choices {
        let mut mac = self.choices.clone();
        mac.update(&number.to_be_bytes());
        Choices { mac, counter: 0, block: [0; 32], used: 32 }
    }
}

impl std::fmt::Debug for Shuffle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shuffle").field("column", &self.column).field("window", &self.window).finish_non_exhaustive()
    }
}

/// Numbers that nobody can predict without the key.
struct Choices {
    mac: HmacSha256,
    counter: u64,
    block: [u8; 32],
    used: usize,
}

impl Choices {
    fn next(&mut self) -> u64 {
        if self.used == self.block.len() {
            let mut mac = self.mac.clone();
            mac.update(&self.counter.to_be_bytes());
            self.block = mac.finalize().into_bytes().into();
            self.counter += 1;
            self.used = 0;
        }
        let mut number = [0; 8];
        number.copy_from_slice(&self.block[self.used..self.used + 8]);
        self.used += 8;
        u64::from_be_bytes(number)
    }

    /// A number below `end`, each as likely as any other.
    #[allow(clippy::cast_possible_truncation)]
    fn below(&mut self, end: usize) -> usize {
        let end = end as u64;
        let fair = u64::MAX - u64::MAX % end;
        loop {
            let number = self.next();
            if number < fair {
                return (number % end) as usize;
            }
        }
    }
}
