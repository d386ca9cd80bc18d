use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use cleanzone_error::ErrorName;
use cleanzone_pii::{self as pii, Alphabet, Mode, Place, Prepared};
use cleanzone_storage::{Call, Error as StorageError, Fault as StorageFault, MemoryStore};
use cleanzone_vault::{Call as VaultCall, MemoryVault, Trouble};
use tokio::time::Duration;

use super::*;
use crate::{proof::Claim, sts::Caller};

mod objects;

const SENTINEL: &str = "sentinel@example.com";
const SESSION: &str = "arn:aws:sts::123456789012:assumed-role/fraud-desk/jane";
const ROLE: &str = "arn:aws:iam::123456789012:role/fraud-desk";
const LIST: &str = r#"
[[allow]]
role = "arn:aws:iam::123456789012:role/fraud-*"
purpose = ["fraud"]
scope = "crm"
types = ["email"]
actions = ["resolve", "forget", "rotate"]
max_tokens = 5
objects = ["s3://lake/crm/*"]
max_rows = 50
"#;

/// Believes whoever says `proof`, each time, or `once`, which is one proof.
#[derive(Debug, Default)]
struct Believer(AtomicU64);

#[async_trait]
impl Identity for Believer {
    async fn of(&self, proof: &str, _: &str) -> Result<Caller, Error> {
        let id = match proof {
            "proof" => format!("{:032x}", self.0.fetch_add(1, Ordering::Relaxed)),
            "once" => "f".repeat(32),
            _ => return Err(Error::Proof("there is none")),
        };
        // A proof always tells the same time.
        let made = if proof == "once" { std::time::UNIX_EPOCH } else { std::time::SystemTime::now() };
        let claim = Claim { made, id };
        Ok(Caller { arn: SESSION.to_owned(), principal: ROLE.to_owned(), claim })
    }
}

struct World {
    store: MemoryStore,
    vault: Arc<MemoryVault>,
    function: DetokenizePii,
    calls: AtomicU64,
}

impl World {
    fn new() -> Self {
        let (store, vault) = (MemoryStore::new(["pii", "audit", "lake"]), Arc::new(MemoryVault::new()));
        let allow_list = Location::new("pii", "_cleanzone/access.toml");
        store.insert(&allow_list, LIST);
        let shared: Arc<dyn ObjectStore> = Arc::new(store.clone());
        let function = DetokenizePii {
            vault: vault.clone(),
            store: shared.clone(),
            allow_list,
            results: "pii".to_owned(),
            identity: Box::new(Believer::default()),
            audit: Audit::new(shared, "audit".to_owned()),
        };
        Self { store, vault, function, calls: AtomicU64::new(1) }
    }

    async fn token(&self, scope: &str, kind: &str, value: &str) -> String {
        let tokens = self.vault.tokenize(&Field::new(scope, kind).unwrap(), &[value]).await.unwrap();
        tokens[0].text().to_string()
    }

    /// What a method of this field makes of a value.
    async fn made(&self, method: pii::Method, scope: &str, kind: &str, value: &str) -> String {
        let key = self.vault.method_key().await.unwrap();
        let key = Key::new(&key.id, key.secret).unwrap();
        let field = pii::Field::new("c", scope, kind).unwrap();
        let prepared = method.prepare(&field, Some(&key), Place { object: "o", column: 0 }).unwrap();
        let Prepared::Values(mut replacer) = prepared else { panic!("it is no method for values") };
        let mut out = String::new();
        replacer.apply(value, 0, &mut out).unwrap();
        out
    }

    async fn event(&self, payload: Value, deadline: Duration) -> Reply {
        let (deadline, end) = (Instant::now() + deadline, Instant::now() + Duration::from_mins(2));
        let request_id = format!("r{}", self.calls.fetch_add(1, Ordering::Relaxed));
        self.function.handle(Invocation { payload, deadline, end, request_id }).await
    }

    async fn call(&self, request: Value) -> Reply {
        self.event(json!({"request": request.to_string(), "proof": "proof"}), Duration::from_mins(1)).await
    }

    /// The records, in the order of their keys.
    fn records(&self) -> Vec<Value> {
        let keys = self.store.keys("audit");
        let content = |key: &String| self.store.content(&Location::new("audit", key)).unwrap();
        keys.iter().map(|key| serde_json::from_slice(&content(key)).unwrap()).collect()
    }

    /// How the calls ended, in the order of their beginning.
    fn outcomes(&self) -> Vec<String> {
        self.records().iter().map(|record| record["outcome"].as_str().unwrap().to_owned()).collect()
    }

    fn count(&self, outcome: &str) -> usize {
        self.outcomes().iter().filter(|found| *found == outcome).count()
    }

    fn last(&self) -> Value {
        self.records().pop().unwrap()
    }

    fn tells_nothing(&self, secrets: &[&str]) {
        let told = self.records().iter().map(ToString::to_string).collect::<String>();
        for secret in secrets {
            assert!(!told.contains(secret), "{secret}: {told}");
        }
    }
}

fn resolve(tokens: &[&str]) -> Value {
    json!({"action": "resolve", "purpose": "fraud", "tokens": tokens})
}

fn forget(tokens: &[&str]) -> Value {
    json!({"action": "forget", "purpose": "fraud", "tokens": tokens})
}

fn values(action: &str, kind: &str, values: &[&str]) -> Value {
    json!({"action": action, "purpose": "fraud", "values": values, "scope": "crm", "type": kind})
}

#[tokio::test]
async fn only_what_the_list_names_comes_back() {
    let world = World::new();
    let allowed = world.token("crm", "email", SENTINEL).await;
    let (kind, scope) =
        (world.token("crm", "phone", "+49301234567").await, world.token("shop", "email", SENTINEL).await);
    let unknown = MemoryVault::new().tokenize(&Field::new("crm", "email").unwrap(), &["x"]).await.unwrap()[0].text();
    let answer = world.call(resolve(&[&allowed, &kind, &scope, &unknown])).await.unwrap();
    assert_eq!(
        answer["results"],
        json!([
            {"token": allowed, "status": "resolved", "scope": "crm", "type": "email", "value": SENTINEL},
            {"token": kind, "status": "denied"},
            {"token": scope, "status": "denied"},
            {"token": unknown.to_string(), "status": "not_found"},
        ])
    );
    assert_eq!(world.outcomes(), ["begun", "answered"]);
    let last = world.last();
    assert_eq!((&last["caller"], &last["purpose"]), (&json!(SESSION), &json!("fraud")));
    let (asked, counts) = (&world.records()[0]["counts"]["asked"], &last["counts"]);
    assert_eq!((asked, &counts["asked"], &counts["allowed"]), (&json!(4), &json!(4), &json!(1)));
    assert_eq!((&counts["denied"], &counts["not_found"]), (&json!(2), &json!(1)));
    assert_eq!(counts["fields"], json!({"crm/email": 1}));
    world.tells_nothing(&["sentinel", &allowed, &kind]);
}

#[tokio::test]
async fn nobody_is_allowed_without_a_list_a_proof_or_a_purpose() {
    let world = World::new();
    let token = world.token("crm", "email", SENTINEL).await;
    for proof in ["forged", ""] {
        let forged = json!({"request": resolve(&[&token]).to_string(), "proof": proof});
        assert_eq!(world.event(forged, Duration::from_mins(1)).await.unwrap_err().name, ErrorName::AccessDenied);
    }
    // Who cannot be known has not begun anything.
    assert_eq!(world.outcomes(), ["denied", "denied"]);
    assert!(world.records().iter().all(|record| record["caller"].is_null()));
    let other = json!({"action": "resolve", "purpose": "marketing", "tokens": [token]});
    assert_eq!(world.call(other).await.unwrap_err().name, ErrorName::AccessDenied);
    world.store.remove(&world.function.allow_list);
    assert_eq!(world.call(resolve(&[&token])).await.unwrap_err().name, ErrorName::AccessDenied);
    assert_eq!((world.count("begun"), world.count("denied")), (2, 4));
    let last = world.last();
    assert_eq!((&last["caller"], &last["error"]), (&json!(SESSION), &json!("AccessDenied")));
    assert_eq!(last["counts"]["allowed"], 0);
}

#[tokio::test]
async fn a_proof_is_taken_once() {
    let world = World::new();
    let token = world.token("crm", "email", SENTINEL).await;
    let event = json!({"request": resolve(&[&token]).to_string(), "proof": "once"});
    assert!(world.event(event.clone(), Duration::from_mins(1)).await.is_ok());
    let again = world.event(event, Duration::from_mins(1)).await.unwrap_err();
    assert_eq!(again.name, ErrorName::AccessDenied);
    assert!(again.message.contains("used before"), "{again}");
    assert_eq!((world.count("begun"), world.count("answered"), world.count("denied")), (1, 1, 1));
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_answered() {
    let world = World::new();
    let token = world.token("crm", "email", SENTINEL).await;
    let gone = || StorageFault::Before(StorageError::NoBucket("audit".to_owned()));
    for request in [resolve(&[&token]), forget(&[&token])] {
        // The first record fails, so that nothing is done; what ends the call may be recorded.
        world.store.inject(Call::Put, gone());
        let failure = world.call(request).await.unwrap_err();
        assert!(failure.message.starts_with("the audit record could not be written"), "{failure}");
    }
    world.store.inject(Call::Put, StorageFault::Pass);
    world.store.inject(Call::Put, gone());
    let failure = world.call(resolve(&[&token])).await.unwrap_err();
    assert!(failure.message.starts_with("the audit record could not be written"), "{failure}");
    assert!(!failure.message.contains("sentinel"), "{failure}");
    assert_eq!(world.call(resolve(&[&token])).await.unwrap()["results"][0]["status"], "resolved");
}

#[tokio::test]
async fn what_is_forgotten_never_comes_back() {
    let world = World::new();
    let (first, second) = (world.token("crm", "email", SENTINEL).await, world.token("crm", "email", "b@c.de").await);
    let foreign = world.token("crm", "phone", "+49301234567").await;
    let answer = world.call(forget(&[&first, &first, &foreign])).await.unwrap();
    let statuses: Vec<_> = (0..3).map(|at| answer["results"][at]["status"].clone()).collect();
    assert_eq!(statuses, ["forgotten", "not_found", "denied"]);
    assert_eq!((&world.last()["counts"]["forgotten"], &world.last()["counts"]["denied"]), (&json!(1), &json!(1)));
    // However the domain is written, it is the same address.
    let answer = world.call(values("forget", "email", &["b@C.de ", "new"])).await.unwrap();
    assert_eq!(answer, json!({"results": [{"status": "forgotten"}, {"status": "not_found"}]}));
    let denied = world.call(values("forget", "phone", &["+49301234567"])).await.unwrap_err();
    assert_eq!((denied.name, &world.last()["counts"]["denied"]), (ErrorName::AccessDenied, &json!(1)));
    let answer = world.call(resolve(&[&first, &second])).await.unwrap();
    assert!(answer["results"].as_array().unwrap().iter().all(|result| result["status"] == "not_found"), "{answer}");
    assert_eq!((world.count("begun"), world.count("answered"), world.count("denied")), (4, 3, 1));
    world.tells_nothing(&["sentinel", "b@", "49301234567", &first]);
}

#[tokio::test]
async fn what_was_changed_in_the_table_is_said_to_be() {
    let world = World::new();
    let token = world.token("crm", "email", SENTINEL).await;
    for item in world.vault.items().iter().filter(|item| item.starts_with("value#")) {
        world.vault.flip_bit(item, "sealed", 3);
    }
    let answer = world.call(resolve(&[&token])).await.unwrap();
    assert_eq!(answer["results"][0], json!({"token": token, "status": "tampered"}));
    assert_eq!(world.last()["counts"]["tampered"], 1);
}

#[tokio::test]
async fn a_vault_that_fails_in_the_middle_is_recorded() {
    let world = World::new();
    let token = world.token("crm", "email", SENTINEL).await;
    for (call, request) in [(VaultCall::Read, resolve(&[&token])), (VaultCall::Delete, forget(&[&token]))] {
        world.vault.trouble(call, Trouble::Fails(ErrorName::AccessDenied));
        let failure = world.call(request).await.unwrap_err();
        assert_eq!(failure.name, ErrorName::AccessDenied);
        let last = world.last();
        assert_eq!((&last["outcome"], &last["error"]), (&json!("failed"), &json!("AccessDenied")));
        assert_eq!(last["counts"]["forgotten"], 0);
    }
    assert_eq!(world.count("begun"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_vault_that_does_not_answer_is_recorded() {
    let world = World::new();
    let token = world.token("crm", "email", SENTINEL).await;
    world.vault.slow_down(Duration::from_mins(1));
    let event = json!({"request": resolve(&[&token]).to_string(), "proof": "proof"});
    let failure = world.event(event, Duration::from_secs(5)).await.unwrap_err();
    assert_eq!((failure.name, world.outcomes().join(" ")), (ErrorName::ServiceUnavailable, "begun failed".to_owned()));
}

#[tokio::test]
async fn too_many_and_what_is_no_request_are_refused_and_recorded() {
    let world = World::new();
    let token = world.token("crm", "email", SENTINEL).await;
    assert_eq!(world.call(resolve(&[token.as_str(); 6])).await.unwrap_err().name, ErrorName::LimitExceeded);
    assert_eq!(world.outcomes(), ["begun", "denied"]);
    assert_eq!(world.call(json!({"sentinel": SENTINEL})).await.unwrap_err().name, ErrorName::InvalidEvent);
    let event = json!({"sentinel": SENTINEL});
    assert_eq!(world.event(event, Duration::from_mins(1)).await.unwrap_err().name, ErrorName::InvalidEvent);
    assert_eq!(world.count("failed"), 2);
    world.tells_nothing(&["sentinel"]);
}

#[tokio::test]
async fn a_broken_list_allows_nobody() {
    let world = World::new();
    let token = world.token("crm", "email", SENTINEL).await;
    world.store.insert(&world.function.allow_list, format!("{LIST}[[allow]]\nrole = \"*\"\n"));
    assert_eq!(world.call(resolve(&[&token])).await.unwrap_err().name, ErrorName::InvalidSettings);
    assert_eq!(world.outcomes(), ["begun", "failed"]);
}

#[tokio::test]
async fn an_answer_that_lambda_does_not_send_is_no_answer() {
    let world = World::new();
    // JSON writes each of them as six bytes.
    let longest = "\u{1}".repeat(64 * 1024);
    let token = world.token("crm", "email", &longest).await;
    let list = LIST.replace("max_tokens = 5", "max_tokens = 1000");
    world.store.insert(&world.function.allow_list, list);
    assert!(world.call(resolve(&[token.as_str(); 15])).await.is_ok());
    assert_eq!(world.call(resolve(&[token.as_str(); 17])).await.unwrap_err().name, ErrorName::LimitExceeded);
    assert_eq!(world.last()["outcome"], "failed");
}

#[tokio::test]
async fn a_rotated_key_leaves_old_tokens_readable() {
    let world = World::new();
    let token = world.token("crm", "email", SENTINEL).await;
    let rotate = json!({"action": "rotate", "purpose": "fraud"});
    assert!(world.call(rotate).await.unwrap()["key"].is_string());
    assert_eq!(world.call(resolve(&[&token])).await.unwrap()["results"][0]["value"], SENTINEL);
}

#[tokio::test]
async fn encrypted_values_come_back() {
    let world = World::new();
    let deterministic = world.made(pii::Method::Encrypt(Mode::Deterministic), "crm", "email", SENTINEL).await;
    let randomised = world.made(pii::Method::Encrypt(Mode::Randomized), "crm", "email", SENTINEL).await;
    let foreign = world.made(pii::Method::Encrypt(Mode::Deterministic), "crm", "phone", SENTINEL).await;
    let other_key = deterministic.replacen("enc1d_", "enc1d_other", 1);
    let asked = [&*deterministic, &randomised, &foreign, &other_key, "ann@example.com"];
    let answer = world.call(values("resolve", "email", &asked)).await.unwrap();
    let value = json!({"status": "resolved", "value": SENTINEL});
    let (tampered, unknown, invalid) =
        (json!({"status": "tampered"}), json!({"status": "unknown_key"}), json!({"status": "invalid"}));
    assert_eq!(answer["results"], json!([value, value, tampered, unknown, invalid]));
    let counts = &world.last()["counts"];
    let told = ["asked", "allowed", "tampered", "unknown_key", "invalid"].map(|name| counts[name].as_u64().unwrap());
    assert_eq!((told, &counts["fields"]), ([5, 2, 1, 1, 1], &json!({"crm/email": 2})));
    world.tells_nothing(&["sentinel", "ann@", &deterministic]);

    let denied = world.call(values("resolve", "phone", &[&foreign])).await.unwrap_err();
    assert_eq!((denied.name, &world.last()["counts"]["denied"]), (ErrorName::AccessDenied, &json!(1)));
}

#[tokio::test]
async fn values_encrypted_in_their_form_come_back() {
    let world = World::new();
    let made = world.made(pii::Method::Fpe(Alphabet::digits()), "crm", "email", "0171-1234567").await;
    let token = world.token("crm", "email", SENTINEL).await;
    let mut request = values("resolve", "email", &[&made, "#####", "12", &token]);
    request["alphabet"] = json!("digits");
    let answer = world.call(request).await.unwrap();
    let invalid = json!({"status": "invalid"});
    let value = json!({"status": "resolved", "value": "0171-1234567"});
    assert_eq!(answer["results"], json!([value, invalid, invalid, invalid]));
}
