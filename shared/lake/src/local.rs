//! A conversion from one local file to another, or to a folder of them.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufWriter, Read},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use cleanzone_tabular::{self as tabular, Source};
use serde::Serialize;

use crate::{
    Error,
    context::Provenance,
    convert::{Target, convert},
    naming::stem,
    partition::{MAX_KEY, PartitionValues, Partitioning, check_names},
    planner::TablePlanner,
    report::Content,
    settings::{Layout, Settings},
    sink::{FileKind, Files, NoEvidence},
    warning::{Warning, WarningKind, bounded},
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

/// What became of a local file. Holds names and numbers, never a value from the file.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LocalReport {
    /// Rows and columns.
    #[serde(flatten)]
    pub content: Content,
    /// Bytes written.
    pub bytes_out: u64,
    /// Findings that did not keep the file from being converted, and that a person should know; about 50 at most.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
    /// How many there are of each kind, also of those that the list has no room for.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub warnings_by_kind: BTreeMap<WarningKind, u64>,
}

/// Converts a local file into one Parquet file, which appears only when it is complete. Rejected rows go to
/// `<output stem>.rejected.csv` beside it.
///
/// Where rows are parted, `output` is a folder that holds one file or more for each partition,
/// `<key>=<value>/<input stem>.parquet`. The folder appears only when all are complete; it must not hold anything yet.
///
/// # Errors
/// [`Error::Read`] and [`Error::File`], and where rows are parted [`Error::Schema`] and [`Error::Limit`]; there is no
/// output then.
pub fn convert_file(
    input: &Path,
    output: &Path,
    settings: &Settings,
    progress: &Progress,
) -> Result<LocalReport, Error> {
    let Settings { read, layout, partition_by, context, .. } = settings;
    check_names([].into_iter(), partition_by, context.names().chain(read.added()))?;
    let mut source = FileSource { path: input.to_owned(), progress: progress.clone() };
    let stem = input.file_name().map(|name| stem(&name.to_string_lossy())).unwrap_or_default();
    let parts = !partition_by.is_empty();
    let mut files = LocalFiles { output: output.to_owned(), stem, parts, begun: false, rejected: false };
    files.check()?;
    let max_file_bytes = if parts { layout.max_file_bytes } else { u64::MAX };
    let target = Target {
        layout: Layout { max_file_bytes, ..*layout },
        metadata: vec![("cleanzone.source.key".to_owned(), input.to_string_lossy().into_owned())],
        no_evidence: NoEvidence::Write,
        even_empty: true,
        column_statistics: false,
        partitioning: Partitioning {
            by: partition_by.clone(),
            most: layout.max_partitions,
            folder_bytes: MAX_KEY,
            ..Partitioning::default()
        },
        provenance: Provenance {
            names: context.clone(),
            ingested_at: changed(input)?,
            address: input.to_string_lossy().into_owned(),
        },
    };
    let planner = TablePlanner::without_table(settings.clone());
    let mut converted = convert(&mut source, &mut files, &planner, read, target)?;
    files.publish()?;
    converted.warnings.extend(planner.warnings.take());
    let (warnings, warnings_by_kind) = bounded(converted.warnings);
    Ok(LocalReport { content: converted.content, bytes_out: converted.bytes, warnings, warnings_by_kind })
}

/// When a file was changed, in microseconds since 1970.
fn changed(path: &Path) -> Result<i64, Error> {
    let modified =
        std::fs::metadata(path).and_then(|metadata| metadata.modified()).map_err(file_error("read", path))?;
    let since = modified.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Ok(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// Reads a local file as a conversion would, and tells what it found; writes nothing.
///
/// # Errors
/// [`Error::Read`] and [`Error::File`], as a conversion.
pub fn inspect_file(input: &Path, settings: &Settings) -> Result<tabular::Inspection, Error> {
    let mut source = FileSource { path: input.to_owned(), progress: Progress::default() };
    let planner = TablePlanner::without_table(settings.clone());
    tabular::inspect(&mut source, &planner, &settings.read).map_err(Error::read)
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
    let planner = TablePlanner::without_table(Settings::default());
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
    /// The name of a partition's files.
    stem: String,
    /// Whether the output is a folder.
    parts: bool,
    /// Whether there is something under the temporary name of the output.
    begun: bool,
    rejected: bool,
}

impl LocalFiles {
    fn rejected_path(&self) -> PathBuf {
        self.output.with_extension("rejected.csv")
    }

    /// Refuses a folder that holds something: of what was there before, nobody could tell what belongs to it.
    fn check(&self) -> Result<(), Error> {
        if !self.parts {
            return Ok(());
        }
        match std::fs::read_dir(&self.output).map(|mut entries| entries.next().is_some()) {
            Ok(false) => Ok(()),
            Ok(true) => Err(file_error("write", &self.output)(io::ErrorKind::DirectoryNotEmpty.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(file_error("write", &self.output)(error)),
        }
    }

    /// Where a partition's file lies until all are complete. Errors name the folder: the path holds values.
    fn in_folder(&self, partition: &PartitionValues, number: u32) -> Result<PathBuf, Error> {
        let folder = temporary(&self.output).join(&partition.path);
        std::fs::create_dir_all(&folder).map_err(file_error("write", &self.output))?;
        Ok(folder.join(match number {
            0 => format!("{}.parquet", self.stem),
            number => format!("{}-{number:05}.parquet", self.stem),
        }))
    }

    fn publish(self) -> Result<(), Error> {
        if self.parts && !self.begun {
            std::fs::create_dir_all(temporary(&self.output)).map_err(file_error("write", &self.output))?;
        }
        if self.begun || self.parts {
            std::fs::rename(temporary(&self.output), &self.output).map_err(file_error("write", &self.output))?;
        } else {
            // A file without columns has no output, and that of an earlier conversion is not its own.
            remove(&self.output)?;
        }
        let rejected = self.rejected_path();
        if self.rejected {
            std::fs::rename(temporary(&rejected), &rejected).map_err(file_error("write", &rejected))
        } else {
            // What an earlier conversion rejected does not belong to this one.
            remove(&rejected)
        }
    }
}

/// The name under which something is written.
fn temporary(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}", std::process::id()));
    path.with_file_name(name)
}

impl Files for LocalFiles {
    type File = TemporaryFile;

    fn create(&mut self, kind: &FileKind) -> Result<TemporaryFile, Error> {
        let (path, shown) = match kind {
            FileKind::Data { partition, number } if self.parts => {
                self.begun = true;
                (self.in_folder(partition, *number)?, self.output.clone())
            }
            FileKind::Data { .. } => (temporary(&self.output), self.output.clone()),
            FileKind::Rejected => (temporary(&self.rejected_path()), self.rejected_path()),
        };
        let file = File::create(&path).map_err(file_error("write", &shown))?;
        let buffer = match kind {
            // What comes is large already, and one copy more would throw the rest out of the cache.
            FileKind::Data { .. } if !self.parts => 0,
            // Thousands of partitions have small files.
            _ if self.parts => 64 << 10,
            _ => 256 << 10,
        };
        Ok(TemporaryFile { out: BufWriter::with_capacity(buffer, file), path, shown, keep: false })
    }

    fn close(&mut self, kind: FileKind, mut file: TemporaryFile) -> Result<(), Error> {
        io::Write::flush(&mut file.out).map_err(file_error("write", &file.shown))?;
        file.keep = true;
        match kind {
            FileKind::Data { .. } => self.begun = true,
            FileKind::Rejected => self.rejected = true,
        }
        Ok(())
    }

    fn complete(&mut self) -> Result<(), Error> {
        Ok(())
    }

    fn discard(&mut self) -> Result<(), Error> {
        if std::mem::take(&mut self.rejected) {
            remove(&temporary(&self.rejected_path()))?;
        }
        match (std::mem::take(&mut self.begun), self.parts) {
            (false, _) => Ok(()),
            (true, false) => remove(&temporary(&self.output)),
            (true, true) => match std::fs::remove_dir_all(temporary(&self.output)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    Err(file_error("remove", &temporary(&self.output))(error))
                }
                _ => Ok(()),
            },
        }
    }
}

/// Removed when dropped, unless it is to be kept.
struct TemporaryFile {
    out: BufWriter<File>,
    path: PathBuf,
    /// What errors name.
    shown: PathBuf,
    keep: bool,
}

impl io::Write for TemporaryFile {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.out.write(buf).map_err(|e| io::Error::other(file_error("write", &self.shown)(e)))
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
