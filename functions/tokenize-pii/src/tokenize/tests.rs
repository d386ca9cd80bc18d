use std::{collections::BTreeSet, time::Duration};

use cleanzone_error::{ErrorName, Fault as _, chain};
use cleanzone_lake::is_deidentified;
use cleanzone_storage::{Call, Error as StorageError, Fault, MemoryStore};
use cleanzone_vault::{Call as VaultCall, MemoryVault, Trouble, is_token};

use super::*;

const USERS: &str = "user_id,email,phone,city\n1,ann@sentinel.example,+49 30 1234567,Berlin\n\
                     2,bo@sentinel.example,,Bonn\n3,,\"\",Köln\n4,Ann@SENTINEL.example,+49301234567,\n\
                     5,ann@sentinel.example,n/a,Ulm\n";
const RULES: &str = r#"
[[dataset]]
match = "crm/users/**"
pii.scope = "crm"
[dataset.columns]
email.pii = { method = "token", type = "email" }
phone.pii = { method = "token", type = "phone" }
"#;

struct World {
    store: MemoryStore,
    vault: Arc<MemoryVault>,
    tokenizer: Tokenizer,
}

impl World {
    fn new(rules: &str) -> Self {
        let (store, vault) = (MemoryStore::new(["pii", "landing"]).versioned(), Arc::new(MemoryVault::new()));
        store.insert(&Location::new("pii", "_cleanzone/lake.toml"), rules.to_owned());
        let shared: Arc<dyn ObjectStore> = Arc::new(store.clone());
        let rulebook = Rulebook::new("s3://pii/_cleanzone/lake.toml", shared.clone(), None, false).unwrap();
        let (lake, settings) = ("landing".to_owned(), Settings::default());
        let tokenizer = Tokenizer { store: shared, vault: vault.clone(), rulebook, lake, settings };
        Self { store, vault, tokenizer }
    }

    fn upload(&self, key: &str, content: impl Into<Vec<u8>>) -> ObjectCreated {
        let at = Location::new("pii", key);
        let meta = self.store.insert(&at, content.into());
        let (version_id, etag) = (meta.version, Some(meta.etag));
        ObjectCreated { bucket: at.bucket, key: at.key, version_id, etag, ..ObjectCreated::default() }
    }

    async fn run(&self, object: &ObjectCreated) -> Result<Report, Error> {
        self.tokenizer.run(object, Instant::now() + Duration::from_mins(5)).await
    }

    async fn copy_of(&self, key: &str, content: &str) -> Vec<Vec<String>> {
        self.run(&self.upload(key, content)).await.unwrap();
        records(&self.arrived(key).unwrap())
    }

    fn arrived(&self, key: &str) -> Option<String> {
        let bytes = self.store.content(&Location::new("landing", key))?;
        Some(String::from_utf8(bytes.to_vec()).unwrap())
    }

    /// Nothing went on, and nothing is left behind.
    fn nothing_arrived(&self) {
        assert_eq!(self.store.keys("landing"), Vec::<String>::new());
        assert_eq!(self.store.pending_uploads(), 0);
        assert!(!self.store.keys("pii").iter().any(|key| key.starts_with(rejected::FOLDER)));
    }
}

fn records(text: &str) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect()
}

fn column(records: &[Vec<String>], at: usize) -> Vec<&str> {
    records.iter().map(|record| record[at].as_str()).collect()
}

/// An error that nobody learns a value from.
fn silent(error: &Error) -> ErrorName {
    assert!(!chain(error).contains("sentinel"), "{error}");
    error.name()
}

#[tokio::test]
async fn what_is_personal_becomes_tokens_and_all_else_stays() {
    let world = World::new(RULES);
    let report = world.run(&world.upload("crm/users/a.csv", USERS)).await.unwrap();
    let text = world.arrived("crm/users/a.csv").unwrap();
    assert!(!text.contains("sentinel") && !text.contains("1234"), "{text}");
    let rows = records(&text);
    assert_eq!(column(&rows, 0), ["1", "2", "3", "4", "5"]);
    assert_eq!(column(&rows, 3), ["Berlin", "Bonn", "Köln", "", "Ulm"]);
    let (emails, phones) = (column(&rows, 1), column(&rows, 2));
    assert!(is_token(emails[0]) && is_token(emails[1]) && emails[0] != emails[1]);
    assert_eq!(emails[4], emails[0]);
    assert_ne!(emails[3], emails[0], "the local part of an address may tell cases apart");
    assert_eq!((emails[2], phones[1], phones[2]), ("", "", ""));
    assert_eq!(phones[3], phones[0], "another spelling of the same number");
    assert!(text.starts_with("user_id,email,phone,city\n"));
    assert!(text.contains("\n3,,\"\",Köln\n"), "null stays null, and empty stays empty: {text}");

    assert_eq!((report.status, report.records, report.rows, report.rejected), (Status::Tokenized, 5, 5, 0));
    let told = serde_json::to_value(&report.columns).unwrap();
    assert_eq!(told[0], serde_json::json!({"name": "email", "type": "email", "method": "token", "values": 4}));
    assert_eq!(told[1]["values"], 3);
    assert!(!serde_json::to_string(&report).unwrap().contains("sentinel"));
    let copy = world.store.head(&Location::new("landing", "crm/users/a.csv")).await.unwrap().unwrap();
    assert!(is_deidentified(&copy));
    assert_eq!(copy.metadata.get(cleanzone_lake::ORIGIN), report.version.as_ref());
    assert_eq!(world.store.pending_uploads(), 0);
}

#[tokio::test]
async fn files_join_on_tokens_and_a_second_one_writes_nothing_into_the_vault() {
    let world = World::new(RULES);
    let first = world.copy_of("crm/users/a.csv", USERS).await;
    let written = world.vault.calls(VaultCall::Insert);
    let second = world.copy_of("crm/users/b.csv", "phone;mail;email\n+49-30/1234567;x;ann@sentinel.example\n").await;
    assert_eq!(second[0][0].split(';').collect::<Vec<_>>(), [&first[0][2], "x", &first[0][1]]);
    assert_eq!(world.vault.calls(VaultCall::Insert), written);
    // Tokens that come again, such as from an export of the lake, are not tokenized.
    let again = format!("email,phone\n{},{}\n", first[0][1], first[0][2]);
    assert_eq!(world.copy_of("crm/users/c.csv", &again).await[0], first[0][1..3]);
}

#[tokio::test]
async fn the_same_version_is_sent_on_once() {
    let world = World::new(RULES);
    let object = world.upload("crm/users/a.csv", USERS);
    world.run(&object).await.unwrap();
    let before = world.store.head(&Location::new("landing", "crm/users/a.csv")).await.unwrap();
    assert_eq!(world.run(&object).await.unwrap().status, Status::Unchanged);
    assert_eq!(world.store.head(&Location::new("landing", "crm/users/a.csv")).await.unwrap(), before);
    assert_eq!(world.store.calls(Call::Publish), 1);
}

#[tokio::test]
async fn every_method_leaves_its_mark() {
    let world = World::new(
        r#"
[[dataset]]
match = "**"
[dataset.columns]
email.pii = { method = "token", type = "email", shape = true }
ssn.pii = "hash"
iban.pii = "encrypt"
note.pii = { method = "encrypt", mode = "randomized" }
member.pii = "fpe"
card.pii = "mask"
name.pii = "redact"
salary.pii = { method = "shuffle", window = 2 }
born.pii = { method = "generalize", to = "year" }
zip.pii = { method = "generalize", to = { prefix = 3 } }
secret.pii = "drop"
"#,
    );
    let row = "a@sentinel.example,078-05-1120,sentinel-iban,sentinel-note,1234567,4111111111111111,sentinel,";
    let text = format!(
        "email,ssn,iban,note,member,card,name,salary,born,zip,secret\n{row}10,1980-05-17,12345,s1\n{row}20,1990-01-02,,s2\n"
    );
    let rows = world.copy_of("a/b/c.csv", &text).await;
    assert!(!world.arrived("a/b/c.csv").unwrap().contains("sentinel"));
    let [first, second] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!(first.len(), 10, "the last column is gone");
    assert!(is_token(&first[0]) && first[0].ends_with("@token.invalid"));
    assert!(first[1].starts_with("hash1_") && first[1] == second[1]);
    assert_eq!(first[2], second[2]);
    assert_ne!(first[3], second[3]);
    assert!(first[4].len() == 7 && first[4] != "1234567" && first[4] == second[4]);
    assert_eq!(first[5], "************1111");
    assert_eq!(first[6], "#####");
    let salaries: BTreeSet<_> = column(&rows, 7).into_iter().collect();
    assert_eq!(salaries, BTreeSet::from(["10", "20"]));
    assert_eq!(column(&rows, 8), ["1980-01-01", "1990-01-01"]);
    assert_eq!(column(&rows, 9), ["123**", ""]);

    // The same version makes the same bytes.
    let object = world.upload("a/b/d.csv", text);
    world.run(&object).await.unwrap();
    let bytes = world.arrived("a/b/d.csv");
    world.store.remove(&Location::new("landing", "a/b/d.csv"));
    world.run(&object).await.unwrap();
    assert_eq!(world.arrived("a/b/d.csv"), bytes);
}

#[tokio::test]
async fn a_single_value_that_cannot_change_places_is_redacted() {
    let world = World::new("[[dataset]]\nmatch = \"**\"\n[dataset.columns]\nname.pii = \"shuffle\"\n");
    assert_eq!(world.copy_of("a/b/c.csv", "id,name\n1,sentinel\n2,\n").await, [["1", "#####"], ["2", ""]]);
}

#[tokio::test]
async fn a_file_without_a_declared_column_stays() {
    let world = World::new(RULES);
    let error = world.run(&world.upload("crm/users/a.csv", "id,mail\n1,ann@sentinel.example\n")).await.unwrap_err();
    assert_eq!(silent(&error), ErrorName::SchemaConflict);
    assert!(error.to_string().contains("email, phone"), "{error}");
    world.nothing_arrived();
}

#[tokio::test]
async fn a_file_of_which_no_rule_says_what_is_personal_stays() {
    let world = World::new(RULES);
    let error = world.run(&world.upload("shop/orders/a.csv", USERS)).await.unwrap_err();
    assert_eq!(silent(&error), ErrorName::PiiNotTokenized);
    world.nothing_arrived();
    let mut here = world.upload("crm/users/a.csv", USERS);
    here.bucket = "landing".to_owned();
    assert_eq!(world.run(&here).await.unwrap_err().name(), ErrorName::RecursiveOutput);
}

#[tokio::test]
async fn a_value_that_a_method_does_not_take_stops_the_file() {
    let world = World::new("[[dataset]]\nmatch = \"**\"\n[dataset.columns]\npin.pii = \"fpe\"\n");
    let error = world.run(&world.upload("a/b/c.csv", "id,pin\n1,1234567\n2,123\n")).await.unwrap_err();
    assert!(!chain(&error).contains("123"), "{error}");
    assert!(!error.is_transient());
    world.nothing_arrived();
}

const RAGGED: &str = "id,email,phone\n1,ann@sentinel.example,\n2,bo@sentinel.example,sentinel,more\n3,,\n";
const LOOSE: &str = "\nmax_rejected_ratio = 1.0\n";

fn loose() -> String {
    RULES.replace("pii.scope", &format!("{LOOSE}pii.scope"))
}

#[tokio::test]
async fn rows_that_do_not_fit_stay_on_this_side() {
    let world = World::new(&loose());
    let report = world.run(&world.upload("crm/users/a.csv", RAGGED)).await.unwrap();
    assert_eq!((report.records, report.rows, report.rejected), (3, 2, 1));
    let key = report.rejected_path.as_ref().and_then(|path| path.strip_prefix("s3://pii/")).unwrap().to_owned();
    assert!(key.starts_with("_rejected/crm/users/a.csv-"), "{key}");
    let kept = world.store.content(&Location::new("pii", &key)).unwrap();
    assert!(str::from_utf8(&kept).unwrap().contains("bo@sentinel.example,sentinel,more"));
    assert_eq!(column(&records(&world.arrived("crm/users/a.csv").unwrap()), 0), ["1", "3"]);

    // Those of an earlier version go with it.
    world.run(&world.upload("crm/users/a.csv", "id,email,phone\n1,,\n")).await.unwrap();
    assert!(!world.store.keys("pii").contains(&key));
}

#[tokio::test]
async fn whatever_call_it_dies_at_another_try_ends_as_if_nothing_had_been() {
    let whole = World::new(&loose());
    let object = whole.upload("crm/users/a.csv", RAGGED);
    whole.run(&object).await.unwrap();
    let calls = whole.store.all_calls();
    assert!(calls > 6);
    for effect in [false, true] {
        for call in 0..calls {
            let world = World::new(&loose());
            let object = world.upload("crm/users/a.csv", RAGGED);
            world.store.crash_after(call, effect);
            let _ = world.run(&object).await;
            world.store.revive();
            if let Some(text) = world.arrived("crm/users/a.csv") {
                let rejected = world.store.keys("pii").iter().any(|key| key.starts_with(rejected::FOLDER));
                assert!(rejected, "the copy is there without its rejected rows: {text}");
            }
            let report = world.run(&object).await.unwrap();
            assert!(matches!(report.status, Status::Tokenized | Status::Unchanged));
            assert_eq!(column(&records(&world.arrived("crm/users/a.csv").unwrap()), 0), ["1", "3"], "{call} {effect}");
            assert_eq!(world.store.keys("pii").len(), 3, "{call} {effect}");
        }
    }
}

fn sequenced(object: ObjectCreated, sequencer: &str) -> ObjectCreated {
    ObjectCreated { sequencer: Some(sequencer.parse().unwrap()), ..object }
}

#[tokio::test]
async fn an_older_version_that_comes_late_is_passed_over() {
    let world = World::new(&loose());
    let first = sequenced(world.upload("crm/users/a.csv", RAGGED), "0A");
    let second = sequenced(world.upload("crm/users/a.csv", "id,email,phone\n7,,\n"), "0B");
    assert_eq!(world.run(&second).await.unwrap().status, Status::Tokenized);
    assert_eq!(world.run(&first).await.unwrap().status, Status::Superseded);
    assert_eq!(column(&records(&world.arrived("crm/users/a.csv").unwrap()), 0), ["7"]);

    // Also where the newer one arrives while the older one is being made.
    let world = World::new(&loose());
    let first = sequenced(world.upload("crm/users/a.csv", RAGGED), "0A");
    let copy = Version::new(
        &sequenced(first.clone(), "0B"),
        &world.store.insert(&Location::new("x", "y"), ""),
        "s".into(),
        false,
    );
    let at = Location::new("landing", "crm/users/a.csv");
    let newer = move |store: &MemoryStore| {
        let options = WriteOptions { content_type: None, metadata: copy.metadata() };
        let put = store.put(&at, "newer".into(), &Precondition::None, &options);
        futures_util::FutureExt::now_or_never(put).unwrap().unwrap();
    };
    world.store.inject(Call::Finish, Fault::Meanwhile(Box::new(newer)));
    assert_eq!(world.run(&first).await.unwrap().status, Status::Superseded);
    assert_eq!(world.arrived("crm/users/a.csv").unwrap(), "newer");
    assert_eq!(world.store.pending_uploads(), 0);
    assert!(!world.store.keys("pii").iter().any(|key| key.starts_with(rejected::FOLDER)));
}

#[tokio::test]
async fn where_every_version_adds_rows_each_of_them_goes_on() {
    let world = World::new(&loose().replace("max_rejected", "mode = \"append\"\nmax_rejected"));
    let first = sequenced(world.upload("crm/users/a.csv", "id,email,phone\n1,,\n"), "0A");
    let second = sequenced(world.upload("crm/users/a.csv", "id,email,phone\n2,,\n"), "0B");
    for object in [second, first] {
        assert_eq!(world.run(&object).await.unwrap().status, Status::Tokenized);
    }
    assert_eq!(column(&records(&world.arrived("crm/users/a.csv").unwrap()), 0), ["1"]);
}

fn detecting(pii: &str) -> String {
    format!(
        "[[dataset]]\nmatch = \"**\"\npii = {{ scope = \"crm\", {pii} }}\n[dataset.columns]\nname.pii = \"redact\"\n"
    )
}

/// People whose address stands in a column with a name that says nothing, from the row `from` on.
fn people(rows: usize, from: usize) -> String {
    let row = |i: usize| match i {
        _ if i < from => format!("{i},sentinel,\n"),
        _ => format!("{i},sentinel,person{i}@sentinel.example\n"),
    };
    "id,name,field_1\n".to_owned() + &(0..rows).map(row).collect::<String>()
}

#[tokio::test]
async fn what_looks_personal_is_reported_or_stops_the_file_or_becomes_a_token() {
    let text = people(100, 0);
    let world = World::new(&detecting("detect = \"report\""));
    let report = world.run(&world.upload("a/b/c.csv", text.as_str())).await.unwrap();
    let told = serde_json::to_value(&report.findings).unwrap();
    assert_eq!(
        (&told[0]["column"], &told[0]["kind"], told.as_array().unwrap().len()),
        (&"field_1".into(), &"email".into(), 1)
    );
    assert!(!serde_json::to_string(&report).unwrap().contains("sentinel"));
    assert!(world.arrived("a/b/c.csv").unwrap().contains("person7@"), "it is only told");

    for rows in ["", ", sample_rows = 50"] {
        let world = World::new(&detecting(&format!("detect = \"fail\"{rows}")));
        let error = world.run(&world.upload("a/b/c.csv", text.as_str())).await.unwrap_err();
        assert_eq!(silent(&error), ErrorName::PiiNotTokenized);
        assert!(error.to_string().contains("field_1 (email)"), "{error}");
        world.nothing_arrived();

        let world = World::new(&detecting(&format!("detect = \"token\"{rows}")));
        let rows = world.copy_of("a/b/c.csv", &text).await;
        assert!(column(&rows, 2).into_iter().all(is_token));
    }
    let world = World::new(&detecting("detect = \"off\""));
    assert!(world.run(&world.upload("a/b/c.csv", text.as_str())).await.unwrap().findings.is_empty());
}

#[tokio::test]
async fn what_the_first_rows_do_not_show_becomes_tokens_all_the_same() {
    // So many rows that several blocks come before it; values in a third of the rows are all of this column's values.
    let text = people(90_000, 60_000);
    let world = World::new(&detecting("detect = \"token\""));
    let rows = world.copy_of("a/b/c.csv", &text).await;
    assert_eq!(rows.len(), 90_000);
    assert!(column(&rows, 2).into_iter().all(|value| value.is_empty() || is_token(value)));
    assert_eq!(world.store.pending_uploads(), 0);
    assert_eq!(world.store.calls(Call::Publish), 1);
}

#[tokio::test]
async fn trouble_with_the_vault_leaves_no_second_token_and_sends_nothing_on() {
    for trouble in [Trouble::Fails(ErrorName::AccessDenied), Trouble::FailsAfter(ErrorName::AccessDenied)] {
        let world = World::new(RULES);
        world.vault.trouble(VaultCall::Insert, Trouble::Partly(1));
        world.vault.trouble(VaultCall::Insert, trouble);
        let object = world.upload("crm/users/a.csv", USERS);
        let error = world.run(&object).await.unwrap_err();
        assert_eq!(silent(&error), ErrorName::AccessDenied);
        world.nothing_arrived();
        world.run(&object).await.unwrap();
        let entries = world.vault.items().into_iter().filter(|item| item.starts_with("value#")).count();
        assert_eq!(entries, 5, "three addresses and two numbers");
    }
}

#[tokio::test]
async fn a_vault_that_is_too_slow_is_tried_again() {
    let world = World::new(RULES);
    world.vault.slow_down(Duration::from_mins(10));
    let object = world.upload("crm/users/a.csv", USERS);
    let error = world.tokenizer.run(&object, Instant::now() + Duration::from_millis(200)).await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    assert_eq!(silent(&error), ErrorName::ServiceUnavailable);
    world.nothing_arrived();
}

#[tokio::test]
async fn a_failure_to_publish_leaves_nothing_behind() {
    let world = World::new(&loose());
    world.store.inject(Call::Publish, Fault::Pass);
    world.store.inject(Call::Publish, Fault::Before(StorageError::NoBucket("landing".into())));
    let object = world.upload("crm/users/a.csv", RAGGED);
    assert!(world.run(&object).await.is_err());
    assert_eq!(world.store.keys("landing"), Vec::<String>::new());
    assert_eq!(world.store.pending_uploads(), 0);
    assert_eq!(world.run(&object).await.unwrap().status, Status::Tokenized);
}
