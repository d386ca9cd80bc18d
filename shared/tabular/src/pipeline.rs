//! Blocks through the converters, to one taker, in order.
//!
//! With one thread, the taker's own does everything. Otherwise one thread reads and finds records, others convert, and
//! blocks go to them and come back from them in turn, which keeps their order without sorting. Every channel holds one
//! block, so that whoever is slowest sets the pace, and memory stays flat.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

use crate::{
    Error,
    block::{Block, Blocks},
    convert::{Output, convert},
    plan::Plan,
    scan::Scanner,
};

/// The plan that is followed, which the taker may replace while blocks are converted.
pub(crate) struct Current(Mutex<Arc<Plan>>);

impl Current {
    pub(crate) fn new(plan: Plan) -> Self {
        Self(Mutex::new(Arc::new(plan)))
    }

    pub(crate) fn get(&self) -> Arc<Plan> {
        Arc::clone(&lock(&self.0))
    }

    pub(crate) fn set(&self, plan: Plan) {
        *lock(&self.0) = Arc::new(plan);
    }
}

/// What is behind these locks is whole whenever they are free, also after a panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Converts `begun`, and then all that is in `blocks`, and hands the outputs to `take`.
pub(crate) fn run(
    begun: Vec<Block>,
    blocks: &mut Blocks,
    scanner: &Scanner,
    plan: &Current,
    threads: usize,
    mut take: impl FnMut(Output) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut spare = Vec::new();
    if threads <= 1 || blocks.is_done() {
        for mut block in begun {
            take(convert(&mut block, scanner, &plan.get())?)?;
            spare.push(block);
        }
        let mut block = spare.pop().unwrap_or_default();
        drop(spare);
        while blocks.next(&mut block, scanner)? {
            take(convert(&mut block, scanner, &plan.get())?)?;
        }
        return Ok(());
    }
    let pool = Mutex::new(spare);
    thread::scope(|scope| {
        let (to, from): (Vec<_>, Vec<_>) = (0..threads)
            .map(|_| {
                let (to_worker, work) = sync_channel::<Result<Block, Error>>(1);
                let (done, from_worker) = sync_channel::<Result<Output, Error>>(1);
                let pool = &pool;
                scope.spawn(move || worker(&work, &done, pool, scanner, plan));
                (to_worker, from_worker)
            })
            .unzip();
        let pool = &pool;
        scope.spawn(move || feed(begun, blocks, scanner, &to, pool));
        // The next block is always at the worker whose turn it is; when that one has ended, so has the text.
        for done in from.iter().cycle() {
            match done.recv() {
                Ok(output) => take(output?)?,
                Err(_) => break,
            }
        }
        Ok(())
    })
}

/// Hands blocks to workers in turn; an error goes the same way. Ends when a worker is gone.
fn feed(
    begun: Vec<Block>,
    blocks: &mut Blocks,
    scanner: &Scanner,
    workers: &[SyncSender<Result<Block, Error>>],
    pool: &Mutex<Vec<Block>>,
) {
    let mut begun = begun.into_iter();
    for worker in workers.iter().cycle() {
        let next = if let Some(block) = begun.next() {
            Ok(block)
        } else {
            let mut block = lock(pool).pop().unwrap_or_default();
            match blocks.next(&mut block, scanner) {
                Ok(true) => Ok(block),
                Ok(false) => return,
                Err(error) => Err(error.into()),
            }
        };
        let failed = next.is_err();
        if worker.send(next).is_err() || failed {
            return;
        }
    }
}

fn worker(
    work: &Receiver<Result<Block, Error>>,
    done: &SyncSender<Result<Output, Error>>,
    pool: &Mutex<Vec<Block>>,
    scanner: &Scanner,
    plan: &Current,
) {
    while let Ok(next) = work.recv() {
        let output = next.and_then(|mut block| {
            let output = convert(&mut block, scanner, &plan.get());
            lock(pool).push(block);
            output
        });
        if done.send(output).is_err() {
            return;
        }
    }
}
