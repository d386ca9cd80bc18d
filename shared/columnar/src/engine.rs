//! Encodes the columns of batches, on threads of its own or on that of the caller.
//!
//! Columns are dealt to lanes. A lane takes its jobs in order and one at a time, on whatever thread is free, so that
//! what it produces does not depend on threads or timing.

use std::{
    collections::VecDeque,
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use arrow::array::RecordBatch;

use crate::{
    Compression, Error,
    column::{Chunk, Column},
    compress::Codec,
    page::Scratch,
};

/// Most lanes: enough to keep threads busy, few enough that wide tables do not spend their time in locks.
const MAX_LANES: usize = 64;

/// Values to encode before threads are started: until then it would take longer to start them.
const VALUES_BEFORE_THREADS: usize = 1 << 16;

/// What a lane is asked to do.
#[derive(Clone)]
enum Work {
    Encode(RecordBatch),
    /// End the chunks; those after it are expected to have so many rows.
    Close(usize),
}

struct Job {
    ticket: u64,
    work: Work,
}

/// A piece of work given to all lanes.
struct Ticket {
    lanes_left: usize,
    /// Bytes by which it made the row group grow.
    growth: i64,
}

struct Lane {
    first: usize,
    columns: Vec<Column>,
    closed: Vec<Chunk>,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    busy: bool,
    /// How long its last job took.
    cost: Duration,
}

struct State {
    queues: Vec<Queue>,
    /// In order; the first is number `first_ticket`.
    tickets: VecDeque<Ticket>,
    first_ticket: u64,
    error: Option<Error>,
    ended: bool,
    /// Threads that wait for any of this to change. Where there is none, nobody is woken: that takes a system call.
    waiting: usize,
}

struct Shared {
    lanes: Vec<Mutex<Lane>>,
    state: Mutex<State>,
    changed: Condvar,
}

/// The columns of a file, and the threads that encode them.
pub(crate) struct Engine {
    shared: Arc<Shared>,
    threads: usize,
    workers: Vec<JoinHandle<()>>,
    scratch: Scratch,
    compression: Compression,
    values: usize,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A thread that panics has its job reported as failed.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Engine {
    pub(crate) fn new(columns: Vec<Column>, threads: usize, compression: Compression) -> Result<Self, Error> {
        let size = columns.len().div_ceil(MAX_LANES).max(1);
        let mut lanes = Vec::new();
        let mut columns = columns.into_iter();
        loop {
            let first = lanes.len() * size;
            let dealt: Vec<Column> = columns.by_ref().take(size).collect();
            if dealt.is_empty() {
                break;
            }
            lanes.push(Mutex::new(Lane { first, columns: dealt, closed: Vec::new() }));
        }
        let queues = lanes.iter().map(|_| Queue::default()).collect();
        let state = State { queues, tickets: VecDeque::new(), first_ticket: 0, error: None, ended: false, waiting: 0 };
        Ok(Self {
            shared: Arc::new(Shared { lanes, state: Mutex::new(state), changed: Condvar::new() }),
            threads,
            workers: Vec::new(),
            scratch: Scratch::new(Codec::new(compression)?),
            compression,
            values: 0,
        })
    }

    /// Pieces of work that are not acknowledged by [`Self::acknowledge`].
    pub(crate) fn pending(&self) -> usize {
        lock(&self.shared.state).tickets.len()
    }

    /// Encodes a batch, which has the file's columns, now or soon.
    pub(crate) fn encode(&mut self, batch: RecordBatch) -> Result<(), Error> {
        self.values += batch.num_rows() * batch.num_columns();
        if self.threads > 1 && self.workers.is_empty() && self.values > VALUES_BEFORE_THREADS {
            self.start()?;
        }
        self.submit(&Work::Encode(batch))
    }

    /// Waits for the oldest piece of work; returns the bytes by which it made the row group grow.
    pub(crate) fn acknowledge(&mut self) -> Result<i64, Error> {
        self.work_until(|state| state.tickets.front().is_none_or(|ticket| ticket.lanes_left == 0))?;
        let mut state = lock(&self.shared.state);
        let ticket = state.tickets.pop_front();
        state.first_ticket += u64::from(ticket.is_some());
        Ok(ticket.map_or(0, |ticket| ticket.growth))
    }

    /// Waits for all work, ends all chunks and hands each to `take`, in the order of columns. The chunks after them
    /// are expected to have so many rows.
    pub(crate) fn close(
        &mut self,
        expected: usize,
        mut take: impl FnMut(Chunk) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.submit(&Work::Close(expected))?;
        while self.pending() > 0 {
            self.acknowledge()?;
        }
        for lane in &self.shared.lanes {
            let closed = std::mem::take(&mut lock(lane).closed);
            closed.into_iter().try_for_each(&mut take)?;
        }
        Ok(())
    }

    fn submit(&mut self, work: &Work) -> Result<(), Error> {
        let waiting = {
            let mut state = lock(&self.shared.state);
            let ticket = state.first_ticket + state.tickets.len() as u64;
            let lanes_left = state.queues.len();
            state.tickets.push_back(Ticket { lanes_left, growth: 0 });
            for queue in &mut state.queues {
                queue.jobs.push_back(Job { ticket, work: work.clone() });
            }
            state.waiting
        };
        if self.workers.is_empty() {
            return self.work_until(|state| state.tickets.iter().all(|ticket| ticket.lanes_left == 0));
        }
        if waiting > 0 {
            self.shared.changed.notify_all();
        }
        Ok(())
    }

    /// Works until a condition holds; waits where others do all that is left.
    fn work_until(&mut self, done: impl Fn(&State) -> bool) -> Result<(), Error> {
        let mut state = lock(&self.shared.state);
        loop {
            if let Some(error) = state.error.take() {
                return Err(error);
            }
            if done(&state) {
                return Ok(());
            }
            state = match state.take() {
                Some((lane, job)) => {
                    drop(state);
                    self.shared.run(lane, job, &mut self.scratch)
                }
                None => self.shared.wait(state),
            };
        }
    }

    /// Starts the threads; the caller of [`Self::acknowledge`] and [`Self::close`] is one more.
    fn start(&mut self) -> Result<(), Error> {
        for _ in 1..self.threads.min(self.shared.lanes.len()) {
            let shared = self.shared.clone();
            let mut scratch = Scratch::new(Codec::new(self.compression)?);
            let run = move || shared.work(&mut scratch);
            self.workers.push(thread::Builder::new().name("columnar".into()).spawn(run).map_err(Error::Thread)?);
        }
        Ok(())
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        lock(&self.shared.state).ended = true;
        self.shared.changed.notify_all();
        for worker in self.workers.drain(..) {
            // It reports its panics itself.
            let _ = worker.join();
        }
    }
}

impl State {
    /// Takes the next job of the lane that takes longest, so that none is left over at the end.
    fn take(&mut self) -> Option<(usize, Job)> {
        let free = self.queues.iter_mut().enumerate().filter(|(_, queue)| !queue.busy && !queue.jobs.is_empty());
        let (lane, queue) = free.max_by_key(|(_, queue)| queue.cost)?;
        queue.busy = true;
        queue.jobs.pop_front().map(|job| (lane, job))
    }
}

impl Shared {
    /// Works until the engine ends.
    fn work(&self, scratch: &mut Scratch) {
        let mut state = lock(&self.state);
        while !state.ended {
            state = match state.take() {
                Some((lane, job)) => {
                    drop(state);
                    self.run(lane, job, scratch)
                }
                None => self.wait(state),
            };
        }
    }

    /// Does a job and reports it.
    fn run(&self, lane: usize, job: Job, scratch: &mut Scratch) -> MutexGuard<'_, State> {
        let begin = Instant::now();
        let ticket = job.ticket;
        let done = catch_unwind(AssertUnwindSafe(|| lock(&self.lanes[lane]).run(job.work, scratch)));
        let mut state = lock(&self.state);
        match done.unwrap_or(Err(Error::Encoder)) {
            Ok(growth) => {
                let position = usize::try_from(ticket - state.first_ticket).ok();
                if let Some(ticket) = position.and_then(|p| state.tickets.get_mut(p)) {
                    ticket.growth += growth;
                    ticket.lanes_left -= 1;
                }
                state.queues[lane].busy = false;
                state.queues[lane].cost = begin.elapsed();
            }
            // The lane stays busy: nothing it would still do could be used.
            Err(error) => state.error = state.error.take().or(Some(error)),
        }
        if state.waiting > 0 {
            self.changed.notify_all();
        }
        state
    }

    /// Waits until something has changed.
    fn wait<'s>(&self, mut state: MutexGuard<'s, State>) -> MutexGuard<'s, State> {
        state.waiting += 1;
        let mut state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        state.waiting -= 1;
        state
    }
}

impl Lane {
    fn run(&mut self, work: Work, scratch: &mut Scratch) -> Result<i64, Error> {
        match work {
            Work::Encode(batch) => {
                let arrays = self.range().map(|i| batch.column(i));
                let mut growth = 0;
                for (column, array) in self.columns.iter_mut().zip(arrays) {
                    growth -= signed(column.bytes());
                    column.write(array, scratch)?;
                    growth += signed(column.bytes());
                }
                Ok(growth)
            }
            Work::Close(expected) => {
                for column in &mut self.columns {
                    self.closed.push(column.close(expected, scratch)?);
                }
                Ok(0)
            }
        }
    }

    fn range(&self) -> Range<usize> {
        self.first..self.first + self.columns.len()
    }
}

fn signed(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
