//! Globs over object keys, with what each wildcard matched.
//!
//! A glob becomes a small program that is run with backtracking, and never twice from the same place at the same
//! character: the time is at most the length of the glob times the length of the key.

use std::ops::Range;

/// Characters of a glob; S3 allows 1,024 bytes for a key.
const MAX_GLOB: usize = 1024;

/// A pattern over a whole text: `*` and `?` within a folder, `**` across folders, `[a-z]`, `[!a-z]`, `{a,b}`, and `\`
/// before a character that stands for itself.
#[derive(Clone, Debug)]
pub(crate) struct Glob {
    text: String,
    program: Vec<Step>,
    /// What every match begins with.
    prefix: String,
    /// What every match has in it.
    needs: Pairs,
    captures: usize,
}

/// Pairs of bytes that follow each other, by a hash with 128 values: what a text lacks it cannot have, and what it has it
/// may have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pairs(u128);

impl Pairs {
    /// All pairs of a text.
    pub(crate) fn of(text: &str) -> Self {
        let mut all = Self::default();
        text.as_bytes().windows(2).for_each(|pair| all.add(pair[0], pair[1]));
        all
    }

    fn add(&mut self, first: u8, second: u8) {
        let pair = u32::from(u16::from_be_bytes([first, second]));
        self.0 |= 1 << (pair.wrapping_mul(0x9E37_79B1) >> 25);
    }

    /// Whether there are none that the others lack.
    pub(crate) fn are_among(self, others: Self) -> bool {
        self.0 & !others.0 == 0
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Char(char),
    /// Any character but `/`.
    Any,
    /// Any character.
    AnyOrSlash,
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
    /// Go on at the first; if that leads nowhere, at the second.
    Split(usize, usize),
    Jump(usize),
    /// Note the place: even slots begin a capture, odd ones end it.
    Save(usize),
    End,
}

/// What the wildcards of a glob matched, in their order.
pub(crate) type Captures<'k> = Vec<&'k str>;

impl Glob {
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("an empty glob matches nothing; `**` matches everything".to_owned());
        }
        if text.chars().count() > MAX_GLOB {
            return Err(format!("a glob has at most {MAX_GLOB} characters"));
        }
        let mut compiler = Compiler {
            rest: text.chars().peekable(),
            program: Vec::new(),
            captures: 0,
            last: None,
            numbered: true,
            needs: Pairs::default(),
            byte: None,
        };
        compiler.sequence(false)?;
        compiler.program.push(Step::End);
        let Compiler { program, captures, needs, .. } = compiler;
        let prefix = program.iter().map_while(|step| if let Step::Char(c) = step { Some(*c) } else { None }).collect();
        Ok(Self { text: text.to_owned(), program, prefix, needs, captures })
    }

    /// How it was written.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// What every match begins with.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// What every match has in it.
    pub(crate) fn needs(&self) -> Pairs {
        self.needs
    }

    /// How many wildcards it has.
    pub(crate) fn captures(&self) -> usize {
        self.captures
    }

    pub(crate) fn is_match(&self, key: &str) -> bool {
        self.find(key).is_some()
    }

    /// What the wildcards matched, each as much as it could; empty for a `**/` that stands for no folder.
    pub(crate) fn find<'k>(&self, key: &'k str) -> Option<Captures<'k>> {
        if !key.starts_with(&self.prefix) {
            return None;
        }
        let slots = Run::new(&self.program, key, self.captures).run()?;
        let capture = |pair: &[Option<usize>]| match *pair {
            [Some(start), Some(end)] => key.get(Range { start, end }).unwrap_or_default(),
            _ => "",
        };
        Some(slots.chunks(2).map(capture).collect())
    }
}

struct Compiler<'t> {
    rest: std::iter::Peekable<std::str::Chars<'t>>,
    program: Vec<Step>,
    captures: usize,
    /// The character before, where it stands for itself.
    last: Option<char>,
    /// Whether wildcards are captured, which those within braces are not.
    numbered: bool,
    /// What every match has in it, so far.
    needs: Pairs,
    /// The last byte, where every match has it in this place.
    byte: Option<u8>,
}

impl Compiler<'_> {
    /// Up to the end, or, `within` braces, up to `,` or `}`.
    fn sequence(&mut self, within: bool) -> Result<(), String> {
        let mut begun = within;
        while let Some(&c) = self.rest.peek() {
            if within && matches!(c, ',' | '}') {
                break;
            }
            self.rest.next();
            let whole_folder = !begun || self.last == Some('/');
            begun = true;
            self.last = None;
            match c {
                '*' => self.star(whole_folder && !within),
                '?' => self.captured(|it| it.program.push(Step::Any)),
                '[' => {
                    let class = self.class()?;
                    self.captured(|it| it.program.push(class));
                }
                '{' if within => return Err("braces within braces are not supported".to_owned()),
                '{' => self.alternatives()?,
                '}' => return Err("a `}` without `{`; write `\\}` for the character".to_owned()),
                '\\' => match self.rest.next() {
                    Some(c) => self.literal(c),
                    None => return Err("a `\\` at the end; write `\\\\` for the character".to_owned()),
                },
                c => self.literal(c),
            }
        }
        Ok(())
    }

    fn literal(&mut self, c: char) {
        self.program.push(Step::Char(c));
        self.last = Some(c);
        // One of several texts in braces is not in every match.
        if self.numbered {
            for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                self.byte.into_iter().for_each(|before| self.needs.add(before, byte));
                self.byte = Some(byte);
            }
        }
    }

    fn captured(&mut self, compile: impl FnOnce(&mut Self)) {
        self.byte = None;
        if !self.numbered {
            return compile(self);
        }
        let slot = 2 * self.captures;
        self.captures += 1;
        self.program.push(Step::Save(slot));
        compile(self);
        self.program.push(Step::Save(slot + 1));
    }

    fn star(&mut self, whole_folder: bool) {
        let mut across = false;
        while self.rest.next_if_eq(&'*').is_some() {
            across = true;
        }
        let any = if across { Step::AnyOrSlash } else { Step::Any };
        let repeat = |it: &mut Self| {
            let start = it.program.len();
            it.program.extend([Step::Split(start + 1, start + 3), any, Step::Jump(start)]);
        };
        if across && whole_folder && self.rest.next_if_eq(&'/').is_some() {
            // `a/**/b` also stands for `a/b`.
            let split = self.program.len();
            self.program.push(Step::End);
            self.captured(repeat);
            self.program.push(Step::Char('/'));
            self.program[split] = Step::Split(split + 1, self.program.len());
            self.last = Some('/');
        } else {
            self.captured(repeat);
        }
    }

    fn class(&mut self) -> Result<Step, String> {
        const OPEN: &str = "a `[` without `]`; write `\\[` for the character";
        let negated = self.rest.next_if(|c| matches!(c, '!' | '^')).is_some();
        let mut ranges = Vec::new();
        loop {
            let first = match self.rest.next().ok_or(OPEN)? {
                ']' if !ranges.is_empty() => return Ok(Step::Class { negated, ranges }),
                ']' if !self.rest.clone().any(|c| c == ']') => return Err("an empty `[]` matches nothing".to_owned()),
                '\\' => self.rest.next().ok_or(OPEN)?,
                c => c,
            };
            let mut after = self.rest.clone();
            let last = match (after.next(), after.next()) {
                (Some('-'), Some(last)) if last != ']' => {
                    self.rest = after;
                    if last == '\\' { self.rest.next().ok_or(OPEN)? } else { last }
                }
                _ => first,
            };
            if last < first {
                return Err(format!("`{first}-{last}` is no range: it ends before it begins"));
            }
            ranges.push((first, last));
        }
    }

    fn alternatives(&mut self) -> Result<(), String> {
        let slot = 2 * self.captures;
        self.captures += 1;
        self.numbered = false;
        self.byte = None;
        self.program.push(Step::Save(slot));
        let (mut ends, mut text) = (Vec::new(), String::new());
        loop {
            let split = self.program.len();
            self.program.push(Step::End);
            self.sequence(true)?;
            match self.rest.next() {
                Some(',') => {
                    ends.push(self.program.len());
                    self.program.push(Step::End);
                    self.program[split] = Step::Split(split + 1, self.program.len());
                }
                Some(_) if ends.is_empty() => {
                    text.extend(self.program[split..].iter().filter_map(|step| match step {
                        Step::Char(c) => Some(*c),
                        _ => None,
                    }));
                    return Err(format!(
                        "`{{{text}}}` has no alternatives; captures such as `{{1}}` are for `database` and `table`"
                    ));
                }
                Some(_) => {
                    self.program[split] = Step::Jump(split + 1);
                    break;
                }
                None => return Err("a `{` without `}`; write `\\{` for the character".to_owned()),
            }
        }
        let end = self.program.len();
        for at in ends {
            self.program[at] = Step::Jump(end);
        }
        self.program.push(Step::Save(slot + 1));
        self.numbered = true;
        self.last = None;
        Ok(())
    }
}

struct Run<'a> {
    program: &'a [Step],
    key: &'a str,
    slots: Vec<Option<usize>>,
    /// One bit for each step at each place: whether it was tried.
    seen: Vec<u64>,
    jobs: Vec<Job>,
}

enum Job {
    Try { step: usize, at: usize },
    Restore { slot: usize, old: Option<usize> },
}

impl<'a> Run<'a> {
    fn new(program: &'a [Step], key: &'a str, captures: usize) -> Self {
        let bits = program.len() * (key.len() + 1);
        Self {
            program,
            key,
            slots: vec![None; 2 * captures],
            seen: vec![0; bits.div_ceil(64)],
            jobs: vec![Job::Try { step: 0, at: 0 }],
        }
    }

    fn run(mut self) -> Option<Vec<Option<usize>>> {
        while let Some(job) = self.jobs.pop() {
            match job {
                Job::Restore { slot, old } => self.slots[slot] = old,
                Job::Try { step, at } => {
                    if self.follow(step, at) {
                        return Some(self.slots);
                    }
                }
            }
        }
        None
    }

    /// Goes on from a step until it fails or the key is matched.
    fn follow(&mut self, mut step: usize, mut at: usize) -> bool {
        loop {
            let bit = step * (self.key.len() + 1) + at;
            let (word, mask) = (&mut self.seen[bit / 64], 1 << (bit % 64));
            if *word & mask != 0 {
                return false;
            }
            *word |= mask;
            let next = self.key[at..].chars().next();
            let takes = match &self.program[step] {
                Step::End => return next.is_none(),
                Step::Jump(to) => {
                    step = *to;
                    continue;
                }
                Step::Split(first, second) => {
                    self.jobs.push(Job::Try { step: *second, at });
                    step = *first;
                    continue;
                }
                Step::Save(slot) => {
                    self.jobs.push(Job::Restore { slot: *slot, old: self.slots[*slot] });
                    self.slots[*slot] = Some(at);
                    step += 1;
                    continue;
                }
                Step::Char(c) => next == Some(*c),
                Step::Any => next.is_some_and(|c| c != '/'),
                Step::AnyOrSlash => next.is_some(),
                Step::Class { negated, ranges } => {
                    next.is_some_and(|c| c != '/' && ranges.iter().any(|(a, b)| (*a..=*b).contains(&c)) != *negated)
                }
            };
            if !takes {
                return false;
            }
            at += next.map_or(0, char::len_utf8);
            step += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::*;

    fn find<'k>(glob: &str, key: &'k str) -> Option<Captures<'k>> {
        Glob::new(glob).unwrap().find(key)
    }

    #[test]
    fn wildcards_match_and_are_captured() {
        for (glob, key, expected) in [
            ("crm/*/users/*", "crm/acme/users/a.csv", Some(vec!["acme", "a.csv"])),
            ("crm/*/users/*", "crm/acme/users/x/a.csv", None),
            ("crm/**", "crm/acme/users/x/a.csv", Some(vec!["acme/users/x/a.csv"])),
            ("crm/**/*.csv", "crm/a.csv", Some(vec!["", "a"])),
            ("crm/**/*.csv", "crm/x/y/a.csv", Some(vec!["x/y", "a"])),
            ("**/a", "a", Some(vec![""])),
            ("**", "", Some(vec![""])),
            ("x**y", "xa/by", Some(vec!["a/b"])),
            ("*_*", "a_b_c", Some(vec!["a_b", "c"])),
            ("a?c", "abc", Some(vec!["b"])),
            ("a?c", "a/c", None),
            ("?", "ß", Some(vec!["ß"])),
            ("[a-c]x", "bx", Some(vec!["b"])),
            ("[!a-c]x", "bx", None),
            ("[^a]x", "/x", None),
            ("[]a]", "]", Some(vec!["]"])),
            ("[a-]", "-", Some(vec!["-"])),
            ("{users,orders*}/*", "orders_2/a", Some(vec!["orders_2", "a"])),
            ("{a,ab}c", "abc", Some(vec!["ab"])),
            ("{,x}a", "a", Some(vec![""])),
            (r"a\*\{", "a*{", Some(vec![])),
            (r"a\*", "ab", None),
        ] {
            assert_eq!(find(glob, key), expected, "{glob} {key}");
        }
    }

    #[test]
    fn what_is_no_glob_is_refused() {
        for (glob, says) in [
            ("", "empty"),
            ("[a", "without `]`"),
            ("[]", "empty `[]`"),
            ("[z-a]", "no range"),
            ("{a,b", "without `}`"),
            ("a}", "without `{`"),
            ("{a,{b,c}}", "within braces"),
            ("x/{1}", "`{1}` has no alternatives"),
            ("a\\", "at the end"),
            (&"a".repeat(1025), "at most 1024"),
        ] {
            let error = Glob::new(glob).unwrap_err();
            assert!(error.contains(says), "{glob}: {error}");
        }
    }

    #[test]
    fn a_hostile_glob_takes_no_time() {
        let (glob, key) = ("*a".repeat(200) + "b", "a".repeat(1000));
        let begun = Instant::now();
        assert_eq!(find(&glob, &key), None);
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    }

    /// The same, tried out in the simplest way.
    #[derive(Clone, Debug)]
    enum Token {
        Text(String),
        Star,
        Stars,
        Question,
        OneOf(Vec<String>),
    }

    impl Token {
        fn write(&self) -> String {
            match self {
                Self::Text(text) => text.clone(),
                Self::Star => "*".to_owned(),
                Self::Stars => "x**".to_owned(),
                Self::Question => "?".to_owned(),
                Self::OneOf(texts) => format!("{{{}}}", texts.join(",")),
            }
        }
    }

    fn matches(tokens: &[Token], key: &str) -> bool {
        let Some((token, rest)) = tokens.split_first() else { return key.is_empty() };
        let cuts = || (0..=key.len()).filter(|at| key.is_char_boundary(*at));
        match token {
            Token::Text(text) => key.strip_prefix(text.as_str()).is_some_and(|after| matches(rest, after)),
            Token::Star => cuts().any(|at| !key[..at].contains('/') && matches(rest, &key[at..])),
            Token::Stars => {
                key.strip_prefix('x').is_some_and(|key| (0..=key.len()).any(|at| matches(rest, &key[at..])))
            }
            Token::Question => key.chars().next().is_some_and(|c| c != '/' && matches(rest, &key[c.len_utf8()..])),
            Token::OneOf(texts) => {
                texts.iter().any(|text| key.strip_prefix(text.as_str()).is_some_and(|after| matches(rest, after)))
            }
        }
    }

    fn tokens() -> impl Strategy<Value = Vec<Token>> {
        let token = prop_oneof![
            "[ab/]{1,2}".prop_map(Token::Text),
            Just(Token::Star),
            Just(Token::Stars),
            Just(Token::Question),
            prop::collection::vec("[ab/]{0,2}", 2..4).prop_map(Token::OneOf),
        ];
        // Two stars in a row would be another wildcard.
        prop::collection::vec(token, 1..7).prop_map(|tokens| {
            let mut out: Vec<Token> = Vec::new();
            for token in tokens {
                if matches!(token, Token::Star) && matches!(out.last(), Some(Token::Star | Token::Stars)) {
                    out.push(Token::Text("a".to_owned()));
                }
                out.push(token);
            }
            out
        })
    }

    proptest! {
        #[test]
        fn it_matches_what_trying_everything_matches(tokens in tokens(), key in "[abx/]{0,10}") {
            let glob: String = tokens.iter().map(Token::write).collect();
            prop_assert_eq!(Glob::new(&glob).unwrap().is_match(&key), matches(&tokens, &key), "{}", glob);
        }

        #[test]
        fn captures_put_in_place_give_the_key_again(tokens in tokens(), key in "[abx/]{0,10}") {
            let glob = Glob::new(&tokens.iter().map(Token::write).collect::<String>()).unwrap();
            if let Some(captures) = glob.find(&key) {
                prop_assert_eq!(captures.len(), glob.captures());
                let mut captures = captures.into_iter();
                let again: String = tokens
                    .iter()
                    .map(|token| match token {
                        Token::Text(text) => text.clone(),
                        Token::Stars => format!("x{}", captures.next().unwrap()),
                        _ => captures.next().unwrap().to_owned(),
                    })
                    .collect();
                prop_assert_eq!(again, key);
            }
        }

        #[test]
        fn any_text_is_a_glob_or_not(glob in r"[\[\]{},*?!/\\a-c-]{0,12}|.{0,12}", key in ".{0,12}|[a-c/]{0,8}") {
            if let Ok(glob) = Glob::new(&glob)
                && let Some(captures) = glob.find(&key)
            {
                prop_assert_eq!(captures.len(), glob.captures());
            }
        }
    }
}
