use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use async_trait::async_trait;
use aws_sdk_dynamodb::{
    Client,
    error::ProvideErrorMetadata,
    primitives::Blob,
    types::{
        AttributeValue, BatchStatementErrorCodeEnum as Code, BatchStatementRequest, KeysAndAttributes,
        ReturnValuesOnConditionCheckFailure,
    },
};
use cleanzone_error::ErrorName;

use crate::{
    Error, Field, MethodKey, Resolved, Result, Token, TokenVault,
    calls::Call,
    engine::{Engine, Limits},
    item::{ATTRIBUTES, Attribute, Body, ID, Item},
    kms::KmsKey,
    table::{Inserted, Read, Table},
};

/// When an item was made, and when it may go, in seconds since 1970.
const MADE: &str = "made";
const EXPIRES: &str = "expires";

/// By how much a pointer outlives its entry. `DynamoDB` deletes what has expired within days, in no order; an entry
/// without its pointer would give out a token that cannot be resolved.
const POINTER_LONGER: Duration = Duration::from_hours(24 * 14);

/// A vault in a `DynamoDB` table, under a KMS key.
///
/// The table has the string `pk` as its only key attribute, and neither indexes nor a stream; see the
/// [crate](crate) for what is in it. The keys are made with the first value.
///
/// The IAM actions it uses: `dynamodb:BatchGetItem` and `kms:Decrypt` for everything; to tokenize,
/// `dynamodb:PartiQLInsert`, `dynamodb:DeleteItem` (of `token#*`: those of lost races) and
/// `kms:GenerateDataKey`; to forget, `dynamodb:DeleteItem` (of `value#*` and `token#*`); to rotate, as to tokenize and
/// `dynamodb:PutItem` (of `key#current`). The condition key `dynamodb:LeadingKeys` can hold it to those.
///
/// The clients' own retries cover what passes in moments; the vault goes on for a minute.
///
/// ```no_run
/// # async fn example(config: &aws_sdk_dynamodb::Config, kms: aws_sdk_kms::Client) -> cleanzone_vault::Result<()> {
/// use cleanzone_vault::{DynamoVault, Field, TokenVault};
///
/// let dynamodb = aws_sdk_dynamodb::Client::from_conf(config.clone());
/// let vault = DynamoVault::new(dynamodb, kms, "tokens", "alias/cleanzone-vault")?;
/// let tokens = vault.tokenize(&Field::new("crm", "email")?, &["jane@example.com"]).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct DynamoVault {
    engine: Engine,
    table: DynamoTable,
    key: KmsKey,
    limits: Limits,
}

impl DynamoVault {
    /// The vault in this table (by its name), whose keys this KMS key wraps (by its id, ARN or alias). Nothing is asked
    /// of AWS before the first value.
    ///
    /// # Errors
    /// [`Error::Table`] where the table's name is none.
    pub fn new(dynamodb: Client, kms: aws_sdk_kms::Client, table: &str, key: &str) -> Result<Self> {
        // <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html>;
        // it becomes part of statements.
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
        if !(3..=255).contains(&table.len()) || !table.bytes().all(allowed) {
            return Err(Error::Table { found: table.chars().take(300).collect() });
        }
        let table = DynamoTable { client: dynamodb, name: table.to_owned(), expiry: None };
        let key = KmsKey::new(kms, key.to_owned());
        let limits = Limits::default();
        Ok(Self { engine: engine(&table, &key, limits), table, key, limits })
    }

    /// Entries may go that long after they were made, if the table's time to live is the attribute `expires`. A value
    /// that comes again after that has another token.
    #[must_use]
    pub fn with_expiry(mut self, after: Duration) -> Self {
        self.table.expiry = Some(after);
        Self { engine: engine(&self.table, &self.key, self.limits), ..self }
    }

    /// For how long a call that may succeed later is tried again; a minute if nothing else is said.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.limits.patience = patience;
        Self { engine: engine(&self.table, &self.key, self.limits), ..self }
    }

    /// How many tokens a process remembers at least; at most twice as many, of 70 to 140 bytes each. 229,376 if nothing
    /// else is said: up to 32 MiB.
    #[must_use]
    pub fn with_cache(mut self, tokens: usize) -> Self {
        self.limits.cache = tokens;
        Self { engine: engine(&self.table, &self.key, self.limits), ..self }
    }
}

fn engine(table: &DynamoTable, key: &KmsKey, limits: Limits) -> Engine {
    Engine::new(Arc::new(table.clone()), Arc::new(key.clone()), limits)
}

#[async_trait]
impl TokenVault for DynamoVault {
    async fn tokenize(&self, field: &Field, values: &[&str]) -> Result<Vec<Token>> {
        self.engine.tokenize(field, values).await
    }

    async fn resolve(&self, tokens: &[Token]) -> Result<Vec<Resolved>> {
        self.engine.resolve(tokens).await
    }

    async fn forget_value(&self, field: &Field, value: &str) -> Result<bool> {
        self.engine.forget_value(field, value).await
    }

    async fn forget_token(&self, token: Token) -> Result<bool> {
        self.engine.forget_token(token).await
    }

    async fn rotate(&self) -> Result<String> {
        self.engine.rotate().await
    }

    async fn method_key(&self) -> Result<MethodKey> {
        self.engine.method_key().await
    }
}

#[derive(Clone, Debug)]
struct DynamoTable {
    client: Client,
    name: String,
    expiry: Option<Duration>,
}

type Raw = HashMap<String, AttributeValue>;

impl DynamoTable {
    fn call(&self, action: &'static str) -> Call<'_> {
        Call { action, resource: &self.name }
    }

    /// An item with all its attributes, in one order.
    fn raw(&self, item: &Item) -> Vec<(&'static str, AttributeValue)> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut raw = vec![(ID, AttributeValue::S(item.id.clone()))];
        raw.extend(item.attributes().into_iter().map(|(name, attribute)| match attribute {
            Attribute::Text(text) => (name, AttributeValue::S(text)),
            Attribute::Bytes(bytes) => (name, AttributeValue::B(Blob::new(bytes))),
        }));
        raw.push((MADE, AttributeValue::N(now.as_secs().to_string())));
        let longer = match item.body {
            Body::Entry(_) => Some(Duration::ZERO),
            Body::Pointer(_) => Some(POINTER_LONGER),
            Body::Key(_) | Body::Unreadable => None,
        };
        if let Some((after, longer)) = self.expiry.zip(longer) {
            raw.push((EXPIRES, AttributeValue::N((now + after + longer).as_secs().to_string())));
        }
        raw
    }

    /// `INSERT` fails where there is an item of that key:
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ql-reference.insert.html>.
    fn statement(&self, item: &Item) -> Result<BatchStatementRequest> {
        let (names, values): (Vec<_>, Vec<_>) = self.raw(item).into_iter().unzip();
        let places: Vec<_> = names.iter().map(|name| format!("'{name}': ?")).collect();
        BatchStatementRequest::builder()
            .statement(format!(r#"INSERT INTO "{}" VALUE {{{}}}"#, self.name, places.join(", ")))
            .set_parameters(Some(values))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(|error| self.call(INSERT).unbuilt(error))
    }
}

const READ: &str = "dynamodb:BatchGetItem";
const INSERT: &str = "dynamodb:PartiQLInsert";
const REPLACE: &str = "dynamodb:PutItem";
const DELETE: &str = "dynamodb:DeleteItem";

const REFUSED: &str = "ConditionalCheckFailedException";

fn key(id: &str) -> Raw {
    HashMap::from([(ID.to_owned(), AttributeValue::S(id.to_owned()))])
}

fn id(raw: &Raw) -> Option<String> {
    raw.get(ID)?.as_s().ok().cloned()
}

fn item(mut raw: Raw) -> Option<Item> {
    let id = id(&raw)?;
    let attribute = |name| match raw.remove(name)? {
        AttributeValue::S(text) => Some((name, Attribute::Text(text))),
        AttributeValue::B(bytes) => Some((name, Attribute::Bytes(bytes.into_inner()))),
        _ => None,
    };
    let attributes = ATTRIBUTES.into_iter().filter_map(attribute).collect();
    Some(Item::read(id, attributes))
}

#[async_trait]
impl Table for DynamoTable {
    async fn read(&self, ids: &[String]) -> Result<Read> {
        let call = self.call(READ);
        let keys = ids.iter().map(|id| key(id)).collect();
        let wanted = KeysAndAttributes::builder()
            .set_keys(Some(keys))
            .consistent_read(true)
            .build()
            .map_err(|error| call.unbuilt(error))?;
        let answer = self
            .client
            .batch_get_item()
            .request_items(&self.name, wanted)
            .send()
            .await
            .map_err(|error| call.error(error))?;
        // Only one table was asked, whatever name the answer has for it.
        let items = answer.responses.into_iter().flatten().flat_map(|(_, items)| items).filter_map(item).collect();
        let left = answer.unprocessed_keys.into_iter().flatten().flat_map(|(_, left)| left.keys);
        Ok(Read { items, left: left.filter_map(|key| id(&key)).collect() })
    }

    async fn insert(&self, items: &[&Item]) -> Result<Vec<Inserted>> {
        let call = self.call(INSERT);
        let statements = items.iter().map(|item| self.statement(item)).collect::<Result<_>>()?;
        let answer = self
            .client
            .batch_execute_statement()
            .set_statements(Some(statements))
            .send()
            .await
            .map_err(|error| call.error(error))?;
        let answers = answer.responses.unwrap_or_default();
        if answers.len() != items.len() {
            let found = format!("{} answers to {} statements", answers.len(), items.len());
            return Err(call.failed(ErrorName::ServiceUnavailable, "", found));
        }
        let inserted = answers.into_iter().map(|answer| match answer.error {
            None => Inserted::Done,
            Some(error) => match error.code {
                Some(Code::DuplicateItem | Code::ConditionalCheckFailed) => Inserted::Exists(error.item.and_then(item)),
                code => Inserted::Failed(call.part(code.as_ref().map_or("an error without a code", Code::as_str))),
            },
        });
        Ok(inserted.collect())
    }

    async fn replace(&self, item: &Item, held: &str) -> Result<bool> {
        let raw = self.raw(item).into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let put = self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(raw))
            .condition_expression("#key = :held")
            .expression_attribute_names("#key", "key")
            .expression_attribute_values(":held", AttributeValue::S(held.to_owned()))
            .send()
            .await;
        match put {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some(REFUSED) => Ok(false),
            Err(error) => Err(self.call(REPLACE).error(error)),
        }
    }

    async fn delete(&self, id: &str, token: Option<Token>) -> Result<bool> {
        let delete = self.client.delete_item().table_name(&self.name).set_key(Some(key(id)));
        let delete = match token {
            Some(token) => delete
                .condition_expression("#token = :token")
                .expression_attribute_names("#token", "token")
                .expression_attribute_values(":token", AttributeValue::S(token.to_string())),
            None => delete.condition_expression("attribute_exists(#pk)").expression_attribute_names("#pk", ID),
        };
        match delete.send().await {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some(REFUSED) => Ok(false),
            Err(error) => Err(self.call(DELETE).error(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead, BufReader, Read as _, Write},
        net::{Ipv4Addr, TcpListener, TcpStream},
        sync::{Arc, Mutex},
        thread,
    };

    use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region, retry::RetryConfig};
    use cleanzone_error::{Fault, chain};

    use super::*;
    use crate::{
        Shape,
        index::PROOF,
        item::{Pointer, WrappedKey, pointer_id},
    };

    /// A table that answers every request so, and the requests it got.
    fn answering(status: u16, body: &str) -> (DynamoTable, Arc<Mutex<Vec<String>>>) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let answer = format!(
            "HTTP/1.1 {status} Answer\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: {}\r\n\
             connection: close\r\n\r\n{body}",
            body.len()
        );
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                log.lock().unwrap().push(request(&stream));
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .retry_config(RetryConfig::disabled())
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .endpoint_url(endpoint)
            .build();
        (DynamoTable { client: Client::from_conf(config), name: "tokens".to_owned(), expiry: None }, asked)
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

    fn pointer(byte: u8) -> Item {
        let id = pointer_id(Token::new(&[byte; 16], Shape::Plain));
        Item { id, body: Body::Pointer(Pointer { entry: "value#x".to_owned(), proof: [byte; PROOF] }) }
    }

    #[tokio::test]
    async fn errors_are_known_by_name() {
        for (status, code, name) in [
            (400, "AccessDeniedException", ErrorName::AccessDenied),
            (400, "UnrecognizedClientException", ErrorName::AccessDenied),
            (400, "ThrottlingException", ErrorName::Throttled),
            (400, "ProvisionedThroughputExceededException", ErrorName::Throttled),
            (400, "RequestLimitExceeded", ErrorName::Throttled),
            (400, "ResourceNotFoundException", ErrorName::ResourceNotFound),
            (400, "ValidationException", ErrorName::Internal),
            (500, "InternalServerError", ErrorName::ServiceUnavailable),
            (503, "SomethingNew", ErrorName::ServiceUnavailable),
            (429, "SomethingNew", ErrorName::Throttled),
            (403, "SomethingNew", ErrorName::AccessDenied),
        ] {
            let (table, _) = answering(status, &format!(r#"{{"__type":"{code}","message":"as it is"}}"#));
            let error = table.insert(&[&pointer(1)]).await.unwrap_err();
            assert_eq!(error.name(), name, "{status} {code}");
            assert!(chain(&error).starts_with("dynamodb:PartiQLInsert on tokens: "), "{}", chain(&error));
        }
    }

    #[tokio::test]
    async fn statements_of_a_batch_fail_by_themselves() {
        let held = r#"{"pk":{"S":"token#t"},"entry":{"S":"value#y"},"proof":{"B":"AQEBAQEBAQEBAQEBAQEBAQ=="}}"#;
        let error = |code: &str| format!(r#"{{"Error":{{"Code":"{code}","Message":"secret"}}}}"#);
        let answers = [
            r#"{"TableName":"tokens"}"#.to_owned(),
            format!(r#"{{"Error":{{"Code":"DuplicateItem","Item":{held}}}}}"#),
            error("DuplicateItem"),
            error("ThrottlingError"),
            error("ProvisionedThroughputExceeded"),
            error("InternalServerError"),
            error("AccessDenied"),
            error("ValidationError"),
        ];
        let (table, asked) = answering(200, &format!(r#"{{"Responses":[{}]}}"#, answers.join(",")));
        let items: Vec<Item> = (0..8).map(pointer).collect();
        let outcomes = table.insert(&items.iter().collect::<Vec<_>>()).await.unwrap();
        assert!(matches!(outcomes[0], Inserted::Done));
        let Inserted::Exists(Some(item)) = &outcomes[1] else { panic!("{outcomes:?}") };
        assert_eq!(item.body, Body::Pointer(Pointer { entry: "value#y".to_owned(), proof: [1; PROOF] }));
        assert!(matches!(outcomes[2], Inserted::Exists(None)));
        let names = outcomes[3..].iter().map(|outcome| match outcome {
            Inserted::Failed(error) => {
                assert!(!chain(error).contains("secret"), "{}", chain(error));
                error.name()
            }
            other => panic!("{other:?}"),
        });
        let (throttled, unavailable) = (ErrorName::Throttled, ErrorName::ServiceUnavailable);
        let expected = [throttled, throttled, unavailable, ErrorName::AccessDenied, ErrorName::Internal];
        assert_eq!(names.collect::<Vec<_>>(), expected);

        let asked = asked.lock().unwrap().concat();
        for part in [
            "DynamoDB_20120810.BatchExecuteStatement",
            r#"INSERT INTO \"tokens\" VALUE {'pk': ?, 'entry': ?, 'proof': ?, 'made': ?}"#,
            "ALL_OLD",
        ] {
            assert!(asked.contains(part), "{part}: {asked}");
        }
        // Fewer answers than statements tell nothing.
        let error = table.insert(&[&items[0]]).await.unwrap_err();
        assert_eq!(error.name(), ErrorName::ServiceUnavailable);
    }

    #[tokio::test]
    async fn a_read_tells_what_it_has_not_come_to() {
        let body = r#"{"Responses":{"tokens":[{"pk":{"S":"key#index"},"key":{"S":"index"},"wrapped":{"B":"AQ=="}},
            {"pk":{"S":"value#x"},"token":{"S":"no token"}}]},
            "UnprocessedKeys":{"tokens":{"Keys":[{"pk":{"S":"token#a"}},{"pk":{"S":"token#b"}}]}}}"#;
        let (table, asked) = answering(200, body);
        let read = table.read(&["key#index".to_owned(), "token#a".to_owned()]).await.unwrap();
        assert_eq!(read.left, ["token#a", "token#b"]);
        let key = WrappedKey { key: "index".to_owned(), wrapped: vec![1] };
        assert_eq!(read.items[0].body, Body::Key(key));
        assert_eq!(read.items[1].body, Body::Unreadable);
        assert!(asked.lock().unwrap().concat().contains(r#""ConsistentRead":true"#));
    }

    #[tokio::test]
    async fn a_condition_that_does_not_hold_is_no_error() {
        let (table, asked) = answering(400, r#"{"__type":"ConditionalCheckFailedException"}"#);
        let token = Token::new(&[1; 16], Shape::Plain);
        assert!(!table.delete("value#x", Some(token)).await.unwrap());
        assert!(!table.delete("token#x", None).await.unwrap());
        assert!(!table.replace(&pointer(1), "old").await.unwrap());
        let asked = asked.lock().unwrap();
        assert!(asked[0].contains("#token = :token") && asked[0].contains(&*token.text()), "{}", asked[0]);
        assert!(asked[2].contains("#key = :held") && asked[2].contains("old"), "{}", asked[2]);
    }
}
