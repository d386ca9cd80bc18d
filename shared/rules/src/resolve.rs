//! From what a dataset says to what it means, with everything that cannot be meant.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    Case, Cleanse, Column, Compression, Context, Dataset, DatasetPii, DuplicateAction, Duplicates, Format, HiveType,
    Mark, Method, Misfit, PartitionBy, Projected, Transform,
    document::{
        CaseName, CleanseEntry, Codec, ColumnEntry, ContextColumn, ContextEntry, DuplicateName, DuplicatesEntry, Entry,
        FormatEntry, Header, Mapped, Short, Size,
    },
    name::{column_key, is_name, sanitise},
    notation::{decimal, thousands, type_of_format},
    pii::PiiEntry,
    projection::KeyValues,
    source::{Place, Problems},
};

/// What an entry means; names and captures are not its business. What is wrong goes to `problems`.
pub(crate) fn resolve<'t>(entry: &Entry, place: Place<'t>, problems: &mut Problems) -> Dataset {
    let mut it = Resolver { entry, place, problems };
    let columns = it.columns();
    let names = TableNames::of(&columns);
    let partition_by = it.partition_by(&names);
    let projection = it.projection(&partition_by, &names);
    let context = it.context();
    let duplicates = it.duplicates(&names);
    it.something_is_left(&names, &partition_by, &context, duplicates.as_ref());
    it.unique_names(&columns, &partition_by, &context, duplicates.as_ref());
    let ratio = |it: &mut Resolver<'_, 't>, field: &str, place: Place<'t>, value: Option<f64>| {
        let value = value?;
        if !(0.0..=1.0).contains(&value) {
            it.problems.add(place.field(field).value, format!("`{field}` is a share, from 0 to 1"));
        }
        Some(value)
    };
    let max_rejected_ratio = ratio(&mut it, "max_rejected_ratio", place, entry.max_rejected_ratio);
    let pii = entry.pii.clone().unwrap_or_default();
    ratio(&mut it, "threshold", place.field("pii"), pii.threshold);
    Dataset {
        database: None,
        table: None,
        captured: None,
        mode: entry.mode,
        schema: entry.schema,
        bad_rows: entry.bad_rows,
        max_rejected_ratio,
        compression: it.compression(),
        row_group_bytes: it.size("row_group_bytes", entry.row_group_bytes.as_ref()),
        max_file_bytes: it.size("max_file_bytes", entry.max_file_bytes.as_ref()),
        projection,
        partition_by,
        statistics: entry.statistics,
        context,
        duplicates,
        format: it.format(entry.format.as_ref()),
        cleanse: cleanse(entry.cleanse.as_ref()),
        columns,
        pii: it.pii(),
    }
}

/// What columns are called in the table, and what is known of them.
struct TableNames<'c> {
    renamed: BTreeMap<&'c str, &'c str>,
    /// By the name in the table.
    columns: BTreeMap<String, &'c Column>,
}

impl<'c> TableNames<'c> {
    fn of(columns: &'c BTreeMap<String, Box<Column>>) -> Self {
        let renamed = columns.iter().filter_map(|(key, column)| Some((key.as_str(), column.rename.as_deref()?)));
        let renamed: BTreeMap<_, _> = renamed.collect();
        let names = columns.iter().map(|(key, column)| {
            let name = column.rename.clone().unwrap_or_else(|| key.clone());
            (name, column.as_ref())
        });
        Self { columns: names.collect(), renamed }
    }

    fn of_column(&self, name: &str) -> String {
        self.renamed.get(column_key(name).as_str()).map_or_else(|| sanitise(name.trim()), |name| (*name).to_owned())
    }

    /// What is known of a partition key's values.
    fn values_of(&self, key: &PartitionBy) -> KeyValues {
        let declared = || self.columns.get(&key.column).and_then(|column| column.data_type);
        let data_type = match key.transform {
            Transform::Identity => declared().unwrap_or(HiveType::String),
            Transform::Day => HiveType::Date,
            Transform::Year | Transform::Month | Transform::Hour => HiveType::Int,
        };
        KeyValues { transform: key.transform, data_type }
    }

    /// Whether the column of this name in the table is left out.
    fn is_dropped(&self, name: &str) -> bool {
        self.columns
            .get(name)
            .is_some_and(|column| column.drop || column.pii.as_ref().is_some_and(|pii| pii.method == Method::Drop))
    }
}

struct Resolver<'a, 't> {
    entry: &'a Entry,
    place: Place<'t>,
    problems: &'a mut Problems,
}

impl<'t> Resolver<'_, 't> {
    fn compression(&mut self) -> Option<Compression> {
        let level = self.entry.compression_level;
        let at = self.place.field("compression_level");
        if level.is_some_and(|level| !(1..=22).contains(&level)) {
            self.problems.add(at.value, "the levels of zstd are 1 to 22");
        }
        if level.is_some() && self.entry.compression != Some(Codec::Zstd) {
            self.problems.add(at.key, "only zstd has levels; set `compression = \"zstd\"` beside it");
        }
        self.entry.compression.map(|codec| match codec {
            Codec::None => Compression::None,
            Codec::Snappy => Compression::Snappy,
            Codec::Zstd => Compression::Zstd(level),
        })
    }

    fn size(&mut self, field: &str, size: Option<&Size>) -> Option<u64> {
        let read = match size? {
            Size::Bytes(bytes) => Ok(*bytes),
            Size::Text(text) => bytes(text),
        };
        match read {
            Ok(0) => self.problems.add(self.place.field(field).value, format!("`{field}` has to be more than 0")),
            Err(why) => self.problems.add(self.place.field(field).value, why),
            Ok(bytes) => return Some(bytes),
        }
        None
    }

    fn partition_by(&mut self, names: &TableNames<'_>) -> Vec<PartitionBy> {
        let at = self.place.field("partition_by");
        let mut found: Vec<PartitionBy> = Vec::new();
        for (i, text) in self.entry.partition_by.iter().flatten().enumerate() {
            let at = at.item(i).value;
            let partition = match PartitionBy::new(text, |column| names.of_column(column)) {
                Ok(partition) => partition,
                Err(why) => {
                    self.problems.add(at, why);
                    continue;
                }
            };
            let PartitionBy { name, column, transform } = &partition;
            let identity = *transform == Transform::Identity;
            if identity && found.iter().any(|earlier| earlier.transform == *transform && earlier.column == *column) {
                self.problems.add(at, format!("the column `{column}` becomes two partition keys"));
            } else if found.iter().any(|earlier| earlier.name == *name) {
                self.problems
                    .add(at, format!("there are two partition keys `{name}`; give one another name with ` as`"));
            }
            if !identity && name == column {
                let why = format!("the column `{column}` stays in the file, so its partition key needs another name");
                self.problems.add(at, why);
            }
            if names.is_dropped(column) {
                self.problems.add(at, format!("the column `{column}` is dropped, so nothing can be divided by it"));
            }
            match names.columns.get(column).and_then(|column| column.data_type) {
                Some(found @ (HiveType::Float | HiveType::Double | HiveType::Timestamp)) if identity => {
                    let why = format!("a {found} is no partition key; declare another type, or take a transform of it");
                    self.problems.add(at, why);
                }
                Some(HiveType::Date) if *transform == Transform::Hour => {
                    self.problems.add(at, format!("`{column}` is declared a date, which has no hour"));
                }
                Some(found) if !identity && !matches!(found, HiveType::Date | HiveType::Timestamp) => {
                    let why = format!("`{column}` is declared {found}; only dates and timestamps have a {transform}");
                    self.problems.add(at, why);
                }
                _ => {}
            }
            found.push(partition);
        }
        found
    }

    /// Refuses partition keys that take all columns of a file along, where the rules list these.
    fn something_is_left(
        &mut self,
        names: &TableNames<'_>,
        partition_by: &[PartitionBy],
        context: &Context,
        duplicates: Option<&Duplicates>,
    ) {
        let listed = self.entry.format.as_ref().and_then(|format| format.columns.as_ref());
        let is_key =
            |name: &String| partition_by.iter().any(|key| key.transform == Transform::Identity && key.column == *name);
        let all_keys = listed.is_some_and(|listed| {
            let mut kept = listed.iter().map(|name| names.of_column(name)).filter(|name| !names.is_dropped(name));
            !listed.is_empty() && !partition_by.is_empty() && kept.all(|name| is_key(&name))
        });
        let added = *context != Context::default()
            || duplicates.is_some_and(|duplicates| matches!(duplicates.action, DuplicateAction::Flag(_)));
        if all_keys && !added {
            let why = "all columns that `format.columns` lists are partition keys or dropped, which leaves the table none; \
                       partition by fewer, or add one by `context`";
            self.problems.add(self.place.field("partition_by").value, why);
        }
    }

    fn projection(&mut self, partition_by: &[PartitionBy], names: &TableNames<'_>) -> BTreeMap<String, Projected> {
        let at = self.place.field("projection");
        let mut found = BTreeMap::new();
        for (key, entry) in self.entry.projection.iter().flatten() {
            let at = at.field(key);
            let name = sanitise(key.trim());
            match entry.resolve() {
                Err(("", why)) => self.problems.add(at.key, why),
                Err((field, why)) => self.problems.add(at.field(field).value, why),
                Ok(_) if !is_name(&name) => self.problems.add(at.key, "it is no name of a partition key"),
                Ok(projection) => {
                    let parted = partition_by.iter().find(|partition| partition.name == name);
                    if let Some(Err((field, why))) = parted.map(|key| projection.fits(names.values_of(key))) {
                        self.problems.add(at.field(field).value, why);
                    }
                    let projected = Projected { projection, on_miss: entry.on_miss.unwrap_or_default() };
                    if found.insert(name, projected).is_some() {
                        self.problems.add(at.key, format!("the partition key `{key}` is projected twice"));
                    }
                }
            }
        }
        let missing = partition_by.iter().find(|partition| !found.contains_key(&partition.name));
        if let (Some(missing), Some(false)) = (missing, self.entry.projection.as_ref().map(BTreeMap::is_empty)) {
            let why = format!("Athena projects all partition keys of a table or none; `{}` is missing", missing.name);
            self.problems.add(at.key, why);
        }
        found
    }

    fn context(&mut self) -> Context {
        let entry = match &self.entry.context {
            None => return Context::default(),
            Some(Short::Table(entry)) => entry.clone(),
            Some(Short::Short(list)) => {
                let name = |column, name: &str| list.contains(&column).then(|| name.to_owned());
                ContextEntry {
                    ingested_at: name(ContextColumn::IngestedAt, "ingested_at"),
                    source_key: name(ContextColumn::SourceKey, "source_key"),
                    source_row: name(ContextColumn::SourceRow, "source_row"),
                }
            }
        };
        let at = self.place.field("context");
        let mut name = |field: &str, name: Option<String>| self.name(at.field(field), name.as_ref()?);
        Context {
            ingested_at: name("ingested_at", entry.ingested_at),
            source_key: name("source_key", entry.source_key),
            source_row: name("source_row", entry.source_row),
        }
    }

    /// A column's name, sanitised.
    fn name(&mut self, at: Place<'t>, name: &str) -> Option<String> {
        let sanitised = sanitise(name.trim());
        if is_name(&sanitised) {
            return Some(sanitised);
        }
        let why = format!("`{name}` is no name of a column: it needs a Latin letter or a digit, and at most 255 bytes");
        self.problems.add(at.value, why);
        None
    }

    fn duplicates(&mut self, names: &TableNames<'_>) -> Option<Duplicates> {
        let at = self.place.field("duplicates");
        let entry = match self.entry.duplicates.clone()? {
            Short::Short(action) => DuplicatesEntry { action, by: None, column: None },
            Short::Table(entry) => entry,
        };
        if entry.by.as_ref().is_some_and(Vec::is_empty) {
            self.problems.add(at.field("by").value, "it names no column; leave `by` out to compare all of them");
        }
        let mut by: Vec<String> = Vec::new();
        for (i, column) in entry.by.iter().flatten().enumerate() {
            let at = at.field("by").item(i);
            let name = names.of_column(column);
            if names.is_dropped(&name) {
                self.problems
                    .add(at.value, format!("the column `{name}` is dropped, so rows cannot be compared by it"));
            } else if by.contains(&name) {
                self.problems.add(at.value, format!("the column `{name}` stands in `by` twice"));
            } else if let Some(name) = self.name(at, &name) {
                by.push(name);
            }
        }
        if entry.column.is_some() && entry.action != DuplicateName::Flag {
            self.problems.add(at.field("column").key, "only `action = \"flag\"` has a column");
        }
        let action = match entry.action {
            DuplicateName::Keep => {
                if entry.by.is_some() {
                    self.problems.add(at.field("by").key, "`keep` does nothing, so `by` says nothing");
                }
                return None;
            }
            DuplicateName::Drop => DuplicateAction::Drop,
            DuplicateName::Flag => {
                let name = entry.column.as_deref().unwrap_or("is_duplicate");
                DuplicateAction::Flag(self.name(at.field("column"), name)?)
            }
        };
        Some(Duplicates { action, by })
    }

    fn format(&mut self, entry: Option<&FormatEntry>) -> Format {
        let Some(entry) = entry else { return Format::default() };
        let at = self.place.field("format");
        let delimiter = entry.delimiter.as_ref().map(|text| match text.as_str() {
            "none" => String::new(),
            "tab" | "\\t" => "\t".to_owned(),
            text => text.to_owned(),
        });
        if entry.delimiter.as_deref() == Some("") {
            let why = "an empty text separates nothing; `none` means a single column";
            self.problems.add(at.field("delimiter").value, why);
        }
        if let Some(widths) = &entry.widths {
            let why = if entry.delimiter.is_some() {
                Some((at.field("widths").key, "columns have either widths or a `delimiter`"))
            } else if widths.is_empty() {
                Some((at.field("widths").value, "it names no column"))
            } else if widths.contains(&0) {
                Some((at.field("widths").value, "each column has at least one character"))
            } else {
                None
            };
            if let Some((span, why)) = why {
                self.problems.add(span, why);
            }
        }
        let mut mark = |field: &str, text: Option<&String>| {
            let mut characters = text?.chars();
            match (characters.next(), characters.next()) {
                _ if text.is_some_and(|text| text == "none") => Some(Mark::None),
                (Some(c), None) if c.is_ascii() => Some(Mark::Is(c)),
                _ => {
                    self.problems.add(at.field(field).value, "expected one ASCII character, or `none`");
                    None
                }
            }
        };
        let quote = mark("quote", entry.quote.as_ref());
        let escape = mark("escape", entry.escape.as_ref());
        let comment = mark("comment", entry.comment.as_ref());
        let mut roles: BTreeMap<String, &str> = BTreeMap::new();
        let marks = [("quote", quote), ("escape", escape), ("comment", comment)].map(|(field, mark)| match mark {
            Some(Mark::Is(c)) => (field, Some(c.to_string())),
            _ => (field, None),
        });
        for (field, text) in [("delimiter", delimiter.clone().filter(|text| !text.is_empty()))].into_iter().chain(marks)
        {
            // An escape that is the quote itself is how quotes are doubled.
            let Some(text) = text.filter(|text| field != "escape" || quote.is_none_or(|q| !is(q, text))) else {
                continue;
            };
            if let Some(other) = roles.insert(text, field) {
                self.problems.add(at.field(field).value, format!("it is the `{other}` too"));
            }
        }
        let header_rows = match (entry.header, &entry.columns) {
            (Some(Header::Is(false) | Header::Rows(0)), _) | (None, Some(_)) => Some(0),
            (Some(_), Some(_)) => {
                let why = "these names are for a file without a header; rename columns with `rename` in its own table";
                self.problems.add(at.field("columns").key, why);
                None
            }
            (Some(Header::Is(true)), None) => Some(1),
            (Some(Header::Rows(rows)), None) => Some(rows),
            (None, None) => None,
        };
        self.column_list(at.field("columns"), entry.columns.as_deref());
        let (decimal, thousands) = (entry.decimal.map(decimal), entry.thousands.map(thousands));
        self.apart(decimal, thousands, entry.decimal.is_some(), at);
        if let Some(name) = entry.encoding.as_deref().filter(|name| !is_encoding(name)) {
            let why = format!("unknown character set `{name}`; see https://encoding.spec.whatwg.org/#names-and-labels");
            self.problems.add(at.field("encoding").value, why);
        }
        Format {
            delimiter,
            widths: entry.widths.clone(),
            quote,
            escape,
            comment,
            header_rows,
            skip_lines: entry.skip_lines,
            encoding: entry.encoding.clone(),
            null: entry.null.clone(),
            decimal,
            thousands,
            columns: entry.columns.clone(),
            pad_short_rows: entry.pad_short_rows,
        }
    }

    /// The decimal mark and the thousands mark of a column: its own, and otherwise the dataset's.
    fn notation_of_column(
        &mut self,
        entry: &ColumnEntry,
        data_type: Option<HiveType>,
        at: Place<'t>,
    ) -> (Option<char>, Option<Mark>) {
        if let Some(found) = data_type.filter(|found| !found.is_number()) {
            for (field, given) in [("decimal", entry.decimal.is_some()), ("thousands", entry.thousands.is_some())] {
                if given {
                    let why = format!("only numbers have a `{field}`, and the type is {found}");
                    self.problems.add(at.field(field).key, why);
                }
            }
            return (None, None);
        }
        let format = self.entry.format.as_ref();
        let found_decimal = entry.decimal.or_else(|| format?.decimal).map(decimal);
        let found_thousands = entry.thousands.or_else(|| format?.thousands).map(thousands);
        // What is wrong in the dataset's own is told there.
        if entry.decimal.is_some() || entry.thousands.is_some() {
            self.apart(found_decimal, found_thousands, entry.decimal.is_some(), at);
        }
        (found_decimal, found_thousands)
    }

    /// Refuses one mark for decimals and for thousands.
    fn apart(&mut self, decimal: Option<char>, thousands: Option<Mark>, decimal_is_own: bool, at: Place<'t>) {
        if let (Some(c), Some(Mark::Is(other))) = (decimal, thousands)
            && c == other
        {
            let (field, other) = if decimal_is_own { ("decimal", "thousands") } else { ("thousands", "decimal") };
            let why = format!("`{c}` is the `{other}` mark too; set `{other}` beside it to another one");
            self.problems.add(at.field(field).value, why);
        }
    }

    /// The formats of a column's dates; the type that they imply becomes its type where none is declared.
    fn date_formats(&mut self, entry: &ColumnEntry, data_type: &mut Option<HiveType>, at: Place<'t>) -> Vec<String> {
        let Some(given) = &entry.date_format else { return Vec::new() };
        let at = at.field("date_format");
        let formats = given.as_slice();
        if formats.is_empty() {
            self.problems.add(at.value, "it names no format; leave it out to have the format found");
        }
        let mut implied = HiveType::Date;
        for (i, format) in formats.iter().enumerate() {
            match type_of_format(format) {
                Err(why) => self.problems.add(at.item(i).value, why),
                Ok(_) if formats[..i].contains(format) => {
                    self.problems.add(at.item(i).value, format!("the format `{format}` stands in the list twice"));
                }
                Ok(HiveType::Timestamp) => implied = HiveType::Timestamp,
                Ok(_) => {}
            }
        }
        match *data_type {
            None if entry.data_type.is_none() => *data_type = Some(implied),
            Some(HiveType::Date | HiveType::Timestamp) | None => {}
            Some(other) => {
                self.problems.add(at.key, format!("only dates and timestamps have a format, and the type is {other}"));
            }
        }
        formats.to_vec()
    }

    fn column_list(&mut self, at: Place<'t>, columns: Option<&[String]>) {
        let Some(columns) = columns else { return };
        if columns.is_empty() {
            self.problems.add(at.value, "it names no column");
        }
        let mut seen = BTreeSet::new();
        for (i, name) in columns.iter().enumerate() {
            if name.trim().is_empty() {
                self.problems.add(at.item(i).value, "a column needs a name");
            } else if !seen.insert(column_key(name)) {
                self.problems.add(at.item(i).value, format!("the column `{name}` is named twice"));
            }
        }
    }

    fn columns(&mut self) -> BTreeMap<String, Box<Column>> {
        let at = self.place.field("columns");
        let mut found: BTreeMap<String, Box<Column>> = BTreeMap::new();
        for (name, entry) in self.entry.columns.iter().flatten() {
            let at = at.field(name);
            let key = column_key(name);
            if key.is_empty() {
                self.problems.add(at.key, "a column needs a name");
                continue;
            }
            let column = Box::new(self.column(name, entry, at));
            if let Some(other) = found.insert(key, column) {
                self.problems.add(at.key, format!("it is the same column as `{}`", other.name));
            }
        }
        found
    }

    fn column(&mut self, name: &str, entry: &ColumnEntry, at: Place<'t>) -> Column {
        let mut data_type = entry.data_type.as_ref().and_then(|text| match text.parse::<HiveType>() {
            Ok(found) => Some(found),
            Err(why) => {
                self.problems.add(at.field("type").value, why);
                None
            }
        });
        let date_formats = self.date_formats(entry, &mut data_type, at);
        let (decimal, thousands) = self.notation_of_column(entry, data_type, at);
        if entry.truncate == Some(true) && data_type != Some(HiveType::Timestamp) {
            let why = "only timestamps have digits to cut off; declare `type = \"timestamp\"` beside it";
            self.problems.add(at.field("truncate").key, why);
        }
        if data_type == Some(HiveType::String) && matches!(entry.on_misfit, Some(Misfit::Null | Misfit::Sibling)) {
            self.problems.add(at.field("on_misfit").key, "every text fits the type string");
        }
        if entry.comment.as_ref().is_some_and(|comment| comment.chars().count() > 255) {
            self.problems.add(at.field("comment").value, "the catalog takes comments of up to 255 characters");
        }
        let mut map = BTreeMap::new();
        for (from, to) in entry.map.iter().flatten() {
            match to {
                Mapped::Text(text) => map.insert(from.clone(), Some(text.clone())),
                Mapped::Null(false) => map.insert(from.clone(), None),
                Mapped::Null(true) => {
                    self.problems.add(at.field("map").field(from).value, "expected a text, or false for null");
                    None
                }
            };
        }
        let pii = entry.pii.as_ref().and_then(|pii| self.column_pii(pii, data_type, at.field("pii")));
        let own = CleanseEntry { trim: entry.trim, case: entry.case, empty_as_null: entry.empty_as_null };
        let default = self.entry.cleanse.clone().unwrap_or_default();
        let drop = entry.drop.unwrap_or(false);
        if drop {
            self.nothing_beside_drop(entry, at);
        }
        Column {
            name: name.to_owned(),
            data_type,
            rename: entry.rename.as_ref().and_then(|new| self.name(at.field("rename"), new)),
            date_formats,
            decimal,
            thousands,
            truncate: entry.truncate.unwrap_or(false),
            comment: entry.comment.clone(),
            drop,
            cleanse: cleanse(Some(&own.or(&default))),
            map,
            on_misfit: entry.on_misfit,
            pii,
        }
    }

    fn nothing_beside_drop(&mut self, entry: &ColumnEntry, at: Place<'t>) {
        let given = [
            ("type", entry.data_type.is_some()),
            ("rename", entry.rename.is_some()),
            ("date_format", entry.date_format.is_some()),
            ("decimal", entry.decimal.is_some()),
            ("thousands", entry.thousands.is_some()),
            ("truncate", entry.truncate.is_some()),
            ("trim", entry.trim.is_some()),
            ("case", entry.case.is_some()),
            ("empty_as_null", entry.empty_as_null.is_some()),
            ("map", entry.map.is_some()),
            ("on_misfit", entry.on_misfit.is_some()),
            ("pii", entry.pii.is_some()),
        ];
        for (field, _) in given.into_iter().filter(|(_, given)| *given) {
            let why = format!("the column is dropped, so `{field}` says nothing");
            self.problems.add(at.field(field).key, why);
        }
    }

    fn column_pii(
        &mut self,
        entry: &Short<crate::pii::MethodName, PiiEntry>,
        data_type: Option<HiveType>,
        at: Place<'t>,
    ) -> Option<crate::ColumnPii> {
        let entry = match entry {
            Short::Short(method) => PiiEntry::plain(*method),
            Short::Table(entry) => entry.clone(),
        };
        if let Some(found) = data_type.filter(|found| entry.method.makes_text() && *found != HiveType::String) {
            let method = entry.method.as_str();
            let why = format!("`{method}` makes a text of every value, which is no {found}; leave the type out");
            self.problems.add(at.key, why);
        }
        let scope = self.entry.pii.as_ref().and_then(|pii| pii.scope.as_deref());
        match entry.resolve(scope) {
            Ok(pii) => Some(pii),
            Err(found) => {
                for (option, why) in found {
                    let at = if option.is_empty() { at.value } else { at.field(option).key };
                    self.problems.add(at, why);
                }
                None
            }
        }
    }

    fn pii(&mut self) -> DatasetPii {
        let Some(entry) = self.entry.pii.clone() else { return DatasetPii::default() };
        let at = self.place.field("pii");
        if entry.scope.as_ref().is_some_and(|scope| scope.trim().is_empty()) {
            self.problems.add(at.field("scope").value, "it is empty; leave it out instead");
        }
        if entry.sample_rows == Some(0) {
            self.problems.add(at.field("sample_rows").value, "leave it out to look at all rows");
        }
        for (name, pattern) in entry.custom.iter().flatten() {
            let at = at.field("custom").field(name);
            // What the defaults say is checked there.
            if !at.is_given() {
                continue;
            }
            if !is_name(&sanitise(name)) || sanitise(name) != *name {
                self.problems.add(at.key, format!("`{name}` is no name: small letters, digits and `_`"));
            }
            if let Err(error) = regex::Regex::new(pattern) {
                // The last line is what is wrong; those before it draw where.
                let text = error.to_string();
                let why = text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                self.problems.add(at.value, format!("it is no regular expression: {why}"));
            }
        }
        DatasetPii {
            scope: entry.scope,
            detect: entry.detect,
            threshold: entry.threshold,
            sample_rows: entry.sample_rows,
            custom: entry.custom.unwrap_or_default(),
        }
    }

    /// No two things in the table may have one name.
    fn unique_names(
        &mut self,
        columns: &BTreeMap<String, Box<Column>>,
        partition_by: &[PartitionBy],
        context: &Context,
        duplicates: Option<&Duplicates>,
    ) {
        let at = self.place;
        let mut named: Vec<(String, usize)> = Vec::new();
        let unchanged = columns.iter().filter(|(_, column)| !column.drop && column.rename.is_none());
        named.extend(unchanged.map(|(key, column)| (key.clone(), at.field("columns").field(&column.name).key)));
        for column in columns.values() {
            let place = at.field("columns").field(&column.name).field("rename").value;
            named.extend(column.rename.clone().map(|name| (name, place)));
        }
        for (i, PartitionBy { name, column, transform }) in partition_by.iter().enumerate() {
            // Two keys of one name are told elsewhere, and a column that becomes a key takes its name along.
            let told = partition_by[..i].iter().any(|earlier| earlier.name == *name)
                || (name == column && *transform != Transform::Identity);
            if !told && (name != column || !named.iter().any(|(other, _)| other == name)) {
                named.push((name.clone(), at.field("partition_by").item(i).value));
            }
        }
        let added = [
            ("ingested_at", &context.ingested_at),
            ("source_key", &context.source_key),
            ("source_row", &context.source_row),
        ];
        for (field, name) in added {
            named.extend(name.clone().map(|name| (name, at.field("context").field(field).value)));
        }
        if let Some(DuplicateAction::Flag(name)) = duplicates.map(|duplicates| &duplicates.action) {
            named.push((name.clone(), at.field("duplicates").field("column").value));
        }
        let mut seen = BTreeSet::new();
        for (name, place) in named {
            if seen.contains(&name) {
                self.problems.add(place, format!("there is another column `{name}`"));
            }
            seen.insert(name);
        }
    }
}

fn is(mark: Mark, text: &str) -> bool {
    matches!(mark, Mark::Is(c) if text == c.to_string())
}

fn cleanse(entry: Option<&CleanseEntry>) -> Cleanse {
    let Some(entry) = entry else { return Cleanse::default() };
    Cleanse {
        trim: entry.trim.unwrap_or(false),
        case: entry.case.and_then(|case| match case {
            CaseName::Lower => Some(Case::Lower),
            CaseName::Upper => Some(Case::Upper),
            CaseName::Keep => None,
        }),
        empty_as_null: entry.empty_as_null.unwrap_or(false),
    }
}

/// Bytes, of a text with a unit.
fn bytes(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u64); 7] = [
        ("b", 1),
        ("kb", 1000),
        ("mb", 1_000_000),
        ("gb", 1_000_000_000),
        ("kib", 1 << 10),
        ("mib", 1 << 20),
        ("gib", 1 << 30),
    ];
    let text = text.trim();
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = (&text[..unit_at], text[unit_at..].trim().to_ascii_lowercase());
    let factor = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor);
    match (number.parse::<u64>().ok(), factor) {
        (Some(number), Some(factor)) => number.checked_mul(factor),
        _ => None,
    }
    .ok_or_else(|| format!("`{text}` is no size; expected a whole number with B, KB, MB, GB, KiB, MiB or GiB"))
}

/// Whether the reader knows a character set of this name: those of the WHATWG Encoding Standard, and a few beside.
fn is_encoding(name: &str) -> bool {
    const BESIDE: [&str; 16] = [
        "utf-8-sig",
        "latin-1",
        "cp932",
        "cp936",
        "cp949",
        "cp950",
        "mac-roman",
        "utf16",
        "utf-16-le",
        "utf-16-be",
        "utf-32",
        "utf32",
        "utf-32le",
        "utf-32-le",
        "utf-32be",
        "utf-32-be",
    ];
    let lower = name.trim().to_ascii_lowercase().replace('_', "-");
    let label = |name: &str| {
        encoding_rs::Encoding::for_label(name.as_bytes()).is_some_and(|found| found != encoding_rs::REPLACEMENT)
    };
    BESIDE.contains(&lower.as_str()) || label(name.trim()) || label(&lower)
}
