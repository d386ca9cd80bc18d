use std::{mem, time::Duration};

use tokio::time::Instant;

use crate::{
    Token,
    index::{ByPrint, Fingerprint},
};

/// For how long a token is handed out without a look at the table. So long can another process go on using the token of
/// a value that was forgotten.
pub(crate) const LIFETIME: Duration = Duration::from_mins(5);

/// Tokens by fingerprint, never by value: those that were used of late.
///
/// Two generations: when the young one is full it becomes the old one, and what was the old one goes. What is used
/// moves to the young one. That comes close to dropping the least recently used, without a list through all entries.
#[derive(Debug)]
pub(crate) struct Cache {
    young: ByPrint<Held>,
    old: ByPrint<Held>,
    generation: usize,
    start: Instant,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    token: Token,
    /// Seconds since the start.
    until: u32,
}

impl Cache {
    /// For at least the last `capacity` tokens, and at most twice as many, of 70 to 140 bytes each.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { young: ByPrint::default(), old: ByPrint::default(), generation: capacity, start: Instant::now() }
    }

    fn seconds(&self, more: Duration) -> u32 {
        u32::try_from((self.start.elapsed() + more).as_secs()).unwrap_or(u32::MAX)
    }

    /// The tokens of those that are known.
    pub(crate) fn look_up<'a>(&mut self, wanted: impl Iterator<Item = (&'a Fingerprint, &'a mut Option<Token>)>) {
        let now = self.seconds(Duration::ZERO);
        for (print, token) in wanted {
            let held = match self.young.get(print) {
                Some(held) => *held,
                None => match self.old.remove(print) {
                    Some(held) => {
                        self.put(*print, held);
                        held
                    }
                    None => continue,
                },
            };
            if held.until > now {
                *token = Some(held.token);
            }
        }
    }

    pub(crate) fn insert(&mut self, tokens: impl Iterator<Item = (Fingerprint, Token)>) {
        let until = self.seconds(LIFETIME);
        for (print, token) in tokens {
            self.put(print, Held { token, until });
        }
    }

    pub(crate) fn remove(&mut self, print: &Fingerprint) {
        self.young.remove(print);
        self.old.remove(print);
    }

    fn put(&mut self, print: Fingerprint, held: Held) {
        if self.generation == 0 {
            return;
        }
        if self.young.len() >= self.generation {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(print, held);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Shape;

    fn pair(n: u8) -> (Fingerprint, Token) {
        (Fingerprint([n; 32]), Token::new(&[n; 16], Shape::Plain))
    }

    fn held(cache: &mut Cache, n: u8) -> bool {
        let ((print, token), mut found) = (pair(n), None);
        cache.look_up(std::iter::once((&print, &mut found)));
        assert!(found.is_none_or(|found| found == token));
        found.is_some()
    }

    #[test]
    fn what_is_used_stays_and_the_rest_goes() {
        let mut cache = Cache::new(10);
        cache.insert((0..200).map(pair));
        assert!(cache.young.len() + cache.old.len() <= 20);
        assert!((190..200).all(|n| held(&mut cache, n)));
        assert!(held(&mut cache, 199) && !held(&mut cache, 0));

        let mut cache = Cache::new(10);
        cache.insert(std::iter::once(pair(1)));
        for n in 2..100 {
            cache.insert(std::iter::once(pair(n)));
            assert!(held(&mut cache, 1), "{n}");
        }
        assert!(!held(&mut cache, 2));
        cache.remove(&pair(1).0);
        assert!(!held(&mut cache, 1));
    }

    #[test]
    fn a_cache_for_nothing_holds_nothing() {
        let mut cache = Cache::new(0);
        cache.insert(std::iter::once(pair(1)));
        assert!(!held(&mut cache, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_looked_up_again_in_time() {
        let mut cache = Cache::new(10);
        cache.insert(std::iter::once(pair(1)));
        tokio::time::sleep(Duration::from_secs(299)).await;
        assert!(held(&mut cache, 1));
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(!held(&mut cache, 1));
    }
}
