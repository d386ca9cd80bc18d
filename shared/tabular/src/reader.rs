//! The whole of it: a source to batches and a report.

use std::collections::BTreeMap;

use crate::{
    BadRows, Dialect, Error, Header, InputFacts, Options, Planner, RejectedRow, Report, Sink, Source,
    block::{Block, Blocks},
    convert::{Output, convert},
    duplicates::Seen,
    field,
    flaw::Flaw,
    grammar::{Grammar, Step},
    input::{self, Detected},
    pipeline::{self, Current},
    plan::Plan,
    scan::{Policy, Scanner},
    sniff::{self, Sniffed},
    types::Evidence,
    withhold,
};

/// Text from which the dialect is found out, bytes.
pub(crate) const SNIFFED: usize = 256 << 10;
/// Text that is parsed at once, bytes: enough for a column to be worth its overhead, little enough for a cache.
const MIN_BLOCK: usize = 512 << 10;
const COLUMN_BLOCK: usize = 8 << 10;
const MAX_BLOCK: usize = 2 << 20;
/// Records cannot be longer, whatever the limit: places are 32 bits wide.
const MAX_RECORD: usize = 1 << 30;

/// Readings of a source, at most: each but the first follows a contradiction, which leaves fewer notations and types.
const MAX_PASSES: u32 = 16;

/// Rejected rows that an error names.
const FIRST: usize = 3;

/// Reads a source from beginning to end: see the [module](crate).
///
/// [`Sink::begin`] is called once before the first batch, and once more if the types that a sample suggested do not
/// hold; not at all if there are no columns, which is so in an empty file.
///
/// # Errors
/// Whatever is wrong with the source, the sink, or the file as a whole; nothing that was handed over counts then.
pub fn read(
    source: &mut dyn Source,
    sink: &mut dyn Sink,
    planner: &dyn Planner,
    options: &Options,
) -> Result<Report, Error> {
    match read_as(source, sink, planner, options, None)? {
        Reading::Done(report) => Ok(*report),
        // Names and dialect are to be found in the other character set, too.
        Reading::Contradicted(found) => match read_as(source, sink, planner, options, Some(found))? {
            Reading::Done(report) => Ok(Report { passes: report.passes + 1, ..*report }),
            Reading::Contradicted(_) => Err(Error::SourceChanged),
        },
    }
}

/// What came of a reading.
enum Reading {
    Done(Box<Report>),
    /// The whole file is in another character set than its beginning: nothing counts.
    Contradicted(Detected),
}

/// Reads a source in the character set that is `known` of it, or in the one that its beginning suggests.
fn read_as(
    source: &mut dyn Source,
    sink: &mut dyn Sink,
    planner: &dyn Planner,
    options: &Options,
    mut known: Option<Detected>,
) -> Result<Reading, Error> {
    let input = input::open_as(source.open()?, &options.input, known)?;
    let mut probe = input.probe();
    let mut blocks = Blocks::new(Box::new(input));
    let (sample, whole) = blocks.peek(SNIFFED)?;
    let sniffed = sniff::dialect(sample, whole, &options.dialect)?;
    let certainty = sniffed.certainty;
    let dialect = sniffed.dialect.clone();
    let grammar = grammar(&dialect, options);
    let mut header = header(&mut blocks, &header_grammar(&sniffed, options), &sniffed, options)?;
    fit(&mut header, sniffed.columns);
    let count = header.len();
    if count == 0 {
        return Ok(Reading::Done(Tally::default().report(None, dialect, certainty, probe.facts(), 1).into()));
    }
    let header = Header { names: header, given: dialect.header_rows > 0 };
    let plans = planner.plan(&header).map_err(Error::Plan)?;
    let policy = Policy { rescue: options.bad_rows == BadRows::Rescue, pad: options.pad_short_rows };
    let scanner = Scanner { grammar, fields: count, policy };
    let mut plan = Plan::new(header, plans, &planner.taken(), options)?;
    plan.is_choosy = sink.is_choosy();

    let block_bytes = match options.block_bytes {
        0 => (count * COLUMN_BLOCK).clamp(MIN_BLOCK, MAX_BLOCK),
        given => given,
    };
    blocks.set_size(block_bytes);
    let (begun, evidence) = sample_types(&mut blocks, &scanner, &plan, options.sample_bytes)?;
    let plan = plan.with(&evidence, true);
    let mut pass = Pass::new(sink, &scanner, plan, evidence, options)?;
    let mut run =
        pipeline::run(begun, &mut blocks, &scanner, &pass.current.clone(), options.threads, |output| pass.take(output));
    drop(blocks);
    if !pass.unreadable {
        run?;
        run = Ok(());
    }
    if let Some(found) = input::reconsider(&probe, pass.unreadable, &mut || source.open(), &options.input)? {
        if !probe.settle(found) {
            return Ok(Reading::Contradicted(found));
        }
        known = Some(found);
    }
    run?;
    let mut passes = 1;
    while pass.contradicted {
        if passes == MAX_PASSES {
            return Err(Error::SourceChanged);
        }
        let (plan, evidence) = pass.next();
        // Rows that were rejected under a notation that does not hold have no say.
        if plan.reads_as(&pass.begun) && pass.left.iter().all(|left| plan.reads_as(left)) {
            pass.tally.check(options)?;
        }
        let input = input::open_as(source.open()?, &options.input, known)?;
        probe = input.probe();
        let mut blocks = Blocks::new(Box::new(input));
        blocks.set_size(block_bytes);
        self::header(&mut blocks, &header_grammar(&sniffed, options), &sniffed, options)?;
        pass = Pass::new(sink, &scanner, plan, evidence, options)?;
        pipeline::run(Vec::new(), &mut blocks, &scanner, &pass.current.clone(), options.threads, |o| pass.take(o))?;
        passes += 1;
    }
    pass.tally.check(options)?;
    let plan = pass.current.get();
    let Pass { tally, evidence, .. } = pass;
    Ok(Reading::Done(tally.report(Some((&plan, &evidence)), dialect, certainty, probe.facts(), passes).into()))
}

/// The grammar of a dialect, within the limits that are set.
pub(crate) fn grammar(dialect: &Dialect, options: &Options) -> Grammar {
    let mut grammar = Grammar::new(dialect);
    grammar.limit = options.limits.record_bytes.min(MAX_RECORD);
    grammar
}

/// How the header is written: it may have another delimiter than the records.
pub(crate) fn header_grammar(sniffed: &Sniffed, options: &Options) -> Grammar {
    let mut dialect = sniffed.dialect.clone();
    if let Some(delimiter) = &sniffed.header_delimiter {
        dialect.delimiter.clone_from(delimiter);
    }
    grammar(&dialect, options)
}

/// Passes over what stands before the first record, and returns the names of the columns; they are as many as the
/// header has fields. Several header rows are joined by blanks; without one, names are `column_1`, `column_2`, …
pub(crate) fn header(
    blocks: &mut Blocks,
    grammar: &Grammar,
    sniffed: &Sniffed,
    options: &Options,
) -> Result<Vec<String>, Error> {
    let dialect = &sniffed.dialect;
    let expected = Some(sniffed.columns).filter(|columns| *columns > 1);
    for _ in 0..dialect.skip_lines {
        let mut want = SNIFFED;
        loop {
            let (text, whole) = blocks.peek(want)?;
            if text.is_empty() {
                return Ok(Vec::new());
            }
            if let Some((_, next)) = grammar.line_end(text, 0, whole) {
                let lines = grammar.lines(&text[..next]);
                blocks.skip(next, lines);
                break;
            }
            want = longer(want, grammar, "a line before the header")?;
        }
    }
    let mut names: Vec<String> = Vec::new();
    let mut rows = 0;
    let mut want = SNIFFED;
    loop {
        let position = blocks.position();
        let (text, whole) = blocks.peek(want)?;
        let mut ends = Vec::new();
        match grammar.step(text, 0, whole, expected, &mut ends) {
            Step::Record { .. } if dialect.header_rows == 0 => {
                // The first record may be broken, too: it has no more say in it than any other.
                check_columns(sniffed.columns, options)?;
                return Ok((1..=sniffed.columns).map(|i| format!("column_{i}")).collect());
            }
            Step::Record { next, flaw, .. } => {
                let is_broken = matches!(flaw, Some(Flaw::StrayQuote | Flaw::UnterminatedQuote));
                if let Some(flaw) = flaw.filter(|_| is_broken && expected != Some(ends.len())) {
                    let what = format!("the header is broken: {flaw}; {}", flaw.advice());
                    return Err(Error::MalformedCsv { line: position.0, offset: position.1, what });
                }
                check_columns(ends.len(), options)?;
                names.resize(names.len().max(ends.len()), String::new());
                let mut from = 0;
                for (name, end) in names.iter_mut().zip(ends) {
                    let (content, _) = field::content(&text[from..end as usize], grammar);
                    let part = String::from_utf8_lossy(&content);
                    if !name.is_empty() && !part.trim().is_empty() {
                        name.push(' ');
                    }
                    name.push_str(&part);
                    from = end as usize + grammar.delimiter.len();
                }
                let lines = grammar.lines(&text[..next]);
                blocks.skip(next, lines);
                rows += 1;
                if rows == dialect.header_rows {
                    return Ok(names);
                }
            }
            Step::Skip { next } => {
                let lines = grammar.lines(&text[..next]);
                blocks.skip(next, lines);
            }
            Step::End => return Ok(names),
            Step::Long => return Err(too_long(grammar, "the header")),
            Step::More => want = longer(want, grammar, "the header")?,
        }
    }
}

fn check_columns(found: usize, options: &Options) -> Result<(), Error> {
    let limit = options.limits.columns;
    if found <= limit {
        return Ok(());
    }
    Err(Error::LimitExceeded(format!(
        "{found} columns, which is more than the limit of {limit}; set the delimiter, or raise the limit"
    )))
}

/// Makes a header as wide as most records are: names that are missing are empty, and so may be those beyond.
pub(crate) fn fit(header: &mut Vec<String>, columns: usize) {
    if header.len() < columns && !header.is_empty() {
        header.resize(columns, String::new());
    }
    let blank = |name: &&String| name.trim().is_empty();
    if header.len() == columns + 1 && header.iter().filter(blank).count() == 1 {
        // A delimiter too many: each field has its name without the empty one.
        header.retain(|name| !blank(&name));
    }
    if header.iter().skip(columns).all(|name| name.trim().is_empty()) {
        header.truncate(columns.max(1));
    }
}

fn too_long(grammar: &Grammar, what: &str) -> Error {
    let limit = grammar.limit;
    Error::LimitExceeded(format!(
        "{what} is longer than the limit of {limit} bytes; set the dialect, or raise the limit"
    ))
}

fn longer(want: usize, grammar: &Grammar, what: &str) -> Result<usize, Error> {
    if want > grammar.limit.saturating_mul(2) { Err(too_long(grammar, what)) } else { Ok(want * 2) }
}

/// Types for a beginning: blocks with at least `bytes` of text, and what all their values say.
fn sample_types(
    blocks: &mut Blocks,
    scanner: &Scanner,
    plan: &Plan,
    bytes: usize,
) -> Result<(Vec<Block>, Vec<Evidence>), Error> {
    let mut sample = Vec::new();
    let mut evidence = plan.evidence();
    let mut seen = 0;
    while seen < bytes.max(1) {
        let mut block = Block::default();
        if !blocks.next(&mut block, scanner)? {
            break;
        }
        seen += block.len;
        // With types that fit the first rows, the rest is fast; each turn takes types that fit more.
        let mut from = Block::default();
        block.first_rows(64, scanner.fields, &mut from);
        let mut part = &mut from;
        let mut whole = false;
        loop {
            let assumed = plan.with(&evidence, false);
            assumed.join(&mut evidence, &convert(part, scanner, &assumed)?.evidence);
            plan.with(&evidence, false).forget_siblings(&assumed, &mut evidence);
            if !assumed.contradicts(&evidence) {
                if whole {
                    break;
                }
                part = &mut block;
                whole = true;
            }
        }
        sample.push(block);
    }
    Ok((sample, evidence))
}

/// One reading from beginning to end.
struct Pass<'s> {
    sink: &'s mut dyn Sink,
    scanner: &'s Scanner,
    current: std::sync::Arc<Current>,
    /// The plan that it began with.
    begun: Plan,
    /// Plans that were followed for a while.
    left: Vec<std::sync::Arc<Plan>>,
    evidence: Vec<Evidence>,
    /// Whether the types that were assumed do not hold: batches are not wanted any more.
    contradicted: bool,
    /// Whether there are bytes that are no text: those of another character set, perhaps.
    unreadable: bool,
    seen: Seen,
    tally: Tally,
    fail: bool,
}

impl<'s> Pass<'s> {
    fn new(
        sink: &'s mut dyn Sink,
        scanner: &'s Scanner,
        plan: Plan,
        evidence: Vec<Evidence>,
        options: &Options,
    ) -> Result<Self, Error> {
        sink.begin(&plan.schema, &plan.report(&[], &[], &[])).map_err(Error::Sink)?;
        Ok(Self {
            sink,
            scanner,
            current: Current::new(plan.clone()).into(),
            begun: plan,
            left: Vec::new(),
            evidence,
            contradicted: false,
            unreadable: false,
            seen: Seen::new(options.limits.distinct_rows),
            tally: Tally::default(),
            fail: options.bad_rows == BadRows::Fail,
        })
    }

    /// What a further reading begins with.
    fn next(&self) -> (Plan, Vec<Evidence>) {
        let mut evidence = self.evidence.clone();
        for plan in &self.left {
            self.current.get().forget_siblings(plan, &mut evidence);
        }
        (self.begun.with(&evidence, true), evidence)
    }

    fn take(&mut self, mut output: Output) -> Result<(), Error> {
        let no_text = |raw: &[u8]| std::str::from_utf8(raw).is_err_and(|error| error.error_len().is_some());
        self.unreadable |= output.unreadable || output.rejected.iter().any(|reject| no_text(&reject.raw));
        if self.fail
            && let Some(reject) = output.rejected.first()
        {
            let what = format!("{}; {}", reject.flaw, reject.flaw.advice());
            return Err(Error::MalformedCsv { line: reject.line, offset: reject.offset, what });
        }
        let plan = self.current.get();
        plan.join(&mut self.evidence, &output.evidence);
        if plan.contradicts(&self.evidence) {
            self.contradicted = true;
            self.current.set(plan.with(&self.evidence, false));
            self.left.push(plan.clone());
            // What was seen is seen again, in types that hold.
            self.seen = Seen::default();
        }
        if let Some(key) = &plan.key
            && !self.contradicted
        {
            let again = self.seen.again(&output.keys)?;
            output.settle(&again, key, self.scanner, &plan)?;
        }
        if plan.is_choosy && !self.contradicted {
            output.refuse(self.sink, self.scanner, &plan, self.fail)?;
        }
        self.tally.add(&output);
        if self.contradicted {
            return Ok(());
        }
        if let Some(batch) = output.batch {
            self.sink.batch(batch).map_err(Error::Sink)?;
        }
        for reject in &output.rejected {
            let (reason, raw) = withhold::kept(reject, &self.scanner.grammar, &plan);
            let row = RejectedRow { line: reject.line, offset: reject.offset, reason: &reason, raw: &raw };
            self.sink.rejected(&row).map_err(Error::Sink)?;
        }
        Ok(())
    }
}

/// What is counted on the way.
#[derive(Default)]
pub(crate) struct Tally {
    rows: u64,
    rejected: u64,
    by_reason: BTreeMap<&'static str, u64>,
    /// Lines and reasons of the first ones, and what can be done about the very first.
    first: Vec<(u64, String)>,
    advice: &'static str,
    padded: u64,
    rescued: u64,
    duplicates: u64,
    /// Rejected rows that are so for nothing but being duplicates.
    dropped: u64,
    nulls: Vec<u64>,
    /// By column of the file.
    nulled: Vec<u64>,
}

impl Tally {
    /// Rows so far.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    pub(crate) fn add(&mut self, output: &Output) {
        self.rows += output.rows;
        self.rejected += output.rejected.len() as u64;
        for reject in &output.rejected {
            *self.by_reason.entry(Flaw::key(&reject.flaw)).or_default() += 1;
            if reject.flaw == Flaw::Duplicate {
                self.dropped += 1;
                continue;
            }
            if self.first.len() < FIRST {
                if self.first.is_empty() {
                    self.advice = reject.flaw.advice();
                }
                self.first.push((reject.line, reject.flaw.to_string()));
            }
        }
        self.padded += output.padded;
        self.rescued += output.rescued;
        self.duplicates += output.duplicates;
        for (sums, counts) in [(&mut self.nulls, &output.nulls), (&mut self.nulled, &output.nulled)] {
            sums.resize(sums.len().max(counts.len()), 0);
            for (sum, count) in sums.iter_mut().zip(counts) {
                *sum += count;
            }
        }
    }

    /// Whether few enough records are rejected.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a count need not be more exact"
    )]
    pub(crate) fn check(&self, options: &Options) -> Result<(), Error> {
        let records = self.rows + self.rejected;
        let allowed = (options.max_rejected_ratio * records as f64).ceil() as u64;
        let flawed = self.rejected - self.dropped;
        if flawed == 0 || flawed <= allowed && self.rows > 0 {
            return Ok(());
        }
        let reasons = self.by_reason.iter().filter(|(reason, _)| **reason != Flaw::Duplicate.key());
        let reasons: Vec<_> = reasons.map(|(reason, count)| format!("{reason}: {count}")).collect();
        let first: Vec<_> = self.first.iter().map(|(line, reason)| format!("line {line}: {reason}")).collect();
        Err(Error::TooManyRejectedRows {
            rejected: flawed,
            records,
            allowed: options.max_rejected_ratio,
            reasons: reasons.join(", "),
            first: first.join("; "),
            advice: self.advice,
        })
    }

    pub(crate) fn report(
        self,
        plan: Option<(&Plan, &[Evidence])>,
        dialect: Dialect,
        certainty: f64,
        input: InputFacts,
        passes: u32,
    ) -> Report {
        Report {
            records: self.rows + self.rejected,
            rows: self.rows,
            rejected: self.rejected,
            rejected_by_reason: self.by_reason,
            rescued: self.rescued,
            padded: self.padded,
            nulled: self.nulled.iter().sum(),
            duplicates: self.duplicates,
            columns: plan.map(|(plan, known)| plan.report(&self.nulls, &self.nulled, known)).unwrap_or_default(),
            dropped: plan.map(|(plan, _)| plan.dropped()).unwrap_or_default(),
            dialect,
            certainty,
            bytes_in: input.bytes,
            input,
            passes,
        }
    }
}
