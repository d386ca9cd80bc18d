use async_trait::async_trait;
use cleanzone_error::ErrorName;
use cleanzone_storage::{Call, Error as StorageError, Fault, MemoryStore};
use cleanzone_vault::MemoryVault;
use tokio::time::{Duration, Instant};

use super::*;

const SENTINEL: &str = "sentinel@example.com";
const ROLE: &str = "arn:aws:iam::123456789012:role/fraud-desk";
const LIST: &str = r#"
[[allow]]
role = "arn:aws:iam::123456789012:role/fraud-*"
purpose = ["fraud"]
scope = "crm"
types = ["email"]
actions = ["resolve", "forget", "rotate"]
max_tokens = 5
"#;

/// Believes whoever says `proof`.
#[derive(Debug)]
struct Believer;

#[async_trait]
impl Identity for Believer {
    async fn of(&self, proof: &str) -> Result<String, Error> {
        if proof == "proof" { Ok(ROLE.to_owned()) } else { Err(Error::Proof("there is none")) }
    }
}

struct World {
    store: MemoryStore,
    vault: Arc<MemoryVault>,
    function: DetokenizePii,
}

impl World {
    fn new() -> Self {
        let (store, vault) = (MemoryStore::new(["pii", "audit"]), Arc::new(MemoryVault::new()));
        let allow_list = Location::new("pii", "_cleanzone/access.toml");
        store.insert(&allow_list, LIST);
        let shared: Arc<dyn ObjectStore> = Arc::new(store.clone());
        let function = DetokenizePii {
            vault: vault.clone(),
            store: shared.clone(),
            allow_list,
            identity: Box::new(Believer),
            audit: Audit::new(shared, "audit".to_owned()),
        };
        Self { store, vault, function }
    }

    async fn token(&self, scope: &str, kind: &str, value: &str) -> String {
        let tokens = self.vault.tokenize(&Field::new(scope, kind).unwrap(), &[value]).await.unwrap();
        tokens[0].text().to_string()
    }

    async fn call(&self, payload: Value) -> Reply {
        let end = Instant::now() + Duration::from_mins(1);
        self.function.handle(Invocation { payload, deadline: end, end, request_id: "r".to_owned() }).await
    }

    /// The records, in the order of their keys.
    fn records(&self) -> Vec<Value> {
        let keys = self.store.keys("audit");
        let content = |key: &String| self.store.content(&Location::new("audit", key)).unwrap();
        keys.iter().map(|key| serde_json::from_slice(&content(key)).unwrap()).collect()
    }
}

fn resolve(tokens: &[&str]) -> Value {
    json!({"action": "resolve", "purpose": "fraud", "proof": "proof", "tokens": tokens})
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
    let records = world.records();
    assert_eq!((records.len(), &records[0]["outcome"], &records[0]["caller"]), (1, &json!("answered"), &json!(ROLE)));
    let counts =
        json!({"asked": 4, "allowed": 1, "denied": 2, "not_found": 1, "tampered": 0, "fields": {"crm/email": 1}});
    assert_eq!(records[0]["counts"], counts);
    let text = records[0].to_string();
    assert!(!text.contains("sentinel") && !text.contains(&allowed), "{text}");
}

#[tokio::test]
async fn nobody_is_allowed_without_a_list_a_proof_or_a_purpose() {
    let world = World::new();
    let token = world.token("crm", "email", SENTINEL).await;
    let forged = json!({"action": "resolve", "purpose": "fraud", "proof": "forged", "tokens": [token]});
    assert_eq!(world.call(forged).await.unwrap_err().name, ErrorName::AccessDenied);
    let other = json!({"action": "resolve", "purpose": "marketing", "proof": "proof", "tokens": [token]});
    assert_eq!(world.call(other).await.unwrap_err().name, ErrorName::AccessDenied);
    world.store.remove(&world.function.allow_list);
    assert_eq!(world.call(resolve(&[&token])).await.unwrap_err().name, ErrorName::AccessDenied);
    let records = world.records();
    assert_eq!(records.len(), 3);
    assert!(records.iter().all(|record| record["outcome"] == "denied" && record["counts"]["allowed"] == 0));
    assert_eq!(records.iter().filter(|record| record["caller"].is_null()).count(), 1);
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_answered() {
    let world = World::new();
    let token = world.token("crm", "email", SENTINEL).await;
    world.store.inject(Call::Put, Fault::Before(StorageError::NoBucket("audit".to_owned())));
    let failure = world.call(resolve(&[&token])).await.unwrap_err();
    assert!(failure.message.starts_with("the audit record could not be written"), "{failure}");
    assert!(!failure.message.contains("sentinel"), "{failure}");

    world.store.inject(Call::Put, Fault::Before(StorageError::NoBucket("audit".to_owned())));
    let forget = json!({"action": "forget", "purpose": "fraud", "proof": "proof", "tokens": [token]});
    world.call(forget).await.unwrap_err();
    assert_eq!(world.call(resolve(&[&token])).await.unwrap()["results"][0]["status"], "resolved");
}

#[tokio::test]
async fn what_is_forgotten_never_comes_back() {
    let world = World::new();
    let (first, second) = (world.token("crm", "email", SENTINEL).await, world.token("crm", "email", "b@c.de").await);
    let foreign = world.token("crm", "phone", "+49301234567").await;
    let by_token = json!({"action": "forget", "purpose": "fraud", "proof": "proof", "tokens": [first, foreign]});
    let answer = world.call(by_token).await.unwrap();
    assert_eq!(
        (&answer["results"][0]["status"], &answer["results"][1]["status"]),
        (&json!("forgotten"), &json!("denied"))
    );
    let by_value = |kind| {
        json!({"action": "forget", "purpose": "fraud", "proof": "proof", "values": ["b@c.de", "new"], "scope": "crm",
            "type": kind})
    };
    let answer = world.call(by_value("email")).await.unwrap();
    assert_eq!(answer, json!({"results": [{"status": "forgotten"}, {"status": "not_found"}]}));
    assert_eq!(world.call(by_value("phone")).await.unwrap_err().name, ErrorName::AccessDenied);
    let answer = world.call(resolve(&[&first, &second])).await.unwrap();
    assert!(answer["results"].as_array().unwrap().iter().all(|result| result["status"] == "not_found"), "{answer}");
    let outcomes: Vec<_> = world.records().iter().map(|record| record["outcome"].clone()).collect();
    assert_eq!(outcomes.iter().filter(|outcome| *outcome == "begun").count(), 2, "{outcomes:?}");
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
    assert_eq!(world.records()[0]["counts"]["tampered"], 1);
}

#[tokio::test]
async fn too_many_are_refused_and_recorded() {
    let world = World::new();
    let token = world.token("crm", "email", SENTINEL).await;
    assert_eq!(world.call(resolve(&[token.as_str(); 6])).await.unwrap_err().name, ErrorName::LimitExceeded);
    assert_eq!(world.call(json!({"sentinel": SENTINEL})).await.unwrap_err().name, ErrorName::InvalidEvent);
    assert_eq!(world.records().len(), 2);
}

#[tokio::test]
async fn a_rotated_key_leaves_old_tokens_readable() {
    let world = World::new();
    let token = world.token("crm", "email", SENTINEL).await;
    let rotate = json!({"action": "rotate", "purpose": "fraud", "proof": "proof"});
    assert!(world.call(rotate).await.unwrap()["key"].is_string());
    assert_eq!(world.call(resolve(&[&token])).await.unwrap()["results"][0]["value"], SENTINEL);
}
