use arrow::{
    array::{Int64Array, RecordBatch, StringArray},
    datatypes::{DataType, Field as ArrowField, Schema},
};
use cleanzone_columnar::{Compression, Settings, Writer};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::*;

fn at(key: &str) -> Location {
    Location::new("lake", key)
}

fn copy_of(key: &str, columns: &Value) -> Value {
    json!({"action": "resolve", "purpose": "fraud", "object": {"bucket": "lake", "key": key}, "columns": columns})
}

impl World {
    /// What the answer says that the copy is.
    fn result(&self, answer: &Value) -> String {
        let (bucket, key) = (&answer["object"]["bucket"], &answer["object"]["key"]);
        let at = Location::new(bucket.as_str().unwrap(), key.as_str().unwrap());
        String::from_utf8(self.store.content(&at).unwrap().to_vec()).unwrap()
    }

    /// Nothing but the allow-list is there, and nothing is on its way.
    fn has_no_results(&self) {
        assert_eq!((self.store.keys("pii").len(), self.store.pending_uploads()), (1, 0));
    }
}

#[tokio::test]
async fn values_of_a_file_come_back() {
    let world = World::new();
    let (jane, joe) = (world.token("crm", "email", SENTINEL).await, world.token("crm", "email", "joe; jr@x.org").await);
    let (phone, foreign) = (world.token("crm", "phone", "+49301").await, world.token("shop", "email", "a@b.c").await);
    let text = format!(
        "id;email;phone;note\r\n1;{jane};{phone};{jane}\r\n2;{joe};;x\r\n3;;;\"y\"\r\n4;{foreign};;\r\n5;ann@x.org;;\r\n\
         6;{jane};;\r\n"
    );
    world.store.insert(&at("crm/users/1.csv"), text);
    let answer = world.call(copy_of("crm/users/1.csv", &json!(["phone", "email"]))).await.unwrap();
    assert_eq!(answer["object"], json!({"bucket": "pii", "key": "_detokenized/r1/crm/users/1.csv"}));
    assert_eq!(
        world.result(&answer),
        format!(
            "id;email;phone;note\r\n1;{SENTINEL};{phone};{jane}\r\n2;\"joe; jr@x.org\";;x\r\n3;;;\"y\"\r\n4;{foreign};;\r\n\
             5;ann@x.org;;\r\n6;{SENTINEL};;\r\n"
        )
    );
    assert_eq!(world.outcomes(), ["begun", "publishing", "answered"]);
    let (begun, last) = (world.records().remove(0), world.last());
    assert_eq!(begun["object"]["source"], "s3://lake/crm/users/1.csv");
    assert_eq!(last["object"]["columns"], json!(["phone", "email"]));
    assert_eq!(last["object"]["result"], "s3://pii/_detokenized/r1/crm/users/1.csv");
    let counts = &last["counts"];
    assert_eq!(counts, &answer["counts"]);
    let told = ["asked", "allowed", "denied", "rows"].map(|name| counts[name].as_u64().unwrap());
    assert_eq!((told, &counts["fields"]), ([5, 3, 2, 6], &json!({"crm/email": 3})));
    assert_eq!(world.store.pending_uploads(), 0);
    world.tells_nothing(&["sentinel", "joe", &jane]);
}

#[tokio::test]
async fn what_a_method_encrypted_in_a_file_comes_back() {
    let world = World::new();
    let sealed = world.made(pii::Method::Encrypt(Mode::Randomized), "crm", "email", SENTINEL).await;
    let formed = world.made(pii::Method::Fpe(Alphabet::digits()), "crm", "email", "0171-1234567").await;
    let foreign = world.made(pii::Method::Encrypt(Mode::Randomized), "crm", "phone", SENTINEL).await;
    let token = world.token("crm", "email", "joe@x.org").await;
    let text = format!("id,mail,phone\n1,{sealed},{formed}\n2,{token},{token}\n3,{foreign},#####\n4,,\n");
    world.store.insert(&at("crm/1.csv"), text);
    let columns = json!([
        {"name": "mail", "scope": "crm", "type": "email"},
        {"name": "phone", "scope": "crm", "type": "email", "alphabet": "digits"},
    ]);
    let answer = world.call(copy_of("crm/1.csv", &columns)).await.unwrap();
    let expected = format!("id,mail,phone\n1,{SENTINEL},0171-1234567\n2,joe@x.org,joe@x.org\n3,{foreign},#####\n4,,\n");
    assert_eq!(world.result(&answer), expected);
    assert_eq!((&answer["counts"]["allowed"], &answer["counts"]["tampered"]), (&json!(4), &json!(1)));
    // Without its field, what is encrypted stays.
    let answer = world.call(copy_of("crm/1.csv", &json!(["mail"]))).await.unwrap();
    assert!(world.result(&answer).contains(&sealed));
    let denied = json!([{"name": "mail", "scope": "crm", "type": "phone"}]);
    assert_eq!(world.call(copy_of("crm/1.csv", &denied)).await.unwrap_err().name, ErrorName::AccessDenied);
}

#[tokio::test]
async fn only_objects_on_the_list_are_read() {
    let world = World::new();
    for (bucket, key) in [("lake", "shop/1.csv"), ("audit", "crm/1.csv"), ("pii", "crm/1.csv")] {
        let mut request = copy_of(key, &json!(["email"]));
        request["object"]["bucket"] = json!(bucket);
        assert_eq!(world.call(request).await.unwrap_err().name, ErrorName::AccessDenied, "{bucket}/{key}");
    }
    // Not even if the list names it: originals lie there.
    world.store.insert(&world.function.allow_list, LIST.replace("s3://lake/", "s3://pii/"));
    let mut request = copy_of("crm/1.csv", &json!(["email"]));
    request["object"]["bucket"] = json!("pii");
    assert_eq!(world.call(request).await.unwrap_err().name, ErrorName::AccessDenied);
    assert_eq!(world.store.calls(Call::Open), 4);
    world.has_no_results();
}

#[tokio::test]
async fn more_rows_than_allowed_never_become_visible() {
    let world = World::new();
    let token = world.token("crm", "email", SENTINEL).await;
    let text = |rows: usize| format!("id,email\n{}", format!("1,{token}\n").repeat(rows));
    world.store.insert(&at("crm/1.csv"), text(51));
    assert_eq!(world.call(copy_of("crm/1.csv", &json!(["email"]))).await.unwrap_err().name, ErrorName::LimitExceeded);
    assert_eq!(world.outcomes(), ["begun", "denied"]);
    world.has_no_results();

    // Another entry allows more rows, but not with this type.
    let second = LIST.replace("max_rows = 50", "max_rows = 500").replace("\"email\"", "\"name\"");
    world.store.insert(&world.function.allow_list, format!("{LIST}{second}"));
    assert_eq!(world.call(copy_of("crm/1.csv", &json!(["email"]))).await.unwrap_err().name, ErrorName::LimitExceeded);
    world.has_no_results();
    assert!(world.call(copy_of("crm/1.csv", &json!(["id"]))).await.is_ok());
    world.store.insert(&at("crm/1.csv"), text(50));
    assert!(world.call(copy_of("crm/1.csv", &json!(["email"]))).await.is_ok());
}

#[tokio::test]
async fn a_copy_that_cannot_be_recorded_never_becomes_visible() {
    let world = World::new();
    let token = world.token("crm", "email", SENTINEL).await;
    world.store.insert(&at("crm/1.csv"), format!("id,email\n1,{token}\n"));
    world.store.inject(Call::Put, StorageFault::Pass);
    world.store.inject(Call::Put, StorageFault::Before(StorageError::NoBucket("audit".to_owned())));
    let failure = world.call(copy_of("crm/1.csv", &json!(["email"]))).await.unwrap_err();
    assert!(failure.message.starts_with("the audit record could not be written"), "{failure}");
    assert_eq!(world.outcomes(), ["begun", "failed"]);
    world.has_no_results();
}

#[tokio::test]
async fn what_fails_on_the_way_leaves_nothing_behind() {
    let world = World::new();
    let token = world.token("crm", "email", SENTINEL).await;
    world.store.insert(&at("crm/1.csv"), format!("id,email,email\n1,{token},\n"));
    world.store.insert(&at("crm/2.csv"), format!("id,email\n1,{token}\n"));
    world.store.insert(&at("crm/3.csv"), parquet(&[Some(&token)], Compression::None));
    world.store.insert(&at("crm/4.parquet"), "id,email\n");
    for (key, column, name) in [
        ("crm/0.csv", "email", ErrorName::SourceNotFound),
        ("crm/1.csv", "email", ErrorName::SchemaConflict),
        ("crm/2.csv", "sentinel", ErrorName::SchemaConflict),
        ("crm/3.csv", "email", ErrorName::InvalidFileFormat),
        ("crm/4.parquet", "email", ErrorName::InvalidFileFormat),
    ] {
        let failure = world.call(copy_of(key, &json!([column]))).await.unwrap_err();
        assert_eq!(failure.name, name, "{key}: {failure}");
        assert!(!failure.message.contains("sentinel"), "{failure}");
        world.has_no_results();
    }
    world.vault.trouble(VaultCall::Read, Trouble::Fails(ErrorName::AccessDenied));
    let failure = world.call(copy_of("crm/2.csv", &json!(["email"]))).await.unwrap_err();
    assert_eq!(failure.name, ErrorName::AccessDenied);
    let full = || StorageFault::Before(StorageError::NoBucket("pii".to_owned()));
    // What cannot be finished, the store itself has to free.
    for call in [Call::Upload, Call::Write, Call::Publish] {
        world.store.inject(call, full());
        let failure = world.call(copy_of("crm/2.csv", &json!(["email"]))).await.unwrap_err();
        assert_eq!(failure.name, ErrorName::ResourceNotFound, "{call:?}");
        world.has_no_results();
    }
    assert_eq!((world.count("begun"), world.count("failed")), (9, 9));
}

#[tokio::test]
async fn many_tokens_stream_through_in_bounded_memory() {
    let world = World::new();
    let field = Field::new("crm", "email").unwrap();
    let values: Vec<String> = (0..3_000).map(|i| format!("{i}@example.com")).collect();
    let tokens = world.vault.tokenize(&field, &values.iter().map(AsRef::as_ref).collect::<Vec<_>>()).await.unwrap();
    let lines = |of: &mut dyn Iterator<Item = String>| format!("email,id\n{}", of.collect::<String>());
    let text = lines(&mut tokens.iter().chain(&tokens[..9]).map(|token| format!("{token},x\n")));
    world.store.insert(&at("crm/1.csv"), text);
    world.store.insert(&world.function.allow_list, LIST.replace("max_rows = 50", "max_rows = 1_000_000"));
    let answer = world.call(copy_of("crm/1.csv", &json!(["email"]))).await.unwrap();
    assert_eq!(answer["counts"]["allowed"], 3_009);
    assert!(world.result(&answer) == lines(&mut values.iter().chain(&values[..9]).map(|value| format!("{value},x\n"))));
}

fn parquet(emails: &[Option<&str>], compression: Compression) -> Vec<u8> {
    let fields = vec![ArrowField::new("id", DataType::Int64, true), ArrowField::new("email", DataType::Utf8, true)];
    let schema = Arc::new(Schema::new(fields));
    let metadata = vec![("cleanzone.source".to_owned(), "s3://landing/a.csv".to_owned())];
    let settings = Settings { compression, row_group_bytes: 1 << 20, threads: 1, metadata };
    let mut writer = Writer::new(Vec::new(), schema.clone(), &settings).unwrap();
    let ids: Int64Array = (0..).take(emails.len()).map(Some).collect();
    let emails: StringArray = emails.iter().collect();
    writer.write(&RecordBatch::try_new(schema, vec![Arc::new(ids), Arc::new(emails)]).unwrap()).unwrap();
    writer.finish().unwrap().0
}

#[tokio::test]
async fn values_of_a_parquet_file_come_back() {
    let world = World::new();
    let (token, foreign) = (world.token("crm", "email", SENTINEL).await, world.token("shop", "email", "a@b.c").await);
    for compression in [Compression::Snappy, Compression::Zstd(3), Compression::None] {
        let file = parquet(&[Some(&token), None, Some(&foreign), Some(""), Some(&token)], compression);
        world.store.insert(&at("crm/users/1.parquet"), file.clone());
        let answer = world.call(copy_of("crm/users/1.parquet", &json!(["email"]))).await.unwrap();
        let key = answer["object"]["key"].as_str().unwrap();
        let copy = world.store.content(&Location::new("pii", key)).unwrap();
        // It is the file that the lake would have made of the values.
        let expected = parquet(&[Some(SENTINEL), None, Some(&foreign), Some(""), Some(SENTINEL)], compression);
        let read = |bytes| {
            let builder = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap();
            let metadata = builder.metadata().file_metadata().key_value_metadata().cloned();
            let compression = builder.metadata().row_group(0).column(1).compression();
            (builder.build().unwrap().map(Result::unwrap).collect::<Vec<_>>(), metadata, compression)
        };
        assert_eq!(read(copy), read(expected.into()));
        let counts = &answer["counts"];
        assert_eq!((&counts["allowed"], &counts["denied"], &counts["rows"]), (&json!(2), &json!(1), &json!(5)));
    }
    let failure = world.call(copy_of("crm/users/1.parquet", &json!(["id"]))).await.unwrap_err();
    assert_eq!(failure.name, ErrorName::SchemaConflict);
    world.store.insert(&at("crm/users/2.parquet"), parquet(&[Some(&*token); 51], Compression::Snappy));
    let failure = world.call(copy_of("crm/users/2.parquet", &json!(["email"]))).await.unwrap_err();
    assert_eq!((failure.name, world.store.pending_uploads()), (ErrorName::LimitExceeded, 0));
}
