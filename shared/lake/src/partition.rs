//! Which partition each row is in.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use arrow::{array::RecordBatch, datatypes::DataType};

use crate::{
    Error,
    context::{INGESTED_AT, Provenance},
    naming::push_folder,
    partition_codes::{Codes, Pairs, next},
    projection::{Projections, outside},
    settings::{PartitionBy, Transform},
};

/// The name under which the time at which the source was stored can be partitioned by, whatever columns are added.
const STORED: &str = "ingested_at";

/// The bytes that S3 allows for an object key
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html>).
pub(crate) const MAX_KEY: usize = 1024;

/// What rows are parted by, and how far that may go.
#[derive(Clone, Debug, Default)]
pub(crate) struct Partitioning {
    pub(crate) by: Vec<PartitionBy>,
    /// The most partitions.
    pub(crate) most: usize,
    /// Bytes that the folders of a partition may have in the key of an object.
    pub(crate) folder_bytes: usize,
    /// Which partitions queries find.
    pub(crate) projections: Arc<Projections>,
}

impl Partitioning {
    /// Whether rows are rejected because no query would find them.
    pub(crate) fn rejects(&self) -> bool {
        self.by.iter().any(|by| self.projections.rejects(&by.name))
    }
}

/// Refuses two partition keys of one name; `folders` are those of the source's key.
pub(crate) fn check_names<'a>(
    folders: impl Iterator<Item = &'a String>,
    by: &'a [PartitionBy],
    context: impl Iterator<Item = &'a String>,
) -> Result<(), Error> {
    let folders: HashSet<_> = folders.collect();
    if let Some(PartitionBy { name, .. }) = by.iter().find(|key| folders.contains(&key.name)) {
        return Err(Error::Schema(format!(
            "{name} is a folder of the object key, {name}=…, and a key of partition_by in lake.toml as well, and nobody can \
             tell which of them holds; leave one out, or call the rule's another name, as in `year(date) as {name}_2`"
        )));
    }
    let mut seen = folders;
    for name in by.iter().map(|key| &key.name).chain(context) {
        if !seen.insert(name) {
            return Err(Error::Schema(format!(
                "two partition keys or added columns are called {name}; give one another name in lake.toml, as in \
                 `year(date) as {name}_2`"
            )));
        }
    }
    Ok(())
}

/// One partition: what the rows in it have in common.
#[derive(Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PartitionValues {
    /// Its folders, escaped, each with a trailing slash; empty where nothing is partitioned by.
    pub(crate) path: String,
    /// Its values, in the order of the keys.
    pub(crate) values: Vec<String>,
}

/// Where a key has its values from.
#[derive(Clone, Copy, Debug)]
enum Source {
    Column(usize),
    Time(i64),
}

#[derive(Debug)]
struct Key {
    name: String,
    source: Source,
    codes: Codes,
    /// Which of its values no query finds, where such rows are rejected: as far as has been asked.
    missed: Option<Vec<bool>>,
}

/// Tells the partitions of rows, and numbers them in the order in which they appear.
#[derive(Debug)]
pub(crate) struct Partitioner {
    keys: Vec<Key>,
    /// For each key but the first: what the numbers of those before it become together with its own.
    pairs: Vec<Pairs>,
    /// The number of the partition of each combination.
    partitions: Vec<Arc<PartitionValues>>,
    numbers: Vec<u32>,
    most: usize,
    folder_bytes: usize,
    projections: Arc<Projections>,
    scratch: Vec<u32>,
}

impl Partitioner {
    /// For batches with these columns; also tells which columns leave the file.
    pub(crate) fn new(
        settings: &Partitioning,
        columns: &[(&str, DataType)],
        provenance: &Provenance,
    ) -> Result<(Self, Vec<usize>), Error> {
        let mut leaving = Vec::new();
        let mut keys = Vec::new();
        for by in &settings.by {
            let PartitionBy { name, column, transform, .. } = by;
            let added = provenance.names.ingested_at.as_ref() == Some(column);
            let position = if added { None } else { columns.iter().position(|(name, _)| name == column) };
            let (source, data_type) = match position.and_then(|at| Some((at, columns.get(at)?))) {
                Some((at, (_, data_type))) => (Source::Column(at), data_type.clone()),
                None if added || column == STORED => (Source::Time(provenance.ingested_at), INGESTED_AT),
                None => {
                    return Err(Error::Schema(format!(
                        "the file has no column {column}, which its table is partitioned by; add it to the file, or \
                         change partition_by in lake.toml"
                    )));
                }
            };
            if !Codes::takes(&data_type, *transform) {
                return Err(Error::Schema(refusal(column, &data_type, *transform)));
            }
            if let (Source::Column(at), Transform::Identity) = (source, transform) {
                leaving.push(at);
            }
            let missed = settings.projections.rejects(name).then(Vec::new);
            keys.push(Key { name: name.clone(), source, codes: Codes::new(*transform, settings.most), missed });
        }
        let pairs = keys.iter().skip(1).map(|_| Pairs::default()).collect();
        let partitioner = Self {
            keys,
            pairs,
            partitions: Vec::new(),
            numbers: Vec::new(),
            most: settings.most,
            folder_bytes: settings.folder_bytes,
            projections: settings.projections.clone(),
            scratch: Vec::new(),
        };
        Ok((partitioner, leaving))
    }

    /// Whether there is anything to part by. Without, all rows are in one partition without a name.
    pub(crate) fn parts(&self) -> bool {
        !self.keys.is_empty()
    }

    /// The partitions so far.
    pub(crate) fn partitions(&self) -> &[Arc<PartitionValues>] {
        &self.partitions
    }

    /// The number of each row's partition.
    pub(crate) fn read(&mut self, batch: &RecordBatch) -> Result<Vec<u32>, Error> {
        let rows = batch.num_rows();
        let mut ids = Vec::with_capacity(rows);
        for (i, key) in self.keys.iter_mut().enumerate() {
            let codes = if i == 0 { &mut ids } else { &mut self.scratch };
            codes.clear();
            match key.source {
                Source::Column(at) => key.codes.read(batch.column(at), codes)?,
                Source::Time(microseconds) => codes.resize(rows, key.codes.time(microseconds)?),
            }
            if let Some(pairs) = i.checked_sub(1).and_then(|before| self.pairs.get_mut(before)) {
                pairs.join(&mut ids, &self.scratch, self.most)?;
            }
        }
        ids.resize(rows, 0);
        let mut last = None;
        for id in &mut ids {
            *id = match last {
                Some((combination, number)) if combination == *id => number,
                _ => {
                    let number = self.number(*id)?;
                    last = Some((*id, number));
                    number
                }
            };
        }
        Ok(ids)
    }

    /// The rows that no query would find, in order, each with what is wrong with it.
    pub(crate) fn missed(&mut self, batch: &RecordBatch) -> Result<Vec<(usize, String)>, Error> {
        let mut found = BTreeMap::new();
        for key in &mut self.keys {
            let Some(missed) = &mut key.missed else { continue };
            let codes = &mut self.scratch;
            codes.clear();
            match key.source {
                Source::Column(at) => key.codes.read(batch.column(at), codes)?,
                Source::Time(microseconds) => codes.resize(batch.num_rows(), key.codes.time(microseconds)?),
            }
            let known = u32::try_from(missed.len()).unwrap_or(u32::MAX);
            let last = codes.iter().copied().max().unwrap_or_default();
            missed.extend((known..=last).map(|code| self.projections.misses(&key.name, key.codes.value(code))));
            for (row, code) in codes.iter().enumerate() {
                if missed.get(*code as usize) == Some(&true) {
                    found.entry(row).or_insert_with(|| outside(&key.name));
                }
            }
        }
        Ok(found.into_iter().collect())
    }

    /// The partition of a combination of values.
    fn number(&mut self, combination: u32) -> Result<u32, Error> {
        const NEW: u32 = u32::MAX;
        let at = combination as usize;
        if at >= self.numbers.len() {
            self.numbers.resize(at + 1, NEW);
        }
        if self.numbers[at] == NEW {
            self.numbers[at] = next(self.partitions.len(), self.most, self.most)?;
            let partition = self.describe(combination)?;
            self.partitions.push(Arc::new(partition));
        }
        Ok(self.numbers[at])
    }

    fn describe(&self, combination: u32) -> Result<PartitionValues, Error> {
        let mut codes = Vec::new();
        let mut rest = combination;
        for pairs in self.pairs.iter().rev() {
            let (left, right) = pairs.pair(rest);
            codes.push(right);
            rest = left;
        }
        codes.push(rest);
        let mut partition = PartitionValues::default();
        for (key, code) in self.keys.iter().zip(codes.into_iter().rev()) {
            let value = key.codes.value(code);
            push_folder(&mut partition.path, &key.name, value);
            partition.values.push(value.to_owned());
        }
        if partition.path.len() > self.folder_bytes {
            let names: Vec<_> = self.keys.iter().map(|key| key.name.as_str()).collect();
            return Err(Error::Limit(format!(
                "a value of {} is too long to be part of an object key, which has at most {MAX_KEY} bytes; partition \
                 by another column",
                names.join(" or ")
            )));
        }
        Ok(partition)
    }
}

fn refusal(column: &str, data_type: &DataType, transform: Transform) -> String {
    match (transform, data_type) {
        (Transform::Identity, DataType::Timestamp(..)) => format!(
            "{column} is a timestamp, which makes no partition key; partition by day({column}), or declare its type \
             in lake.toml"
        ),
        (Transform::Identity, _) => format!(
            "{column} has a type that makes no partition key ({data_type}); declare it as decimal or string in lake.toml"
        ),
        _ => format!(
            "{column} is neither a date nor a timestamp, so that no part of one can be taken; declare its type, and \
             its date_format, in lake.toml"
        ),
    }
}

#[cfg(test)]
mod tests {
    use arrow::{
        array::{ArrayRef, Date32Array, Int64Array, StringArray},
        datatypes::{Field, Schema},
    };

    use super::*;
    use crate::settings::Context;

    fn by(name: &str, column: &str, transform: Transform) -> PartitionBy {
        PartitionBy { name: name.into(), column: column.into(), transform, hive_type: "string".into() }
    }

    fn batch() -> RecordBatch {
        let columns: [(&str, ArrayRef); 3] = [
            ("country", Arc::new(StringArray::from(vec![Some("DE"), Some("FR"), None, Some("DE"), Some("DE")]))),
            ("day", Arc::new(Date32Array::from(vec![0, 0, 0, 365, 0]))),
            ("n", Arc::new(Int64Array::from(vec![1, 2, 3, 4, 5]))),
        ];
        let fields = columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        RecordBatch::try_new(schema, columns.map(|(_, array)| array).to_vec()).unwrap()
    }

    fn partitioner(keys: Vec<PartitionBy>) -> Result<(Partitioner, Vec<usize>), Error> {
        let settings = Partitioning { by: keys, most: 10, folder_bytes: 90, ..Partitioning::default() };
        let provenance = Provenance { ingested_at: 1_709_251_199_999_999, ..Provenance::default() };
        let batch = batch();
        let schema = batch.schema();
        let columns: Vec<_> = schema.fields().iter().map(|f| (f.name().as_str(), f.data_type().clone())).collect();
        Partitioner::new(&settings, &columns, &provenance)
    }

    #[test]
    fn rows_with_the_same_values_are_in_one_partition() {
        let keys = vec![
            by("country", "country", Transform::Identity),
            by("year", "day", Transform::Year),
            by("landed", "ingested_at", Transform::Day),
        ];
        let (mut partitioner, leaving) = partitioner(keys).unwrap();
        assert_eq!(leaving, [0]);
        assert_eq!(partitioner.read(&batch()).unwrap(), [0, 1, 2, 3, 0]);
        assert_eq!(partitioner.read(&batch()).unwrap(), [0, 1, 2, 3, 0]);
        let paths: Vec<_> = partitioner.partitions().iter().map(|p| p.path.as_str()).collect();
        assert_eq!(
            paths,
            [
                "country=DE/year=1970/landed=2024-02-29/",
                "country=FR/year=1970/landed=2024-02-29/",
                "country=__HIVE_DEFAULT_PARTITION__/year=1970/landed=2024-02-29/",
                "country=DE/year=1971/landed=2024-02-29/",
            ][..]
        );
        assert_eq!(partitioner.partitions()[3].values, ["DE", "1971", "2024-02-29"]);
    }

    #[test]
    fn a_key_that_cannot_be_is_refused_with_what_to_do() {
        for (key, says) in [
            (by("x", "absent", Transform::Identity), "has no column absent"),
            (by("n", "n", Transform::Month), "declare its type"),
            (by("t", "ingested_at", Transform::Identity), "day(ingested_at)"),
        ] {
            let error = partitioner(vec![key]).unwrap_err();
            assert!(matches!(&error, Error::Schema(message) if message.contains(says)), "{error}");
        }
        let twice = [by("a", "n", Transform::Identity), by("a", "day", Transform::Day)];
        assert!(check_names([].into_iter(), &twice, [].into_iter()).is_err());
        assert!(check_names(["a".to_owned()].iter(), &twice[..1], [].into_iter()).is_err());
        let context = Context { ingested_at: Some("a".into()), source_key: None };
        assert!(check_names([].into_iter(), &twice[..1], context.names()).is_err());
        assert!(check_names(["b".to_owned()].iter(), &twice[..1], [].into_iter()).is_ok());
    }

    #[test]
    fn too_many_partitions_and_too_long_a_path_are_refused_without_the_value() {
        let (mut numbered, _) = partitioner(vec![by("n", "n", Transform::Identity)]).unwrap();
        let schema = Arc::new(Schema::new(vec![
            Field::new("c", DataType::Utf8, true),
            Field::new("d", DataType::Utf8, true),
            Field::new("n", DataType::Int64, true),
        ]));
        let rows = |n: i64| {
            let text: ArrayRef = Arc::new(StringArray::new_null(usize::try_from(n).unwrap()));
            let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..n));
            RecordBatch::try_new(schema.clone(), vec![text.clone(), text, numbers]).unwrap()
        };
        assert_eq!(numbered.read(&rows(10)).unwrap(), (0..10).collect::<Vec<_>>());
        assert!(matches!(numbered.read(&rows(11)), Err(Error::Limit(_))));

        let (mut partitioner, _) = partitioner(vec![by("country", "country", Transform::Identity)]).unwrap();
        let long: ArrayRef = Arc::new(StringArray::from(vec!["secret".repeat(20)]));
        let number: ArrayRef = Arc::new(Int64Array::from(vec![1]));
        let error = partitioner.read(&RecordBatch::try_new(schema, vec![long.clone(), long, number]).unwrap());
        let message = error.unwrap_err().to_string();
        assert!(message.contains("country") && !message.contains("secret"), "{message}");
    }
}
