//! What every vault promises.

use std::{collections::HashSet, sync::Arc};

use async_trait::async_trait;
use cleanzone_error::{ErrorName, Fault};
use cleanzone_vault::{Error, Field, Resolution, Secret, Shape, Token, TokenVault, is_token};
use tokio::task::JoinSet;

/// The tests of one vault.
pub(crate) struct Suite {
    pub(crate) backend: Box<dyn Backend>,
    /// Scopes begin with it, because others may share the table.
    pub(crate) prefix: String,
}

/// A table that vaults can be put on, and that can be spoilt behind their backs.
#[async_trait]
pub(crate) trait Backend: Send + Sync {
    /// A vault as another process has it.
    fn vault(&self) -> Arc<dyn TokenVault>;

    /// The keys of all items.
    async fn items(&self) -> Vec<String>;

    /// The attributes of an item, with how many bytes each has.
    async fn attributes(&self, item: &str) -> Vec<(String, usize)>;

    /// Flips a bit of an attribute.
    async fn flip_bit(&self, item: &str, attribute: &str, bit: usize);
}

/// The values of a vault's answer, `None` where there is none to be had.
pub(crate) async fn values(vault: &dyn TokenVault, tokens: &[Token]) -> Vec<Option<String>> {
    let value = |resolution| match resolution {
        Resolution::Value { value, .. } => Some(Secret::expose(&value).to_owned()),
        _ => None,
    };
    vault.resolve(tokens).await.unwrap().into_iter().map(|resolved| value(resolved.resolution)).collect()
}

pub(crate) async fn one(vault: &dyn TokenVault, field: &Field, value: &str) -> Token {
    vault.tokenize(field, &[value]).await.unwrap()[0]
}

async fn resolution(vault: &dyn TokenVault, token: Token) -> Resolution {
    vault.resolve(&[token]).await.unwrap().remove(0).resolution
}

impl Suite {
    fn field(&self, scope: &str, kind: &str) -> Field {
        Field::new(&format!("{}.{scope}", self.prefix), kind).unwrap()
    }

    /// Everything.
    pub(crate) async fn run(&self) {
        self.a_value_has_one_token_and_comes_back().await;
        self.fields_are_unlinkable().await;
        self.a_token_is_not_tokenized_again().await;
        self.batches_of_any_size_are_answered_in_order().await;
        self.processes_at_once_agree().await;
        self.what_is_unknown_is_not_found().await;
        self.a_value_too_long_is_refused().await;
        self.what_is_forgotten_is_gone().await;
        self.rotation_keeps_old_tokens_readable().await;
        self.a_flipped_bit_is_found().await;
        self.the_method_key_is_one_for_all_processes().await;
    }

    async fn a_value_has_one_token_and_comes_back(&self) {
        let (vault, field) = (self.backend.vault(), self.field("one", "email"));
        let token = one(&*vault, &field, "Zo\u{eb}@example.com").await;
        assert_eq!(token.shape(), Shape::Plain);
        // Again, composed otherwise, by another process, and as an address from now on.
        assert_eq!(one(&*vault, &field, "Zo\u{eb}@example.com").await, token);
        assert_eq!(one(&*vault, &field, "Zoe\u{308}@example.com").await, token);
        let other = self.backend.vault();
        assert_eq!(one(&*other, &field.clone().shaped(Shape::Email), "Zoe\u{308}@example.com").await, token);
        let expected = Resolution::Value {
            scope: field.scope().to_owned(),
            kind: "email".to_owned(),
            value: match resolution(&*vault, token).await {
                Resolution::Value { value, .. } => value,
                other => panic!("{other:?}"),
            },
        };
        assert_eq!(resolution(&*self.backend.vault(), token).await, expected);
        assert_eq!(values(&*other, &[token]).await, [Some("Zo\u{eb}@example.com".to_owned())]);
        assert!(!format!("{expected:?} {vault:?}").contains("example"), "{expected:?} {vault:?}");

        let address = one(&*vault, &field.clone().shaped(Shape::Email), "jane@example.com").await;
        assert!(address.text().ends_with("@token.invalid"));
        let both = values(&*vault, &[address, address.shaped(Shape::Plain)]).await;
        assert_eq!(both, vec![Some("jane@example.com".to_owned()); 2]);
        // An empty value is a value.
        let empty = one(&*vault, &field, "").await;
        assert_eq!(values(&*vault, &[empty]).await, [Some(String::new())]);
    }

    async fn fields_are_unlinkable(&self) {
        let vault = self.backend.vault();
        let mut tokens = HashSet::new();
        for (scope, kind) in [("a", "bc"), ("ab", "c"), ("a", "c"), ("b", "c")] {
            tokens.insert(one(&*vault, &self.field(scope, kind), "+4930123456").await);
        }
        assert_eq!(tokens.len(), 4);
    }

    async fn a_token_is_not_tokenized_again(&self) {
        let (vault, field) = (self.backend.vault(), self.field("again", "email"));
        let token = one(&*vault, &field, "jane").await;
        let other = self.field("another", "name");
        let text = token.text();
        assert_eq!(vault.tokenize(&other, &["joe", &text, "joe"]).await.unwrap()[1], token);
        let address = token.shaped(Shape::Email);
        assert_eq!(one(&*vault, &other, &address.text()).await, address);
        assert_eq!(values(&*vault, &[token]).await, [Some("jane".to_owned())]);
    }

    async fn batches_of_any_size_are_answered_in_order(&self) {
        let (vault, field) = (self.backend.vault(), self.field("many", "id"));
        assert_eq!(vault.tokenize(&field, &[]).await.unwrap(), []);
        assert_eq!(vault.resolve(&[]).await.unwrap(), []);
        // Some known, some twice.
        let first: Vec<String> = (0..60).map(|n| format!("person {}", n * 7)).collect();
        let first: Vec<&str> = first.iter().map(String::as_str).collect();
        let known = vault.tokenize(&field, &first).await.unwrap();
        let all: Vec<String> = (0..330).map(|n| format!("person {}", n % 270)).collect();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        let tokens = self.backend.vault().tokenize(&field, &all).await.unwrap();
        assert_eq!(tokens.len(), 330);
        assert_eq!(tokens.iter().collect::<HashSet<_>>().len(), 270);
        assert_eq!(tokens[..60], tokens[270..]);
        assert!((0..38).all(|n| tokens[n * 7] == known[n]));
        let back = values(&*vault, &tokens).await;
        assert!(back.iter().zip(&all).all(|(back, value)| back.as_deref() == Some(value)));
    }

    async fn processes_at_once_agree(&self) {
        let field = self.field("race", "phone");
        let people: Arc<Vec<String>> = Arc::new((0..120).map(|n| format!("+4930{n:06}")).collect());
        let vaults = [self.backend.vault(), self.backend.vault(), self.backend.vault()];
        let mut writers = JoinSet::new();
        for n in 0..12_usize {
            let (vault, field, people) = (Arc::clone(&vaults[n % 3]), field.clone(), Arc::clone(&people));
            writers.spawn(async move {
                // Each from elsewhere.
                let mut values: Vec<&str> = people.iter().map(String::as_str).collect();
                values.rotate_left(n * 10);
                let mut tokens = vault.tokenize(&field, &values).await.unwrap();
                tokens.rotate_right(n * 10);
                tokens
            });
        }
        let mut answers = HashSet::new();
        while let Some(tokens) = writers.join_next().await {
            answers.insert(tokens.unwrap());
        }
        assert_eq!(answers.len(), 1);
        let tokens = answers.into_iter().next().unwrap();
        let back = values(&*vaults[0], &tokens).await;
        assert!(back.iter().zip(&*people).all(|(back, value)| back.as_ref() == Some(value)));
        // Those who lost have cleaned up: as many pointers as entries.
        let items = self.backend.items().await;
        let count = |prefix: &str| items.iter().filter(|item| item.starts_with(prefix)).count();
        assert_eq!(count("token#"), count("value#"));
    }

    async fn what_is_unknown_is_not_found(&self) {
        let (vault, field) = (self.backend.vault(), self.field("unknown", "name"));
        let token = Token::parse("tok1_000g40o40k30e209185go38evsoetlak").unwrap();
        assert_eq!(resolution(&*vault, token).await, Resolution::NotFound);
        assert!(!vault.forget_token(token).await.unwrap());
        assert!(!vault.forget_value(&field, "jane").await.unwrap());
    }

    async fn a_value_too_long_is_refused(&self) {
        let (vault, field) = (self.backend.vault(), self.field("long", "note"));
        let long = "x".repeat(64 * 1024);
        let longest: Vec<String> = (0..30).map(|n| format!("{n:02}{}", &long[2..])).collect();
        let longest: Vec<&str> = longest.iter().map(String::as_str).collect();
        let tokens = vault.tokenize(&field, &longest).await.unwrap();
        let back = values(&*vault, &tokens).await;
        assert!(back.iter().zip(&longest).all(|(back, value)| back.as_deref() == Some(value)));
        let error = vault.tokenize(&field, &["a", &format!("{long}x")]).await.unwrap_err();
        assert_eq!(error.name(), ErrorName::LimitExceeded);
        assert!(error.to_string().contains("65537") && !error.to_string().contains("xx"), "{error}");
    }

    async fn what_is_forgotten_is_gone(&self) {
        let (vault, field) = (self.backend.vault(), self.field("forget", "email"));
        let before = self.backend.items().await.len();
        let (jane, joe) = (one(&*vault, &field, "jane").await, one(&*vault, &field, "joe").await);
        assert!(vault.forget_value(&field, "jane").await.unwrap());
        assert!(vault.forget_token(joe.shaped(Shape::Email)).await.unwrap());
        assert_eq!(self.backend.items().await.len(), before);
        assert!(!vault.forget_value(&field, "jane").await.unwrap());
        assert!(!vault.forget_token(joe).await.unwrap());
        assert_eq!(values(&*vault, &[jane, joe]).await, [None, None]);

        // They come again: with other tokens, and the old ones stay dead.
        let tokens = vault.tokenize(&field, &["jane", "joe"]).await.unwrap();
        assert!(tokens[0] != jane && tokens[1] != joe);
        let (jane_again, joe_again) = (Some("jane".to_owned()), Some("joe".to_owned()));
        let back = values(&*vault, &[tokens[0], jane, joe, tokens[1]]).await;
        assert_eq!(back, [jane_again, None, None, joe_again]);
        // A token where a value is expected is taken for what it is.
        assert!(vault.forget_value(&field, &tokens[0].text()).await.unwrap());
        assert_eq!(values(&*vault, &tokens[..1]).await, [None]);
    }

    async fn rotation_keeps_old_tokens_readable(&self) {
        let (vault, field) = (self.backend.vault(), self.field("rotate", "email"));
        let old = one(&*vault, &field, "jane").await;
        let first = vault.rotate().await.unwrap();
        let new = one(&*vault, &field, "joe").await;
        assert_ne!(vault.rotate().await.unwrap(), first);
        let newest = one(&*vault, &field, "jim").await;
        let expected = ["jane", "joe", "jim"].map(|name| Some(name.to_owned()));
        for vault in [&vault, &self.backend.vault()] {
            assert_eq!(values(&**vault, &[old, new, newest]).await, expected);
            assert_eq!(one(&**vault, &field, "jane").await, old);
        }
        // Two at once end with one current key.
        let another = self.backend.vault();
        another.tokenize(&field, &["jim"]).await.unwrap();
        let (a, b) = tokio::join!(vault.rotate(), another.rotate());
        let (a, b) = (a.unwrap(), b.unwrap());
        let current = self.backend.vault();
        let fourth = one(&*current, &field, "jules").await;
        let items = self.backend.items().await;
        assert!(items.contains(&format!("key#data#{a}")) && items.contains(&format!("key#data#{b}")));
        assert_eq!(values(&*vault, &[fourth]).await, [Some("jules".to_owned())]);
    }

    async fn the_method_key_is_one_for_all_processes(&self) {
        let mut asked = JoinSet::new();
        for _ in 0..4 {
            let vault = self.backend.vault();
            asked.spawn(async move { vault.method_key().await.unwrap() });
        }
        let keys: HashSet<_> = asked.join_all().await.into_iter().map(|key| (key.id.clone(), *key.secret)).collect();
        assert_eq!(keys.len(), 1);
        let (id, secret) = keys.into_iter().next().unwrap();
        assert!(id.len() == 16 && secret != [0; 32]);
        // What the table holds is only wrapped.
        let wrapped = self.backend.attributes("key#methods").await;
        assert!(wrapped.iter().any(|(name, bytes)| name == "wrapped" && *bytes > 32), "{wrapped:?}");
    }

    async fn a_flipped_bit_is_found(&self) {
        let (vault, field) = (self.backend.vault(), self.field("tamper", "email"));
        let before: HashSet<String> = self.backend.items().await.into_iter().collect();
        let token = one(&*vault, &field, "jane@example.com").await;
        let after = self.backend.items().await;
        let new: Vec<&String> = after.iter().filter(|item| !before.contains(*item)).collect();
        assert_eq!(new.len(), 2, "{new:?}");
        let mut attributes = 0;
        for item in new {
            for (attribute, length) in self.backend.attributes(item).await {
                attributes += 1;
                for bit in [0, (length / 2) * 8 + 1, (length - 1) * 8] {
                    self.backend.flip_bit(item, &attribute, bit).await;
                    let found = resolution(&*self.backend.vault(), token).await;
                    assert_eq!(found, Resolution::Tampered, "{item} {attribute} {bit}");
                    if item.starts_with("value#") {
                        let error = self.backend.vault().tokenize(&field, &["jane@example.com"]).await.unwrap_err();
                        assert!(matches!(&error, Error::Tampered { item: found } if found == item), "{error}");
                        assert!(!error.is_transient());
                    } else {
                        let error = vault.forget_token(token).await.unwrap_err();
                        assert!(matches!(&error, Error::Tampered { item: found } if found == item), "{error}");
                    }
                    self.backend.flip_bit(item, &attribute, bit).await;
                }
            }
        }
        assert_eq!(attributes, 8);
        assert_eq!(values(&*vault, &[token]).await, [Some("jane@example.com".to_owned())]);
        // Who asks for erasure gets it, whatever the entry looks like.
        let entry = after.iter().find(|item| item.starts_with("value#") && !before.contains(*item)).unwrap();
        self.backend.flip_bit(entry, "sealed", 3).await;
        assert!(vault.forget_value(&field, "jane@example.com").await.unwrap());
        assert_eq!(resolution(&*vault, token).await, Resolution::NotFound);
        assert!(is_token(&token.text()));
    }
}
