use std::{error::Error as StdError, future::Future};

use async_trait::async_trait;
use aws_sdk_glue::{
    Client,
    error::{BuildError, ProvideErrorMetadata, SdkError},
    operation::{
        batch_create_partition::BatchCreatePartitionOutput, batch_update_partition::BatchUpdatePartitionOutput,
        update_column_statistics_for_partition::UpdateColumnStatisticsForPartitionOutput,
        update_column_statistics_for_table::UpdateColumnStatisticsForTableOutput,
    },
    types::{ColumnStatisticsError, ErrorDetail},
};
use cleanzone_error::ErrorName;
use tokio::task::JoinSet;

use crate::{
    Catalog, ColumnStatistics, Error, Page, Partition, RegisteredPartition, Result, Table, TableName, Written,
    column_statistics, definition,
};

/// Partitions a call: Glue's limits for `BatchCreatePartition`, `BatchUpdatePartition` and `BatchGetPartition`.
const CREATE: usize = 100;
const UPDATE: usize = 100;
const GET: usize = 1000;
/// Columns a call: Glue's limits for writing and for reading statistics of columns.
const SET_STATISTICS: usize = 25;
const GET_STATISTICS: usize = 100;
/// Partitions a page; Glue allows 1000, but each brings all its columns.
const PAGE: i32 = 250;
/// Calls under way at once.
const AT_ONCE: usize = 8;

/// The AWS Glue Data Catalog.
///
/// The IAM actions it uses, on the catalog, its databases and tables: `glue:GetTable`, `glue:CreateDatabase`,
/// `glue:CreateTable`, `glue:UpdateTable`, `glue:BatchGetPartition`, `glue:GetPartitions`,
/// `glue:BatchCreatePartition`, `glue:BatchUpdatePartition`; and, for statistics of columns, `glue:UpdatePartition` and
/// `glue:GetPartition`. Databases are never listed, so their number does not matter.
///
/// The client's own retries cover throttling and failures that pass; what is left is told by its name.
#[derive(Clone, Debug)]
pub struct GlueCatalog {
    client: Client,
    catalog_id: Option<String>,
}

impl GlueCatalog {
    /// The catalog of the client's account and region.
    pub fn new(client: Client) -> Self {
        Self { client, catalog_id: None }
    }

    /// The catalog of another account, or another one of the account.
    #[must_use]
    pub fn with_catalog_id(self, catalog_id: impl Into<String>) -> Self {
        Self { catalog_id: Some(catalog_id.into()), ..self }
    }
}

#[async_trait]
impl Catalog for GlueCatalog {
    async fn table(&self, name: &TableName) -> Result<Option<Table>> {
        let call = Call { action: "glue:GetTable", resource: name };
        let asked = self
            .client
            .get_table()
            .set_catalog_id(self.catalog_id.clone())
            .database_name(&name.database)
            .name(&name.table)
            .send()
            .await;
        match asked {
            Ok(found) => Ok(found.table.map(definition::read_table)),
            Err(error) if error.code() == Some(NOT_FOUND) => Ok(None),
            Err(error) => Err(call.error(error)),
        }
    }

    async fn create_database(&self, database: &str) -> Result<()> {
        let call = Call { action: "glue:CreateDatabase", resource: &database };
        let input = aws_sdk_glue::types::DatabaseInput::builder()
            .name(database)
            .build()
            .map_err(|error| call.unbuilt(error))?;
        let made =
            self.client.create_database().set_catalog_id(self.catalog_id.clone()).database_input(input).send().await;
        match made {
            Ok(_) => Ok(()),
            Err(error) if error.code().is_some_and(|code| code == EXISTS || is_conflict(code)) => Ok(()),
            Err(error) => Err(call.error(error)),
        }
    }

    async fn create_table(&self, name: &TableName, table: &Table) -> Result<Written> {
        let call = Call { action: "glue:CreateTable", resource: name };
        let input = definition::new_table(name, table).map_err(|error| call.unbuilt(error))?;
        let made = self
            .client
            .create_table()
            .set_catalog_id(self.catalog_id.clone())
            .database_name(&name.database)
            .table_input(input)
            .send()
            .await;
        call.written(made)
    }

    async fn update_table(&self, name: &TableName, table: &Table) -> Result<Written> {
        let call = Call { action: "glue:UpdateTable", resource: name };
        let (Some(version), Some(origin)) = (&table.version, &table.origin.glue) else { return Ok(Written::Stale) };
        let input = definition::updated_table(name, origin, table).map_err(|error| call.unbuilt(error))?;
        let made = self
            .client
            .update_table()
            .set_catalog_id(self.catalog_id.clone())
            .database_name(&name.database)
            .version_id(version)
            // Old versions count against a limit of the account, and nobody reads them.
            .skip_archive(true)
            .table_input(input)
            .send()
            .await;
        call.written(made)
    }

    async fn find_partitions(&self, name: &TableName, partitions: &[Partition]) -> Result<Vec<RegisteredPartition>> {
        let call = Call { action: "glue:BatchGetPartition", resource: name };
        let mut requests = Vec::new();
        for batch in partitions.chunks(GET) {
            let keys: std::result::Result<_, _> = batch.iter().map(definition::values).collect();
            let request = self
                .client
                .batch_get_partition()
                .set_catalog_id(self.catalog_id.clone())
                .database_name(&name.database)
                .table_name(&name.table)
                .set_partitions_to_get(Some(keys.map_err(|error| call.unbuilt(error))?));
            requests.push(request.send());
        }
        let mut found = Vec::new();
        for answer in call.all(requests).await? {
            match answer {
                // `UnprocessedKeys` are those that do not exist.
                Ok(answer) => {
                    found.extend(answer.partitions.unwrap_or_default().into_iter().map(definition::read_partition));
                }
                Err(error) if error.code() == Some(NOT_FOUND) => {}
                Err(error) => return Err(call.error(error)),
            }
        }
        Ok(found)
    }

    async fn partitions(&self, name: &TableName, after: Option<String>) -> Result<Page> {
        let call = Call { action: "glue:GetPartitions", resource: name };
        let asked = self
            .client
            .get_partitions()
            .set_catalog_id(self.catalog_id.clone())
            .database_name(&name.database)
            .table_name(&name.table)
            .max_results(PAGE)
            .set_next_token(after)
            .send()
            .await;
        match asked {
            Ok(page) => Ok(Page {
                partitions: page.partitions.unwrap_or_default().into_iter().map(definition::read_partition).collect(),
                next: page.next_token.filter(|token| !token.is_empty()),
            }),
            Err(error) if error.code() == Some(NOT_FOUND) => Ok(Page::default()),
            Err(error) => Err(call.error(error)),
        }
    }

    async fn create_partitions(&self, name: &TableName, table: &Table, partitions: &[Partition]) -> Result<Written> {
        let call = Call { action: "glue:BatchCreatePartition", resource: name };
        let details = |answer: BatchCreatePartitionOutput| {
            answer.errors.unwrap_or_default().into_iter().map(|error| error.error_detail).collect()
        };
        let mut written = Written::Done;
        // Each request lists all columns for each partition: only those under way are in memory.
        for window in partitions.chunks(CREATE * AT_ONCE) {
            let mut requests = Vec::with_capacity(AT_ONCE);
            for batch in window.chunks(CREATE) {
                let inputs: std::result::Result<_, _> =
                    batch.iter().map(|partition| definition::new_partition(table, partition)).collect();
                let request = self
                    .client
                    .batch_create_partition()
                    .set_catalog_id(self.catalog_id.clone())
                    .database_name(&name.database)
                    .table_name(&name.table)
                    .set_partition_input_list(Some(inputs.map_err(|error| call.unbuilt(error))?));
                requests.push(request.send());
            }
            written = worse(written, call.write_batches(requests, details).await?);
        }
        Ok(written)
    }

    async fn update_partitions(
        &self,
        name: &TableName,
        table: &Table,
        partitions: &[RegisteredPartition],
    ) -> Result<Written> {
        let call = Call { action: "glue:BatchUpdatePartition", resource: name };
        let details = |answer: BatchUpdatePartitionOutput| {
            answer.errors.unwrap_or_default().into_iter().map(|error| error.error_detail).collect()
        };
        let mut written = Written::Done;
        for window in partitions.chunks(UPDATE * AT_ONCE) {
            let mut requests = Vec::with_capacity(AT_ONCE);
            for batch in window.chunks(UPDATE) {
                let entries: std::result::Result<_, _> =
                    batch.iter().map(|held| definition::updated_partition(table, held)).collect();
                let request = self
                    .client
                    .batch_update_partition()
                    .set_catalog_id(self.catalog_id.clone())
                    .database_name(&name.database)
                    .table_name(&name.table)
                    .set_entries(Some(entries.map_err(|error| call.unbuilt(error))?));
                requests.push(request.send());
            }
            written = worse(written, call.write_batches(requests, details).await?);
        }
        Ok(written)
    }

    async fn set_column_statistics(
        &self,
        name: &TableName,
        table: &Table,
        partition: Option<&[String]>,
        columns: &[ColumnStatistics],
    ) -> Result<Written> {
        let action = match partition {
            None => "glue:UpdateColumnStatisticsForTable",
            Some(_) => "glue:UpdateColumnStatisticsForPartition",
        };
        let call = Call { action, resource: name };
        let kept: std::result::Result<Vec<_>, _> = columns
            .iter()
            .filter_map(|statistics| {
                let column = table.column(&statistics.name).filter(|column| statistics.suits(column))?;
                Some(column_statistics::write(statistics, column))
            })
            .collect();
        let kept = kept.map_err(|error| call.unbuilt(error))?;
        let batches = kept.chunks(SET_STATISTICS).map(<[_]>::to_vec);
        let refused = |errors: Option<Vec<ColumnStatisticsError>>| {
            errors.unwrap_or_default().into_iter().map(|error| error.error).collect()
        };
        match partition {
            None => {
                let requests = batches.map(|batch| {
                    self.client
                        .update_column_statistics_for_table()
                        .set_catalog_id(self.catalog_id.clone())
                        .database_name(&name.database)
                        .table_name(&name.table)
                        .set_column_statistics_list(Some(batch))
                        .send()
                });
                let details = |answer: UpdateColumnStatisticsForTableOutput| refused(answer.errors);
                call.write_batches(requests.collect(), details).await
            }
            Some(values) => {
                let requests = batches.map(|batch| {
                    self.client
                        .update_column_statistics_for_partition()
                        .set_catalog_id(self.catalog_id.clone())
                        .database_name(&name.database)
                        .table_name(&name.table)
                        .set_partition_values(Some(values.to_vec()))
                        .set_column_statistics_list(Some(batch))
                        .send()
                });
                let details = |answer: UpdateColumnStatisticsForPartitionOutput| refused(answer.errors);
                call.write_batches(requests.collect(), details).await
            }
        }
    }

    async fn column_statistics(
        &self,
        name: &TableName,
        partition: Option<&[String]>,
        columns: &[&str],
    ) -> Result<Vec<ColumnStatistics>> {
        let batches = columns.chunks(GET_STATISTICS).map(|batch| batch.iter().map(ToString::to_string).collect());
        let mut found = Vec::new();
        for batch in batches.collect::<Vec<Vec<String>>>() {
            let kept = match partition {
                None => {
                    let call = Call { action: "glue:GetColumnStatisticsForTable", resource: name };
                    let asked = self
                        .client
                        .get_column_statistics_for_table()
                        .set_catalog_id(self.catalog_id.clone())
                        .database_name(&name.database)
                        .table_name(&name.table)
                        .set_column_names(Some(batch))
                        .send()
                        .await;
                    call.found(asked)?.and_then(|answer| answer.column_statistics_list)
                }
                Some(values) => {
                    let call = Call { action: "glue:GetColumnStatisticsForPartition", resource: name };
                    let asked = self
                        .client
                        .get_column_statistics_for_partition()
                        .set_catalog_id(self.catalog_id.clone())
                        .database_name(&name.database)
                        .table_name(&name.table)
                        .set_partition_values(Some(values.to_vec()))
                        .set_column_names(Some(batch))
                        .send()
                        .await;
                    call.found(asked)?.and_then(|answer| answer.column_statistics_list)
                }
            };
            found.extend(kept.iter().flatten().filter_map(column_statistics::read));
        }
        Ok(found)
    }
}

const NOT_FOUND: &str = "EntityNotFoundException";
const EXISTS: &str = "AlreadyExistsException";

fn is_conflict(code: &str) -> bool {
    matches!(code, "ConcurrentModificationException" | "VersionMismatchException")
}

fn worse(a: Written, b: Written) -> Written {
    match (a, b) {
        (Written::Missing, _) | (_, Written::Missing) => Written::Missing,
        (Written::Stale, _) | (_, Written::Stale) => Written::Stale,
        _ => Written::Done,
    }
}

/// A call as errors name it.
struct Call<'a> {
    action: &'static str,
    resource: &'a (dyn std::fmt::Display + Sync),
}

impl Call<'_> {
    /// How a write ended, where losing a race is not an error.
    fn written<T, E>(&self, outcome: std::result::Result<T, SdkError<E>>) -> Result<Written>
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        match outcome {
            Ok(_) => Ok(Written::Done),
            Err(error) => match error.code() {
                Some(EXISTS) => Ok(Written::Stale),
                Some(NOT_FOUND) => Ok(Written::Missing),
                Some(code) if is_conflict(code) => Ok(Written::Stale),
                _ => Err(self.error(error)),
            },
        }
    }

    /// What was asked for; `None` where it does not exist.
    fn found<T, E>(&self, outcome: std::result::Result<T, SdkError<E>>) -> Result<Option<T>>
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        match outcome {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.code() == Some(NOT_FOUND) => Ok(None),
            Err(error) => Err(self.error(error)),
        }
    }

    /// Writes batches, and says how that ended; `details` are the parts of a batch that failed.
    async fn write_batches<T, E, F>(
        &self,
        requests: Vec<F>,
        details: impl Fn(T) -> Vec<Option<ErrorDetail>>,
    ) -> Result<Written>
    where
        T: Send + 'static,
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
        F: Future<Output = std::result::Result<T, SdkError<E>>> + Send + 'static,
    {
        let mut written = Written::Done;
        for answer in self.all(requests).await? {
            match answer {
                Ok(answer) => {
                    for detail in details(answer) {
                        self.check_part(detail.as_ref())?;
                        written = worse(written, Written::Stale);
                    }
                }
                answer => written = worse(written, self.written(answer)?),
            }
        }
        Ok(written)
    }

    /// Whether a part of a batch may succeed later; one that exists, or is gone, has to be looked at again.
    fn check_part(&self, detail: Option<&ErrorDetail>) -> Result<()> {
        let Some(code) = detail.and_then(|detail| detail.error_code()) else { return Ok(()) };
        let (name, hint) = meaning(Some(code), None, detail.and_then(|detail| detail.error_message()));
        if code == EXISTS || code == NOT_FOUND || name.is_transient() {
            return Ok(());
        }
        // Glue's own message repeats the partition's values.
        Err(self.failed(name, hint, code))
    }

    /// Runs requests, some at once; the answers come in any order.
    async fn all<T, F>(&self, requests: Vec<F>) -> Result<Vec<T>>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let mut answers = Vec::with_capacity(requests.len());
        let mut under_way = JoinSet::new();
        for request in requests {
            if under_way.len() >= AT_ONCE
                && let Some(answer) = under_way.join_next().await
            {
                answers.push(answer);
            }
            under_way.spawn(request);
        }
        while let Some(answer) = under_way.join_next().await {
            answers.push(answer);
        }
        answers.into_iter().map(|answer| answer.map_err(|error| self.failed(ErrorName::Internal, "", error))).collect()
    }

    fn error<E>(&self, error: SdkError<E>) -> Error
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        let (name, hint) = match &error {
            SdkError::ServiceError(answer) => {
                meaning(error.code(), Some(answer.raw().status().as_u16()), answer.err().message())
            }
            SdkError::ConstructionFailure(_) => (ErrorName::Internal, ""),
            _ => (ErrorName::ServiceUnavailable, ""),
        };
        match error {
            SdkError::ServiceError(answer) => self.failed(name, hint, answer.into_err()),
            error => self.failed(name, hint, error),
        }
    }

    fn unbuilt(&self, error: BuildError) -> Error {
        self.failed(ErrorName::Internal, "", error)
    }

    fn failed(&self, name: ErrorName, hint: &'static str, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        Error::Call { name, action: self.action, resource: self.resource.to_string(), hint, source: source.into() }
    }
}

/// What an error of Glue means. Codes: <https://docs.aws.amazon.com/glue/latest/webapi/CommonErrors.html> and those
/// of each call.
fn meaning(code: Option<&str>, status: Option<u16>, message: Option<&str>) -> (ErrorName, &'static str) {
    match code.unwrap_or_default() {
        "AccessDeniedException" | "AccessDenied" | "NotAuthorized" => {
            let hint = if message.is_some_and(|text| text.contains("Lake Formation")) {
                "; grant the function's role this permission in Lake Formation"
            } else {
                "; allow the function's role this action"
            };
            (ErrorName::AccessDenied, hint)
        }
        "GlueEncryptionException" => (
            ErrorName::AccessDenied,
            "; the catalog is encrypted, so the function's role needs its KMS key (kms:Decrypt, kms:Encrypt, \
             kms:GenerateDataKey)",
        ),
        "UnrecognizedClientException"
        | "InvalidSignatureException"
        | "ExpiredTokenException"
        | "InvalidClientTokenId"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "OptInRequired" => (ErrorName::AccessDenied, "; the credentials are not accepted"),
        "ThrottlingException"
        | "Throttling"
        | "ThrottledException"
        | "TooManyRequestsException"
        | "RequestLimitExceeded"
        | "RequestThrottled"
        | "RequestThrottledException" => (ErrorName::Throttled, ""),
        "OperationTimeoutException"
        | "InternalServiceException"
        | "InternalFailure"
        | "InternalError"
        | "ServiceUnavailable"
        | "ServiceUnavailableException"
        | "FederationSourceRetryableException"
        | "ResourceNotReadyException"
        | "RequestExpired" => (ErrorName::ServiceUnavailable, ""),
        code if is_conflict(code) => (ErrorName::Conflict, ""),
        "ResourceNumberLimitExceededException" => {
            (ErrorName::LimitExceeded, "; ask for a higher Glue quota, or remove what is not needed")
        }
        "InvalidInputException" | "ValidationException" | "ValidationError" => (ErrorName::SchemaConflict, ""),
        NOT_FOUND => (ErrorName::ResourceNotFound, ""),
        _ => match status {
            Some(429) => (ErrorName::Throttled, ""),
            Some(401 | 403) => (ErrorName::AccessDenied, "; allow the function's role this action"),
            None | Some(400..500) => (ErrorName::Internal, ""),
            // A 200 that is no answer of Glue, such as a proxy's page, is no better than a 503.
            Some(_) => (ErrorName::ServiceUnavailable, ""),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead, BufReader, Read, Write},
        net::{Ipv4Addr, TcpListener, TcpStream},
        sync::{Arc, Mutex},
        thread,
    };

    use aws_sdk_glue::config::{BehaviorVersion, Credentials, Region, retry::RetryConfig};
    use cleanzone_error::{Fault, chain};

    use super::*;
    use crate::Column;

    /// A catalog that answers every request so, and what it was asked.
    fn answering(status: u16, body: &str) -> (GlueCatalog, Arc<Mutex<Vec<String>>>) {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let answer =
            format!("HTTP/1.1 {status} -\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let log = Arc::clone(&asked);
        // It ends with the process of the test.
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                log.lock().unwrap().push(request(&stream));
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        let config = aws_sdk_glue::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .retry_config(RetryConfig::disabled())
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .endpoint_url(endpoint)
            .build();
        (GlueCatalog::new(Client::from_conf(config)), asked)
    }

    /// The headers and the body of a request.
    fn request(stream: &TcpStream) -> String {
        let mut reader = BufReader::new(stream);
        let (mut text, mut length) = (String::new(), 0);
        while !text.ends_with("\r\n\r\n") {
            let start = text.len();
            assert!(reader.read_line(&mut text).unwrap() > 0);
            if let Some(value) = text[start..].to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        text + &String::from_utf8(body).unwrap()
    }

    fn refusing(status: u16, code: &str, message: &str) -> GlueCatalog {
        answering(status, &format!(r#"{{"__type":"{code}","Message":"{message}"}}"#)).0
    }

    fn orders() -> TableName {
        TableName::new("sales", "orders")
    }

    fn table() -> Table {
        Table::new("s3://clean/sales/orders/", vec![Column::new("id", "bigint")], vec![Column::new("year", "string")])
    }

    fn partitions(count: usize) -> Vec<Partition> {
        let partition = |n| Partition { values: vec![format!("{n}")], location: format!("s3://clean/{n}/") };
        (0..count).map(partition).collect()
    }

    #[tokio::test]
    async fn errors_are_known_by_name() {
        for (status, code, name) in [
            (400, "AccessDeniedException", ErrorName::AccessDenied),
            (400, "GlueEncryptionException", ErrorName::AccessDenied),
            (400, "UnrecognizedClientException", ErrorName::AccessDenied),
            (400, "ThrottlingException", ErrorName::Throttled),
            (400, "OperationTimeoutException", ErrorName::ServiceUnavailable),
            (500, "InternalServiceException", ErrorName::ServiceUnavailable),
            (400, "ResourceNumberLimitExceededException", ErrorName::LimitExceeded),
            (400, "InvalidInputException", ErrorName::SchemaConflict),
            (400, "SomethingNew", ErrorName::Internal),
            (503, "SomethingNew", ErrorName::ServiceUnavailable),
            (429, "SomethingNew", ErrorName::Throttled),
            (403, "SomethingNew", ErrorName::AccessDenied),
        ] {
            let error = refusing(status, code, "as it is").create_table(&orders(), &table()).await.unwrap_err();
            assert_eq!(error.name(), name, "{status} {code}");
            let text = chain(&error);
            assert!(text.starts_with("glue:CreateTable on sales.orders: "), "{text}");
            assert!(text.contains("as it is"), "{text}");
        }
    }

    #[tokio::test]
    async fn a_page_of_a_proxy_is_no_answer() {
        let error = answering(503, "<html>busy</html>").0.table(&orders()).await.unwrap_err();
        assert_eq!(error.name(), ErrorName::ServiceUnavailable);
        let error = answering(200, "<html>welcome</html>").0.table(&orders()).await.unwrap_err();
        assert_eq!(error.name(), ErrorName::ServiceUnavailable);
    }

    #[tokio::test]
    async fn lake_formation_is_named() {
        let message = "Insufficient Lake Formation permission(s) on orders";
        let error = refusing(400, "AccessDeniedException", message).table(&orders()).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "glue:GetTable on sales.orders: not allowed; grant the function's role this permission in Lake Formation"
        );
        assert!(chain(&error).contains(message), "{}", chain(&error));
    }

    #[tokio::test]
    async fn losing_a_race_is_no_error() {
        assert_eq!(refusing(400, EXISTS, "").create_table(&orders(), &table()).await.unwrap(), Written::Stale);
        assert_eq!(refusing(400, NOT_FOUND, "").create_table(&orders(), &table()).await.unwrap(), Written::Missing);
        assert!(refusing(400, EXISTS, "").create_database("sales").await.is_ok());
        assert!(refusing(400, "ConcurrentModificationException", "").create_database("sales").await.is_ok());
        assert!(refusing(400, NOT_FOUND, "").table(&orders()).await.unwrap().is_none());

        let found = answering(200, r#"{"Table":{"Name":"orders","VersionId":"3","Parameters":{"a":"b"}}}"#).0;
        let held = found.table(&orders()).await.unwrap().unwrap();
        for code in ["ConcurrentModificationException", "VersionMismatchException"] {
            assert_eq!(refusing(400, code, "").update_table(&orders(), &held).await.unwrap(), Written::Stale);
        }
        // A table that was not read from the catalog cannot be updated: what it replaces is not known.
        assert_eq!(refusing(500, "", "").update_table(&orders(), &table()).await.unwrap(), Written::Stale);
    }

    #[tokio::test]
    async fn an_update_names_its_version_and_keeps_no_archive() {
        let found = answering(200, r#"{"Table":{"Name":"orders","VersionId":"3","Description":"theirs"}}"#).0;
        let held = found.table(&orders()).await.unwrap().unwrap();
        let (catalog, asked) = answering(200, "{}");
        let catalog = catalog.with_catalog_id("123456789012");
        assert_eq!(catalog.update_table(&orders(), &held).await.unwrap(), Written::Done);
        let asked = asked.lock().unwrap().concat();
        for part in ["AWSGlue.UpdateTable", r#""VersionId":"3""#, r#""SkipArchive":true"#, "123456789012", "theirs"] {
            assert!(asked.contains(part), "{part}: {asked}");
        }
    }

    #[tokio::test]
    async fn partitions_go_in_batches_that_glue_takes() {
        let (catalog, asked) = answering(200, "{}");
        assert_eq!(catalog.create_partitions(&orders(), &table(), &partitions(250)).await.unwrap(), Written::Done);
        let mut sizes: Vec<_> = asked.lock().unwrap().iter().map(|text| text.matches("Values").count()).collect();
        sizes.sort_unstable();
        assert_eq!(sizes, [50, 100, 100]);

        let (catalog, asked) = answering(200, "{}");
        assert!(catalog.find_partitions(&orders(), &partitions(1001)).await.unwrap().is_empty());
        assert_eq!(asked.lock().unwrap().len(), 2);
    }

    #[tokio::test]
    async fn pages_are_turned_by_their_token() {
        let page =
            r#"{"Partitions":[{"Values":["2026"],"StorageDescriptor":{"Location":"s3://a/"}}],"NextToken":"n1"}"#;
        let (catalog, asked) = answering(200, page);
        let found = catalog.partitions(&orders(), Some("n0".into())).await.unwrap();
        assert_eq!((found.partitions.len(), found.next.as_deref()), (1, Some("n1")));
        assert!(asked.lock().unwrap().concat().contains(r#""NextToken":"n0""#));
        assert_eq!(answering(200, "{}").0.partitions(&orders(), None).await.unwrap().next, None);
    }

    #[tokio::test]
    async fn parts_of_a_batch_fail_by_themselves() {
        let part = |code: &str| {
            let error = format!(
                r#"{{"PartitionValues":["secret"],"ErrorDetail":{{"ErrorCode":"{code}","ErrorMessage":"secret"}}}}"#
            );
            answering(200, &format!(r#"{{"Errors":[{error}]}}"#)).0
        };
        for code in [EXISTS, NOT_FOUND, "ThrottlingException", "InternalServiceException"] {
            let written = part(code).create_partitions(&orders(), &table(), &partitions(1)).await.unwrap();
            assert_eq!(written, Written::Stale, "{code}");
        }
        for (code, name) in [
            ("AccessDeniedException", ErrorName::AccessDenied),
            ("InvalidInputException", ErrorName::SchemaConflict),
            ("ResourceNumberLimitExceededException", ErrorName::LimitExceeded),
        ] {
            let error = part(code).create_partitions(&orders(), &table(), &partitions(1)).await.unwrap_err();
            assert_eq!(error.name(), name);
            assert!(!chain(&error).contains("secret"), "{}", chain(&error));
        }
        let gone = refusing(400, NOT_FOUND, "").create_partitions(&orders(), &table(), &partitions(1)).await.unwrap();
        assert_eq!(gone, Written::Missing);
    }

    #[tokio::test]
    async fn statistics_of_columns_go_in_batches_that_glue_takes() {
        let statistics = |n: i64| ColumnStatistics {
            name: format!("c{n}"),
            nulls: 0,
            distinct: 1,
            kind: crate::Kind::Long { range: Some((n, n)) },
        };
        let all: Vec<_> = (0..60).map(statistics).collect();
        let columns = all.iter().map(|statistics| Column::new(&statistics.name, "bigint")).collect();
        let table = Table { columns, ..table() };
        let of_2026 = ["2026".to_owned()];
        for (partition, action) in [(None, "ForTable"), (Some(&of_2026[..]), "ForPartition")] {
            let (catalog, asked) = answering(200, "{}");
            let written = catalog.set_column_statistics(&orders(), &table, partition, &all).await.unwrap();
            assert_eq!(written, Written::Done);
            let asked = asked.lock().unwrap();
            assert!(asked.iter().all(|text| text.contains(&format!("AWSGlue.UpdateColumnStatistics{action}"))));
            let mut sizes: Vec<_> = asked.iter().map(|text| text.matches("ColumnName").count()).collect();
            sizes.sort_unstable();
            assert_eq!(sizes, [10, 25, 25]);
        }
        let error = r#"{"Errors":[{"ColumnStatistics":{"ColumnName":"c0","ColumnType":"bigint","AnalyzedTime":0},
            "Error":{"ErrorCode":"InvalidInputException","ErrorMessage":"secret"}}]}"#;
        let refused = answering(200, error).0.set_column_statistics(&orders(), &table, None, &all).await.unwrap_err();
        assert_eq!(refused.name(), ErrorName::SchemaConflict);
        assert!(!chain(&refused).contains("secret"), "{}", chain(&refused));
        let gone = refusing(400, NOT_FOUND, "");
        assert_eq!(gone.set_column_statistics(&orders(), &table, None, &all).await.unwrap(), Written::Missing);
        assert!(gone.column_statistics(&orders(), None, &["c0"]).await.unwrap().is_empty());
    }
}
