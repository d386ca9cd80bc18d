//! How the columns of a file meet those of a table.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Mutex, PoisonError},
};

use arrow::datatypes::DataType;
use cleanzone_catalog::{
    Column, Mark as TableMark, Position, Reading, Table, TableName, Wanted, data_type, expect, text_limit,
};
use cleanzone_rules::{Column as Rule, Mark, Names};
use cleanzone_tabular::{ColumnPlan, Header, Misfit, NumberFormat, Planner, RESCUED, Role, SinkError, TextLimit};

use crate::{
    Error, PartitionBy, Settings, Transform, absent,
    columns::{Around, Named, check_renames},
    convert::TableColumn,
    places::{Placed, Places, numbered, placed},
    rules::cleanse,
    settings::Evolution,
    warning::Warnings,
};

/// Names columns as the rules and the table do, and makes the table's types the contract.
#[derive(Debug, Default)]
pub(crate) struct TablePlanner {
    /// The table, for messages.
    pub(crate) name: TableName,
    pub(crate) table: Option<Table>,
    /// Partition keys of the object key's folders: a file's column of the same name gets another one.
    pub(crate) folders: Vec<String>,
    pub(crate) settings: Settings,
    /// What was found on the way.
    pub(crate) warnings: Warnings,
    /// What the columns of the file stand for, by name.
    pub(crate) decided: Mutex<BTreeMap<String, Decided>>,
}

/// What was decided of a file's column beside its name.
#[derive(Clone, Debug)]
pub(crate) struct Decided {
    mark: TableMark,
    position: Position,
    /// The name by which rules mean it.
    in_file: String,
}

impl Decided {
    /// Tells the commit.
    pub(crate) fn put(self, column: &mut TableColumn) {
        column.mark = self.mark;
        column.position = Some(self.position);
        column.in_file = Some(self.in_file);
    }
}

impl Planner for TablePlanner {
    fn plan(&self, header: &Header) -> Result<Vec<ColumnPlan>, SinkError> {
        let dataset = &self.settings.dataset;
        let fields = if header.given { placed(&header.names) } else { self.by_position(header.names.len())? };
        let in_file: Vec<String> = fields.iter().map(|field| field.in_file.clone()).collect();
        if !in_file.is_empty() {
            absent::warn(dataset, &self.all_names(&in_file), &self.warnings);
        }
        let rules: Vec<Option<&Rule>> = in_file.iter().map(|name| dataset.column(name)).collect();
        let names = self.names(&fields, &rules)?;
        self.decide(&names, &fields, &rules, header.given);
        let mut names = names.into_iter().map(|named| named.name);
        let mut plans: Vec<ColumnPlan> = Vec::with_capacity(in_file.len());
        for (name, rule) in in_file.iter().zip(&rules) {
            plans.push(if is_dropped(*rule) {
                ColumnPlan { name: name.clone(), role: Role::Drop, ..ColumnPlan::default() }
            } else {
                self.column(names.next().unwrap_or_default(), *rule)?
            });
        }
        let mut plans = self.under_table(plans)?;
        let has_limits = self.has_limits();
        for (plan, rule) in plans.iter_mut().zip(&rules) {
            plan.limit = self.limit(plan, *rule, has_limits);
        }
        Ok(plans)
    }

    fn taken(&self) -> Vec<String> {
        self.table.iter().flat_map(|table| &table.columns).map(|column| column.name.clone()).collect()
    }
}

impl TablePlanner {
    /// For a file that becomes no part of a table.
    pub(crate) fn without_table(settings: Settings) -> Self {
        Self { name: TableName::new("", "file"), settings, ..Self::default() }
    }

    /// The names of columns in the table, without those that are dropped.
    fn names(&self, fields: &[Placed], rules: &[Option<&Rule>]) -> Result<Vec<Named>, Error> {
        let reserved: Vec<String> = self.folders.iter().chain(self.made()).cloned().collect();
        let kept = || fields.iter().zip(rules).filter(|(_, rule)| !is_dropped(**rule));
        let in_file: Vec<&String> = kept().map(|(field, _)| &field.in_file).collect();
        let renamed: Vec<Option<&String>> =
            kept().map(|(_, rule)| rule.and_then(|rule| rule.rename.as_ref())).collect();
        check_renames(&in_file, &renamed)?;
        let called = kept().zip(&renamed).map(|((field, _), renamed)| Placed {
            in_file: renamed.unwrap_or(&field.in_file).clone(),
            ..(*field).clone()
        });
        let around = Around { reserved: &reserved, table: self.table.as_ref(), may_rescue: self.is_of_lake() };
        Ok(around.name(&called.collect::<Vec<_>>(), &self.warnings))
    }

    /// Remembers what columns stand for, for the commit.
    fn decide(&self, names: &[Named], fields: &[Placed], rules: &[Option<&Rule>], has_header: bool) {
        let position = |place: usize, field: &Placed| match (has_header, field.is_numbered) {
            (true, _) => Position::Of(place, fields.len()),
            (false, true) => Position::Field(place),
            // Another list of names, or none, may come.
            (false, false) => Position::Later,
        };
        let kept = fields.iter().zip(rules).zip(1..).filter(|((_, rule), _)| !is_dropped(**rule));
        let decided = names.iter().zip(kept).map(|(named, ((field, _), place))| {
            let (mark, in_file) = (named.mark.clone(), field.in_file.clone());
            (named.name.clone(), Decided { mark, position: position(place, field), in_file })
        });
        *self.decided.lock().unwrap_or_else(PoisonError::into_inner) = decided.collect();
    }

    /// What the columns of the file stand for, by name.
    pub(crate) fn decided(&self) -> BTreeMap<String, Decided> {
        self.decided.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the file becomes part of a table.
    fn is_of_lake(&self) -> bool {
        !self.name.database.is_empty()
    }

    /// The names by which rules may mean a column.
    fn all_names(&self, in_file: &[String]) -> Names {
        let mut names = Names::default();
        names.in_file(in_file.iter().map(String::as_str));
        names.in_table(self.folders.iter().map(String::as_str));
        if let Some(table) = &self.table {
            names.in_table(table.columns.iter().chain(&table.partition_keys).map(|column| &*column.name));
        }
        names
    }

    /// Names of columns and partition keys that do not come from the file as they are.
    fn made(&self) -> impl Iterator<Item = &String> {
        let settings = &self.settings;
        let keys = settings.partition_by.iter().filter(|by| by.name != by.column).map(|by| &by.name);
        keys.chain(settings.context.names()).chain(settings.read.added())
    }

    /// The columns of a file without a header: as the rules list them, or as the table has them.
    fn by_position(&self, fields: usize) -> Result<Vec<Placed>, Error> {
        let dataset = &self.settings.dataset;
        if let Some(listed) = &dataset.format.columns {
            let rest = (listed.len()..fields).map(|place| format!("column_{}", place + 1));
            return Ok(placed(&listed.iter().take(fields).cloned().chain(rest).collect::<Vec<_>>()));
        }
        let Some(table) = &self.table else { return Ok(numbered(fields)) };
        let made: HashSet<&str> = self.made().map(String::as_str).chain([RESCUED]).collect();
        let has_keys = self.settings.partition_by.iter().any(|by| by.transform == Transform::Identity);
        Places { table, dataset, has_keys }.of(fields, |name| made.contains(name))
    }

    /// What the rules say of one column.
    fn column(&self, name: String, rule: Option<&Rule>) -> Result<ColumnPlan, Error> {
        let declared = match rule.and_then(|rule| rule.data_type) {
            Some(declared) => Some(data_type(&declared.to_string()).ok_or_else(|| {
                Error::Schema(format!("column {name} is declared as {declared}, which delimited text cannot fill"))
            })?),
            None => None,
        };
        Ok(ColumnPlan {
            name,
            declared,
            formats: rule.map(|rule| rule.date_formats.clone()).unwrap_or_default(),
            truncate: rule.is_some_and(|rule| rule.truncate),
            lenient: rule.is_some_and(|rule| rule.data_type.is_some()),
            numbers: self.numbers(rule),
            known: Vec::new(),
            siblings: Vec::new(),
            role: Role::Keep,
            cleanse: cleanse(&self.settings.dataset, rule),
            misfit: match rule.and_then(|rule| rule.on_misfit) {
                Some(cleanzone_rules::Misfit::Null) => Misfit::Null,
                Some(cleanzone_rules::Misfit::Sibling) => Misfit::Sibling,
                Some(cleanzone_rules::Misfit::Reject) | None => Misfit::Reject,
            },
            withheld: rule.is_some_and(|rule| rule.pii.is_some()),
            ..ColumnPlan::default()
        })
    }

    /// How the rules say that numbers are written.
    fn numbers(&self, rule: Option<&Rule>) -> Option<NumberFormat> {
        let format = &self.settings.dataset.format;
        let (decimal, thousands) =
            rule.map_or((format.decimal, format.thousands), |rule| (rule.decimal, rule.thousands));
        let byte = |c: char| u8::try_from(c).ok();
        let thousands = thousands.map(|mark| match mark {
            Mark::None => None,
            Mark::Is(separator) => byte(separator),
        });
        (decimal.is_some() || thousands.is_some()).then(|| NumberFormat { decimal: decimal.and_then(byte), thousands })
    }

    /// What the table says of each column, in addition.
    fn under_table(&self, mut plans: Vec<ColumnPlan>) -> Result<Vec<ColumnPlan>, SinkError> {
        for plan in plans.iter_mut().filter(|plan| plan.role == Role::Keep) {
            if let Some(by) = self.key(&plan.name) {
                let declared = plan.declared.take().or_else(|| self.key_type(by));
                plan.declared = Some(declared.unwrap_or(DataType::Utf8));
            }
        }
        let ours = |plan: &ColumnPlan| plan.role == Role::Keep && self.key(&plan.name).is_none();
        let wanted: Vec<Wanted> =
            plans.iter().filter(|plan| ours(plan)).map(|plan| Wanted::new(&plan.name, plan.declared.clone())).collect();
        let readings = expect(&self.name, self.table.as_ref(), &wanted, self.evolution()).map_err(Error::Catalog)?;
        let mut readings = readings.into_iter();
        for plan in plans.iter_mut().filter(|plan| ours(plan)) {
            match readings.next() {
                Some(Reading::As(found)) => plan.declared = Some(found),
                Some(Reading::LeaveOut) => plan.role = Role::Drop,
                Some(Reading::Rescue) => {
                    plan.role = Role::Rescue;
                    plan.declared = None;
                }
                Some(Reading::Infer) | None if self.is_closed() => plan.role = Role::Drop,
                Some(Reading::Infer) | None => plan.declared = None,
            }
        }
        for plan in &mut plans {
            if !matches!(plan.declared, Some(DataType::Date32 | DataType::Timestamp(..))) {
                plan.formats.clear();
            }
            let held = self.table.as_ref().and_then(|table| table.column(&plan.name));
            // A notation of a later version of this program is none that is known here.
            let known = held.into_iter().flat_map(Column::notations).filter_map(|text| text.parse().ok());
            plan.known = known.collect();
            plan.siblings = self.siblings(&plan.name);
        }
        Ok(plans)
    }

    /// The table's columns and partition keys that are in files or folders.
    fn held(&self) -> impl Iterator<Item = &Column> {
        self.table.iter().flat_map(|table| table.file_columns().chain(&table.partition_keys))
    }

    /// Whether the table has a text that cannot be of any length.
    fn has_limits(&self) -> bool {
        self.held().any(|column| text_limit(Some(&column.hive_type), None).is_some())
    }

    /// How long the texts of a column can be: as the table says, or as the rules say where they widen it.
    fn limit(&self, plan: &ColumnPlan, rule: Option<&Rule>, has_limits: bool) -> Option<TextLimit> {
        let declared = rule.and_then(|rule| rule.data_type).map(|declared| declared.to_string());
        let is_limited = has_limits || text_limit(None, declared.as_deref()).is_some();
        if !is_limited || plan.role != Role::Keep || plan.declared != Some(DataType::Utf8) {
            return None;
        }
        let held = self.held().find(|column| column.is_called(&plan.name)).map(|column| &*column.hive_type);
        let (characters, padded) = text_limit(held, declared.as_deref())?;
        Some(TextLimit { characters: characters.into(), padded })
    }

    /// The siblings that a column has in the table.
    fn siblings(&self, name: &str) -> Vec<(DataType, String)> {
        let columns = self.table.iter().flat_map(|table| &table.columns);
        let of_it = columns.filter(|column| column.mark() == TableMark::SiblingOf(name.to_owned()));
        of_it.filter_map(|column| Some((column.data_type()?, column.name.clone()))).collect()
    }

    /// The partition key that a column is itself, if it is one.
    fn key(&self, name: &str) -> Option<&PartitionBy> {
        let mut keys = self.settings.partition_by.iter().filter(|by| by.transform == Transform::Identity);
        keys.find(|by| by.column == name)
    }

    /// The type that the table has a key in.
    fn key_type(&self, by: &PartitionBy) -> Option<DataType> {
        let keys = self.table.iter().flat_map(|table| &table.partition_keys);
        keys.filter(|key| key.is_called(&by.name)).find_map(|key| data_type(&key.hive_type))
    }

    /// Whether a table that is still to be made has no columns but those that are declared.
    fn is_closed(&self) -> bool {
        let declares = || self.settings.dataset.columns.values().any(|column| column.data_type.is_some());
        self.table.is_none() && self.evolution() == Evolution::Fixed && declares()
    }

    fn evolution(&self) -> Evolution {
        self.settings.evolution
    }
}

fn is_dropped(rule: Option<&Rule>) -> bool {
    rule.is_some_and(|rule| rule.drop)
}
