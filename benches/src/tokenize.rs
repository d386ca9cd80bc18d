//! `tokenize FOLDER MS KEY...`: sends objects of the bucket `pii` in a local folder on to its bucket `lake`, one after the
//! other, as the function would under the rules in `FOLDER/lake.toml`, with a vault in memory of which each call takes so
//! many milliseconds. Prints for each object what it cost, as a line of JSON.

use std::{env, error::Error, fs, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use cleanzone_events::ObjectCreated;
use cleanzone_lake::{Rulebook, Settings};
use cleanzone_runtime::{Invocation, ObjectHandler};
use cleanzone_storage::LocalStore;
use cleanzone_vault::{Call, MemoryVault};
use serde_json::{Value, json};
use tokenize_pii::{TokenizePii, Tokenizer};
use tokio::time::Instant;

/// For the work on one object.
const LIMIT: Duration = Duration::from_mins(15);

fn main() -> ExitCode {
    tokenize_pii::limit_memory();
    measure()
}

#[tokio::main]
async fn measure() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [folder, latency, keys @ ..] = &arguments[..] else {
        eprintln!("usage: tokenize FOLDER MS KEY...");
        return ExitCode::FAILURE;
    };
    match tokenize(folder.into(), latency, keys).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn tokenize(folder: PathBuf, latency: &str, keys: &[String]) -> Result<(), Box<dyn Error>> {
    let vault = Arc::new(MemoryVault::new());
    vault.slow_down(Duration::from_millis(latency.parse()?));
    let store = Arc::new(LocalStore::new(&folder));
    let config = folder.join("lake.toml");
    let rulebook = Rulebook::new(config.to_str().unwrap_or_default(), store.clone(), None, false)?;
    let tokenizer =
        Tokenizer { store, vault: vault.clone(), rulebook, lake: "lake".to_owned(), settings: Settings::default() };
    let function = TokenizePii::new(tokenizer);
    let mut before = [0; 2];
    for key in keys {
        let object = ObjectCreated { bucket: "pii".to_owned(), key: key.clone(), ..ObjectCreated::default() };
        let end = Instant::now() + LIMIT;
        let invocation =
            Invocation { payload: Value::Null, deadline: end, end, request_id: "a measurement".to_owned() };
        let (began, cpu) = (Instant::now(), cpu_seconds());
        let done = function.work(&object, &invocation).await.map_err(|failure| failure.message)?;
        let (wall, cpu) = (began.elapsed().as_secs_f64(), cpu_seconds() - cpu);
        let calls = [Call::Read, Call::Insert].map(|call| vault.calls(call));
        let [reads, inserts] = [0, 1].map(|call: usize| calls[call] - before[call]);
        before = calls;
        let figures = json!({
            "rows": done.measures.rows,
            "wall_s": wall,
            "cpu_s": cpu,
            "reads": reads,
            "inserts": inserts,
            "items": vault.count(),
            "table_mib": mib(vault.bytes()),
            "peak_mib": peak().map(mib),
        });
        println!("{figures}");
    }
    Ok(())
}

fn mib(bytes: usize) -> f64 {
    // Far below 2⁵² bytes.
    #[expect(clippy::cast_precision_loss, reason = "of no consequence")]
    let bytes = bytes as f64;
    bytes / f64::from(1 << 20)
}

/// Seconds of CPU that this process has used, with the threads that have ended, where `/proc` tells.
fn cpu_seconds() -> f64 {
    // Fields 14 and 15, user and system; the second, a name, is in brackets. Linux counts a hundred a second.
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().into_iter().flat_map(|rest| rest.split_whitespace());
    fields.skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// Bytes of resident memory at most, so far.
fn peak() -> Option<usize> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<usize>().ok()? << 10)
}
