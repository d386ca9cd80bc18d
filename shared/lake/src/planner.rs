//! How the columns of a file meet those of a table.

use cleanzone_catalog::Table;
use cleanzone_tabular::{ColumnPlan, Header, Planner, SinkError};

use crate::{Error, naming::column_names};

/// Names columns as the table does, and makes the table's types the contract.
#[derive(Debug)]
pub(crate) struct TablePlanner {
    /// Partition keys: a file's column of the same name gets another one.
    pub(crate) partition_keys: Vec<String>,
    pub(crate) table: Option<Table>,
}

impl Planner for TablePlanner {
    fn plan(&self, header: &Header) -> Result<Vec<ColumnPlan>, SinkError> {
        column_names(&header.names, &self.partition_keys)
            .into_iter()
            .map(|name| {
                let declared = match self.table.as_ref().and_then(|table| table.column(&name)) {
                    // Nobody has seen a value of it yet: this file may be the first.
                    Some(column) if column.is_provisional() => None,
                    Some(column) => Some(column.data_type().ok_or_else(|| {
                        Error::Schema(format!(
                            "column {name} is {} in the table, which delimited text cannot fill; rename it in the file",
                            column.hive_type
                        ))
                    })?),
                    None => None,
                };
                Ok(ColumnPlan { name, declared, ..ColumnPlan::default() })
            })
            .collect()
    }
}
