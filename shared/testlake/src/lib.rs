//! A local lake (`MiniStack`) for tests: started on free ports of 127.0.0.1, stopped on drop.
//!
//! ```no_run
//! let lake = cleanzone_testlake::LocalLake::connect()?;
//! println!("AWS_ENDPOINT_URL={}", lake.endpoint());
//! # Ok::<(), cleanzone_testlake::Error>(())
//! ```
//!
//! [`LocalLake::connect`] uses the lake that `CLEANZONE_TEST_ENDPOINT` names where one runs already, and starts one
//! of its own otherwise; it takes about half a second. [`LocalLake::start`] always starts one, with extra settings
//! such as `("AUTH", "true")`. The program is `$MINISTACK` or `.venv/bin/ministack` of the workspace; where there is
//! neither, both fail, because a test that skips itself proves nothing.
//!
//! Any credentials will do (`test`/`test`, the root key, under `AUTH=true`), in any region. Tests share a lake under
//! `CLEANZONE_TEST_ENDPOINT`, so buckets, databases and queues take their names from [`unique_name`].

use std::{
    fs::File,
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{self, Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// The variable that names a lake which already runs, such as `http://127.0.0.1:4566`.
pub const ENDPOINT_VARIABLE: &str = "CLEANZONE_TEST_ENDPOINT";

/// How long a lake may take to start: half a second when idle, much more on a busy machine.
const START_LIMIT: Duration = Duration::from_mins(1);
/// How long a lake may take to stop before it is killed.
const STOP_LIMIT: Duration = Duration::from_secs(5);
/// Another process may take a free port before `MiniStack` does.
const ATTEMPTS: u32 = 3;
const POLL: Duration = Duration::from_millis(20);

/// Why there is no lake.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// `MiniStack` is not installed.
    #[error(
        "no local lake: {0} does not exist and neither CLEANZONE_TEST_ENDPOINT nor MINISTACK is set; run `make test`"
    )]
    NotInstalled(PathBuf),
    /// `MiniStack` ended, or did not answer in time.
    #[error("the local lake did not start ({reason}); it said:\n{log}")]
    NotStarted {
        /// What was seen.
        reason: String,
        /// Its output.
        log: String,
    },
    /// The operating system refused something.
    #[error("the local lake could not be started")]
    Io(#[from] io::Error),
}

/// A running lake.
#[derive(Debug)]
pub struct LocalLake {
    endpoint: String,
    process: Option<Process>,
}

impl LocalLake {
    /// The lake that [`ENDPOINT_VARIABLE`] names, or else a new one, which ends with this value.
    ///
    /// # Errors
    /// Those of [`LocalLake::start`].
    pub fn connect() -> Result<Self, Error> {
        match std::env::var(ENDPOINT_VARIABLE) {
            Ok(endpoint) if !endpoint.is_empty() => {
                Ok(Self { endpoint: endpoint.trim_end_matches('/').to_owned(), process: None })
            }
            _ => Self::start(&[]),
        }
    }

    /// A new lake, with these variables in its environment.
    ///
    /// # Errors
    /// [`Error::NotInstalled`] where there is no `MiniStack`; [`Error::NotStarted`] with its output where it ended or
    /// did not answer within a minute.
    pub fn start(environment: &[(&str, &str)]) -> Result<Self, Error> {
        let program = program()?;
        let mut attempt = 1;
        loop {
            match Process::start(&program, environment) {
                Err(Error::NotStarted { .. }) if attempt < ATTEMPTS => attempt += 1,
                outcome => return outcome.map(|p| Self { endpoint: p.endpoint(), process: Some(p) }),
            }
        }
    }

    /// Where it listens, without a trailing slash: the value for `AWS_ENDPOINT_URL`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The process, where this value started it.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(|p| p.child.id())
    }
}

/// A name that no other test uses: `PREFIX-PROCESS-COUNTER-TIME`, valid for buckets, queues and functions.
pub fn unique_name(prefix: &str) -> String {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{prefix}-{}-{}-{}", process::id(), COUNTER.fetch_add(1, Ordering::Relaxed), time.subsec_nanos())
}

fn program() -> Result<PathBuf, Error> {
    if let Some(named) = std::env::var_os("MINISTACK").filter(|v| !v.is_empty()) {
        return Ok(named.into());
    }
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.venv/bin/ministack");
    if program.exists() { Ok(program) } else { Err(Error::NotInstalled(program)) }
}

#[derive(Debug)]
struct Process {
    child: Child,
    address: SocketAddr,
    // Its working directory and its log; removed last.
    folder: TempDir,
}

impl Process {
    fn start(program: &Path, environment: &[(&str, &str)]) -> Result<Self, Error> {
        let folder = tempfile::tempdir()?;
        let log = File::create(folder.path().join(LOG))?;
        // Both are held until both are known, or they could be the same.
        let (gateway, mqtt) = (free_port()?, free_port()?);
        let address = gateway.local_addr()?;
        let mqtt_port = mqtt.local_addr()?.port();
        drop((gateway, mqtt));

        // In our own process group, so that whoever kills the test's group ends the lake too.
        let child = Command::new(program)
            .current_dir(folder.path())
            .envs(environment.iter().copied())
            .env("BIND_HOST", Ipv4Addr::LOCALHOST.to_string())
            .env("GATEWAY_PORT", address.port().to_string())
            .env("IOT_MTLS_PORT", mqtt_port.to_string())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        let mut process = Self { child, address, folder };
        process.wait_until_ready()?;
        Ok(process)
    }

    fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    fn wait_until_ready(&mut self) -> Result<(), Error> {
        let begin = Instant::now();
        while !is_healthy(self.address) {
            let reason = match self.child.try_wait()? {
                Some(status) => status.to_string(),
                None if begin.elapsed() > START_LIMIT => format!("no answer within {} s", START_LIMIT.as_secs()),
                None => {
                    thread::sleep(POLL);
                    continue;
                }
            };
            let log = std::fs::read(self.folder.path().join(LOG))?;
            return Err(Error::NotStarted { reason, log: String::from_utf8_lossy(&log).into_owned() });
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Asked politely first: it then ends the functions that it keeps warm.
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let begin = Instant::now();
            if kill_process(pid, Signal::TERM).is_ok() {
                while begin.elapsed() < STOP_LIMIT && matches!(self.child.try_wait(), Ok(None)) {
                    thread::sleep(POLL);
                }
            }
        }
        // Both only fail where it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const LOG: &str = "ministack.log";

fn free_port() -> io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
}

fn is_healthy(address: SocketAddr) -> bool {
    let ask = || -> io::Result<bool> {
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        write!(stream, "GET /_ministack/health HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
        let mut status = [0; 12];
        stream.read_exact(&mut status)?;
        Ok(status.ends_with(b" 200"))
    };
    ask().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lake_lives_as_long_as_its_value() {
        let lake = LocalLake::start(&[]).unwrap();
        let address: SocketAddr = lake.endpoint().strip_prefix("http://").unwrap().parse().unwrap();
        assert!(address.ip().is_loopback());
        assert!(is_healthy(address));
        drop(lake);
        assert!(!is_healthy(address));
    }

    #[test]
    fn a_program_that_ends_is_reported_with_its_output() {
        // `env` prints its environment and ends.
        let error = Process::start(Path::new("/usr/bin/env"), &[("AUTH", "true")]).unwrap_err().to_string();
        for part in ["exit status: 0", "BIND_HOST=127.0.0.1", "AUTH=true"] {
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn names_differ() {
        assert_ne!(unique_name("a"), unique_name("a"));
    }
}
