//! A conversion from one local file to another.

use std::{
    fs::File,
    io::{self, BufWriter, Read},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use cleanzone_tabular::{self as tabular, Source};

use crate::{
    Error,
    convert::{Target, convert},
    planner::TablePlanner,
    report::Content,
    settings::Layout,
    sink::{FileKind, Files, NoEvidence},
};

/// Bytes read so far, to be looked at from another thread.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<AtomicU64>);

impl Progress {
    /// Bytes read so far; falls back to 0 where the file has to be read a second time.
    pub fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Converts a local file into one Parquet file, which appears only when it is complete. Rejected rows go to
/// `<output stem>.rejected.csv` beside it. Returns what was in the file and the size of the output.
///
/// # Errors
/// [`Error::Read`] and [`Error::File`]; there is no output then.
pub fn convert_file(
    input: &Path,
    output: &Path,
    options: &tabular::Options,
    layout: Layout,
    progress: &Progress,
) -> Result<(Content, u64), Error> {
    let mut source = FileSource { path: input.to_owned(), progress: progress.clone() };
    let mut files = LocalFiles { output: output.to_owned(), complete: Vec::new() };
    let target = Target {
        layout: Layout { max_file_bytes: u64::MAX, ..layout },
        metadata: vec![("cleanzone.source.key".to_owned(), input.to_string_lossy().into_owned())],
        no_evidence: NoEvidence::Write,
        even_empty: true,
    };
    let planner = TablePlanner { partition_keys: Vec::new(), table: None };
    let converted = convert(&mut source, &mut files, &planner, options, target)?;
    files.publish()?;
    Ok((converted.content, converted.bytes))
}

/// Reads a local file as a conversion would, and tells what it found; writes nothing.
///
/// # Errors
/// [`Error::Read`] and [`Error::File`], as a conversion.
pub fn inspect_file(input: &Path, options: &tabular::Options) -> Result<tabular::Inspection, Error> {
    let mut source = FileSource { path: input.to_owned(), progress: Progress::default() };
    let planner = TablePlanner { partition_keys: Vec::new(), table: None };
    tabular::inspect(&mut source, &planner, options).map_err(Error::read)
}

/// Reads a local file as a conversion would, and hands what it holds to `sink`; writes nothing itself.
///
/// # Errors
/// [`Error::Read`] and [`Error::File`], as a conversion.
pub fn read_file(
    input: &Path,
    options: &tabular::Options,
    sink: &mut dyn tabular::Sink,
) -> Result<tabular::Report, Error> {
    let mut source = FileSource { path: input.to_owned(), progress: Progress::default() };
    let planner = TablePlanner { partition_keys: Vec::new(), table: None };
    tabular::read(&mut source, sink, &planner, options).map_err(Error::read)
}

/// A local file that can be read more than once.
#[derive(Debug)]
pub(crate) struct FileSource {
    path: PathBuf,
    progress: Progress,
}

impl Source for FileSource {
    fn open(&mut self) -> io::Result<Box<dyn Read + Send>> {
        self.progress.0.store(0, Ordering::Relaxed);
        let file = File::open(&self.path).map_err(|e| io::Error::other(file_error("read", &self.path)(e)))?;
        Ok(Box::new(Counted { file, path: self.path.clone(), progress: self.progress.clone() }))
    }
}

struct Counted {
    file: File,
    path: PathBuf,
    progress: Progress,
}

impl Read for Counted {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(buf).map_err(|e| io::Error::other(file_error("read", &self.path)(e)))?;
        self.progress.0.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

/// Files under temporary names until all are complete.
struct LocalFiles {
    output: PathBuf,
    complete: Vec<FileKind>,
}

impl LocalFiles {
    fn path(&self, kind: FileKind) -> PathBuf {
        match kind {
            FileKind::Data(_) => self.output.clone(),
            FileKind::Rejected => self.output.with_extension("rejected.csv"),
        }
    }

    fn temporary(&self, kind: FileKind) -> PathBuf {
        let path = self.path(kind);
        let mut name = std::ffi::OsString::from(".");
        name.push(path.file_name().unwrap_or_default());
        name.push(format!(".{}", std::process::id()));
        path.with_file_name(name)
    }

    fn publish(self) -> Result<(), Error> {
        // What an earlier conversion rejected does not belong to this one.
        for kind in [FileKind::Data(0), FileKind::Rejected] {
            let path = self.path(kind);
            if self.complete.contains(&kind) {
                std::fs::rename(self.temporary(kind), &path).map_err(file_error("write", &path))?;
            } else {
                remove(&path)?;
            }
        }
        Ok(())
    }
}

impl Files for LocalFiles {
    type File = TemporaryFile;

    fn create(&mut self, kind: FileKind) -> Result<TemporaryFile, Error> {
        let path = self.temporary(kind);
        let file = File::create(&path).map_err(file_error("write", &self.path(kind)))?;
        Ok(TemporaryFile { out: BufWriter::with_capacity(256 << 10, file), path, keep: false })
    }

    fn close(&mut self, kind: FileKind, mut file: TemporaryFile) -> Result<(), Error> {
        io::Write::flush(&mut file.out).map_err(file_error("write", &self.path(kind)))?;
        file.keep = true;
        self.complete.push(kind);
        Ok(())
    }

    fn discard(&mut self) -> Result<(), Error> {
        for kind in std::mem::take(&mut self.complete) {
            remove(&self.temporary(kind))?;
        }
        Ok(())
    }
}

/// Removed when dropped, unless it is to be kept.
struct TemporaryFile {
    out: BufWriter<File>,
    path: PathBuf,
    keep: bool,
}

impl io::Write for TemporaryFile {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.out.write(buf).map_err(|e| io::Error::other(file_error("write", &self.path)(e)))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        if !self.keep {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn remove(path: &Path) -> Result<(), Error> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(file_error("remove", path)(error)),
        _ => Ok(()),
    }
}

fn file_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File { action, path, source }
}
