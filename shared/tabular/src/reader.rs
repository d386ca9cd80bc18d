//! The whole of it: a source to batches and a report.

use std::collections::BTreeMap;

use crate::{
    BadRows, Dialect, Error, Header, InputFacts, Lines, Options, Planner, RejectedRow, Report, Sink, Source,
    apart::Apart,
    block::{Block, Blocks, RAW},
    convert::{Output, Reject, convert},
    duplicates::Seen,
    field,
    flaw::{Flaw, Place},
    grammar::{Grammar, Step},
    input::{self, Detected},
    layout::{self, Opened},
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
pub(crate) const MAX_RECORD: usize = 1 << 30;

/// Readings of a source, at most: each but the first follows a contradiction, which leaves fewer notations and types.
const MAX_PASSES: u32 = 16;

/// Records of a file in which one may be rejected, however small the share that is allowed, unless that is none.
const FLOOR: u64 = 10;

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
    let input = input::open_as(source.open()?, &options.opening(), known)?;
    let mut probe = input.probe();
    let Opened { mut blocks, sniffed, cutter } = layout::open(Box::new(input), options)?;
    let certainty = sniffed.certainty;
    let dialect = sniffed.dialect.clone();
    let grammar = grammar(&dialect, options);
    let mut top = header(&mut blocks, &header_grammar(&sniffed, options), &sniffed, options)?;
    let mut names = std::mem::take(&mut top.names);
    fit(&mut names, &sniffed);
    let count = names.len();
    if count == 0 {
        let tally = Tally::new(top.lines);
        return Ok(Reading::Done(tally.report(None, dialect, certainty, probe.facts(), 1).into()));
    }
    let header = Header { names, given: dialect.header_rows > 0 };
    let plans = planner.plan(&header).map_err(Error::Plan)?;
    let policy = Policy::new(options.bad_rows == BadRows::Rescue, &sniffed, options);
    let apart = Apart::new(std::mem::take(&mut top.raw), count, sniffed.first_is_typed);
    let scanner = Scanner { grammar, fields: count, policy, apart };
    let mut plan = Plan::new(header, plans, &planner.taken(), options)?;
    plan.is_choosy = sink.is_choosy();

    let block_bytes = match options.block_bytes {
        0 => (count * COLUMN_BLOCK).clamp(MIN_BLOCK, MAX_BLOCK),
        given => given,
    };
    blocks.set_size(block_bytes);
    let (begun, evidence) = sample_types(&mut blocks, &scanner, &plan, options.sample_bytes)?;
    let plan = plan.with(&evidence, true);
    let mut pass = Pass::new(sink, &scanner, plan, evidence, &top, options)?;
    let mut run =
        pipeline::run(begun, &mut blocks, &scanner, &pass.current.clone(), options.threads, |output| pass.take(output));
    drop(blocks);
    if !pass.unreadable {
        run?;
        run = Ok(());
    }
    if let Some(found) = input::reconsider(&probe, pass.unreadable, &mut || source.open(), &options.opening())? {
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
        let input = input::open_as(source.open()?, &options.opening(), known)?;
        probe = input.probe();
        let mut blocks = Blocks::new(match &cutter {
            Some(cutter) => Box::new(cutter.clone().over(Box::new(input))),
            None => Box::new(input),
        });
        blocks.set_size(block_bytes);
        self::header(&mut blocks, &header_grammar(&sniffed, options), &sniffed, options)?;
        pass = Pass::new(sink, &scanner, plan, evidence, &top, options)?;
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
    grammar.comments_are_certain = options.dialect.comment.given().is_some();
    grammar
}

/// How the header is written: it may have another delimiter than the records.
pub(crate) fn header_grammar(sniffed: &Sniffed, options: &Options) -> Grammar {
    let mut dialect = sniffed.dialect.clone();
    if let Some(delimiter) = &sniffed.header_delimiter {
        dialect.delimiter.clone_from(delimiter);
    }
    if sniffed.header_prefix.is_some() {
        dialect.comment = None;
    }
    // What looks like a comment before the header is one.
    let mut grammar = grammar(&dialect, options);
    grammar.comments_are_certain = true;
    grammar
}

/// What stands before the first record.
#[derive(Debug, Default)]
pub(crate) struct Begin {
    /// The names of the columns, as many as the header has fields.
    pub(crate) names: Vec<String>,
    /// The rows of the header as they stand in the file.
    pub(crate) raw: Vec<Vec<u8>>,
    /// What its lines are.
    pub(crate) lines: Lines,
    /// Those that are neither blank nor of the header, up to [`KEPT`] bytes in all.
    pub(crate) kept: Vec<Reject>,
    bytes: usize,
}

/// Bytes of a preamble that are kept.
const KEPT: usize = 8 << 20;

impl Begin {
    /// Passes over a line that is no record.
    fn skip(&mut self, blocks: &mut Blocks, line: &[u8], place: Option<Place>, (next, lines): (usize, u64)) {
        let lines = lines.max(1);
        let Some(place) = place else {
            self.lines.blank += lines;
            blocks.skip(next, lines);
            return;
        };
        let flaw = Flaw::NoRecord(place);
        self.lines.count(&flaw, lines);
        if self.bytes < KEPT {
            let (line_number, offset) = blocks.position();
            let raw = line[..line.len().min(RAW)].to_vec();
            self.bytes += raw.len();
            self.kept.push(Reject { line: line_number, offset, after_row: false, flaw, raw });
        }
        blocks.skip(next, lines);
    }
}

/// Passes over what stands before the first record. Several header rows are joined; without one, names are `column_1`,
/// `column_2`, …
pub(crate) fn header(
    blocks: &mut Blocks,
    grammar: &Grammar,
    sniffed: &Sniffed,
    options: &Options,
) -> Result<Begin, Error> {
    let dialect = &sniffed.dialect;
    let expected = Some(sniffed.columns).filter(|columns| *columns > 1);
    let mut begin = Begin::default();
    for _ in 0..dialect.skip_lines {
        let mut want = SNIFFED;
        loop {
            let (text, whole) = blocks.peek(want)?;
            if text.is_empty() {
                return Ok(begin);
            }
            if let Some((end, next)) = grammar.line_end(text, 0, whole) {
                let line = text[..end].to_vec();
                let lines = grammar.lines(&text[..next]);
                let is_comment = grammar.comment.is_some_and(|comment| line.first() == Some(&comment));
                let place = if is_comment { Place::Comment } else { Place::Preamble };
                let place = Some(place).filter(|_| !line.trim_ascii().is_empty());
                begin.skip(blocks, &line, place, (next, lines));
                break;
            }
            want = longer(want, grammar, "a line before the header")?;
        }
    }
    if let Some(prefix) = &sniffed.header_prefix {
        blocks.skip(prefix.len(), 0);
    }
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut want = SNIFFED;
    loop {
        let position = blocks.position();
        let (text, whole) = blocks.peek(want)?;
        let mut ends = Vec::new();
        match grammar.step(text, 0, whole, expected, &mut ends) {
            Step::Record { .. } if dialect.header_rows == 0 => {
                // The first record may be broken, too: it has no more say in it than any other.
                check_columns(sniffed.columns, options)?;
                begin.names = (1..=sniffed.columns).map(|i| format!("column_{i}")).collect();
                return Ok(begin);
            }
            Step::Record { end, next, flaw } => {
                let is_broken = matches!(flaw, Some(Flaw::StrayQuote | Flaw::UnterminatedQuote));
                if let Some(flaw) = flaw.filter(|_| is_broken && expected != Some(ends.len())) {
                    let what = format!("the header is broken: {flaw}; {}", flaw.advice());
                    return Err(Error::MalformedCsv { line: position.0, offset: position.1, what });
                }
                check_columns(ends.len(), options)?;
                let cells = field::contents(text, &ends, grammar);
                let names = cells.iter().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect();
                begin.raw.push(text[..end].to_vec());
                let lines = grammar.lines(&text[..next]).max(1);
                begin.lines.header += lines;
                blocks.skip(next, lines);
                rows.push(names);
                if rows.len() == dialect.header_rows as usize {
                    break;
                }
            }
            Step::Skip { end, next, is_comment } => {
                let line = text[..end].to_vec();
                let lines = grammar.lines(&text[..next]);
                begin.skip(blocks, &line, is_comment.then_some(Place::Comment), (next, lines));
            }
            Step::End => break,
            Step::Long => return Err(too_long(grammar, "the header")),
            Step::More => want = longer(want, grammar, "the header")?,
        }
    }
    begin.names = sniff::header::join(&rows);
    Ok(begin)
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
pub(crate) fn fit(header: &mut Vec<String>, sniffed: &Sniffed) {
    let columns = sniffed.columns;
    if sniffed.row_names && header.len() + 1 == columns {
        header.insert(0, String::new());
    }
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
        begin: &Begin,
        options: &Options,
    ) -> Result<Self, Error> {
        sink.begin(&plan.schema, &plan.report(&[], &[], &[])).map_err(Error::Sink)?;
        for line in &begin.kept {
            hand_over(sink, line, scanner, &plan)?;
        }
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
            tally: Tally::new(begin.lines),
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
            && let Some(reject) = output.rejected.iter().find(|reject| reject.flaw.is_wrong())
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
        self.tally.part(&mut output.rejected, output.ends_with_row, &self.scanner.grammar);
        self.tally.add(&output);
        if self.contradicted {
            return Ok(());
        }
        if let Some(batch) = output.batch {
            self.sink.batch(batch).map_err(Error::Sink)?;
        }
        for reject in &output.rejected {
            hand_over(self.sink, reject, self.scanner, &plan)?;
        }
        Ok(())
    }
}

/// Whether a record holds nothing but different names.
fn is_of_names(raw: &[u8], grammar: &Grammar) -> bool {
    let mut ends = Vec::new();
    if !matches!(grammar.step(raw, 0, true, None, &mut ends), Step::Record { flaw: None, .. }) {
        return false;
    }
    let cells = field::contents(raw, &ends, grammar);
    let cells: Vec<&[u8]> = cells.iter().map(AsRef::as_ref).collect();
    sniff::header::is_of_several_names(&cells)
}

/// Hands a record that is not among the rows, or a line that is no record, to the sink.
fn hand_over(sink: &mut dyn Sink, reject: &Reject, scanner: &Scanner, plan: &Plan) -> Result<(), Error> {
    let (reason, raw) = withhold::kept(reject, &scanner.grammar, plan);
    let raw = layout::shown(raw, &scanner.grammar);
    let Reject { line, offset, .. } = *reject;
    let row = RejectedRow { line, offset, is_record: reject.flaw.is_of_record(), reason: &reason, raw: &raw };
    sink.rejected(&row).map_err(Error::Sink)
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
    /// Rejected rows that are so for nothing but being duplicates or sums.
    dropped: u64,
    nulls: Vec<u64>,
    /// By column of the file.
    nulled: Vec<u64>,
    lines: Lines,
    /// The fields of another table that the last records may be, and how many records these are.
    other: (usize, u64),
}

impl Tally {
    /// Nothing but the lines before the first record.
    pub(crate) fn new(lines: Lines) -> Self {
        Self { lines, ..Self::default() }
    }

    /// Finds records of another table below this one: from a line of names on, all records to the end of the file have as
    /// many fields as that line, which are more or less than there should be.
    pub(crate) fn part(&mut self, rejected: &mut [Reject], ends_with_row: bool, grammar: &Grammar) {
        for reject in rejected {
            if reject.after_row {
                self.other = (0, 0);
            }
            if !reject.flaw.is_wrong() {
                continue;
            }
            let (Flaw::TooFew { found, expected } | Flaw::TooMany { found, expected }) = reject.flaw else {
                self.other = (0, 0);
                continue;
            };
            if self.other.0 != found {
                self.other = if is_of_names(&reject.raw, grammar) { (found, 0) } else { (0, 0) };
            }
            if self.other.0 == found {
                self.other.1 += 1;
                reject.flaw = Flaw::OtherTable { found, expected };
            }
        }
        if ends_with_row {
            self.other = (0, 0);
        }
    }

    /// Rows so far.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    pub(crate) fn add(&mut self, output: &Output) {
        self.rows += output.rows;
        self.lines.add(&output.lines);
        for reject in output.rejected.iter().filter(|reject| reject.flaw.is_of_record()) {
            self.rejected += 1;
            *self.by_reason.entry(Flaw::key(&reject.flaw)).or_default() += 1;
            if !reject.flaw.is_wrong() {
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

    /// Whether few enough records are rejected: no more than the share that is allowed, but one in any file of at least
    /// [`FLOOR`] records.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a count need not be more exact"
    )]
    pub(crate) fn check(&self, options: &Options) -> Result<(), Error> {
        let records = self.rows + self.rejected;
        let share = (options.max_rejected_ratio * records as f64) as u64;
        let floor = u64::from(options.max_rejected_ratio > 0.0 && records >= FLOOR);
        let allowed = share.max(floor);
        // Another table is no flaw of this one, as long as it is the smaller one.
        let (_, other) = self.other;
        let flawed = self.rejected - self.dropped - if other < self.rows { other } else { 0 };
        if flawed == 0 || flawed <= allowed && self.rows > 0 {
            return Ok(());
        }
        let fine = [Flaw::Duplicate.key(), Flaw::Total.key()];
        let reasons = self.by_reason.iter().filter(|(reason, _)| !fine.contains(reason));
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
            lines: self.lines,
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
