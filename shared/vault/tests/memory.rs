//! The vault in memory keeps what every vault promises; and all vaults, where calls are slow, fail, or are counted.

#![allow(clippy::unwrap_used, clippy::panic)]

mod suite;

use std::{collections::HashSet, sync::Arc, time::Duration};

use async_trait::async_trait;
use cleanzone_error::{ErrorName, Fault, chain};
use cleanzone_vault::{Call, Error, Field, MemoryVault, Resolution, Token, TokenVault, Trouble};
use suite::{Backend, Suite, one, values};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

struct Memory(MemoryVault);

#[async_trait]
impl Backend for Memory {
    fn vault(&self) -> Arc<dyn TokenVault> {
        Arc::new(self.0.another())
    }

    async fn items(&self) -> Vec<String> {
        self.0.items()
    }

    async fn attributes(&self, item: &str) -> Vec<(String, usize)> {
        self.0.attributes(item)
    }

    async fn flip_bit(&self, item: &str, attribute: &str, bit: usize) {
        self.0.flip_bit(item, attribute, bit);
    }
}

fn phones() -> Field {
    Field::new("crm", "phone").unwrap()
}

fn people(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("+4930{n:07}")).collect()
}

async fn tokenize(vault: &MemoryVault, people: &[String]) -> Result<Vec<Token>, Error> {
    let values: Vec<&str> = people.iter().map(String::as_str).collect();
    vault.tokenize(&phones(), &values).await
}

fn count(vault: &MemoryVault, prefix: &str) -> usize {
    vault.items().iter().filter(|item| item.starts_with(prefix)).count()
}

/// The tokens stand for these people, each person has one, and there is nothing else in the table.
async fn check(vault: &MemoryVault, people: &[String], tokens: &[Token]) {
    let another = vault.another();
    assert_eq!(tokenize(&another, people).await.unwrap(), tokens);
    let back = values(&another, tokens).await;
    assert!(back.iter().zip(people).all(|(back, value)| back.as_ref() == Some(value)));
    assert_eq!((count(vault, "value#"), count(vault, "token#")), (people.len(), people.len()));
}

#[tokio::test(start_paused = true)]
async fn it_keeps_what_a_vault_promises() {
    for silent in [false, true] {
        let vault = MemoryVault::new();
        vault.slow_down(Duration::from_millis(10));
        if silent {
            vault.tell_nothing();
        }
        Suite { backend: Box::new(Memory(vault)), prefix: "test".into() }.run().await;
    }
}

#[tokio::test]
async fn a_value_costs_few_calls_and_a_known_one_none() {
    let (vault, people) = (MemoryVault::new(), people(1000));
    tokenize(&vault, &people[..1]).await.unwrap();
    let before = [vault.calls(Call::Read), vault.calls(Call::Insert)];
    assert_eq!(before, [2, 5], "keys, and one value");
    assert_eq!([vault.calls(Call::Generate), vault.calls(Call::Unwrap)], [2, 1]);

    let tokens = tokenize(&vault, &people).await.unwrap();
    let after = [vault.calls(Call::Read) - 2, vault.calls(Call::Insert) - 5];
    assert_eq!(after, [10, 80]);
    tokenize(&vault, &people).await.unwrap();
    assert_eq!([vault.calls(Call::Read) - 2, vault.calls(Call::Insert) - 5], after);

    // The next process: its keys, and reads alone.
    let next = vault.another();
    assert_eq!(tokenize(&next, &people).await.unwrap(), tokens);
    assert_eq!([vault.calls(Call::Read) - 2, vault.calls(Call::Insert) - 5], [21, 80]);
    assert_eq!([vault.calls(Call::Generate), vault.calls(Call::Unwrap)], [2, 3]);
    // Without a cache of pointers: two reads a hundred.
    next.resolve(&tokens).await.unwrap();
    assert_eq!(vault.calls(Call::Read) - 2, 41);
    assert_eq!(vault.calls(Call::Delete), 0);
}

#[tokio::test(start_paused = true)]
async fn throttling_and_partial_batches_are_waited_out() {
    let (vault, people) = (MemoryVault::new(), people(300));
    for call in [Call::Read, Call::Insert, Call::Generate, Call::Unwrap] {
        vault.trouble(call, Trouble::Fails(ErrorName::Throttled));
        vault.trouble(call, Trouble::Fails(ErrorName::ServiceUnavailable));
    }
    for part in [0, 1, 7, 24, 99] {
        for _ in 0..4 {
            vault.trouble(Call::Read, Trouble::Partly(part));
            vault.trouble(Call::Insert, Trouble::Partly(part));
        }
    }
    let tokens = tokenize(&vault, &people).await.unwrap();
    check(&vault, &people, &tokens).await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_lost_makes_no_second_token() {
    for silent in [false, true] {
        let (vault, people) = (MemoryVault::new(), people(60));
        if silent {
            vault.tell_nothing();
        }
        // Keys, pointers and entries: every insertion is made twice.
        for _ in 0..9 {
            vault.trouble(Call::Insert, Trouble::FailsAfter(ErrorName::ServiceUnavailable));
        }
        let tokens = tokenize(&vault, &people).await.unwrap();
        check(&vault, &people, &tokens).await;
        assert_eq!(count(&vault, "key#"), 3);
    }
}

#[tokio::test(start_paused = true)]
async fn lost_answers_and_races_together_make_no_second_token() {
    for round in 0..20_u64 {
        let (vault, people) = (MemoryVault::new(), Arc::new(people(40)));
        vault.slow_down(Duration::from_millis(8));
        for n in 0..12 {
            let trouble = match (round + n) % 3 {
                0 => Trouble::FailsAfter(ErrorName::ServiceUnavailable),
                1 => Trouble::Partly(usize::try_from(round).unwrap()),
                _ => Trouble::Fails(ErrorName::Throttled),
            };
            vault.trouble(Call::Insert, trouble);
        }
        let mut writers = JoinSet::new();
        for n in 0..6 {
            let (vault, people) = (vault.another(), Arc::clone(&people));
            writers.spawn(async move {
                sleep(Duration::from_millis(n * round)).await;
                tokenize(&vault, &people).await.unwrap()
            });
        }
        let mut answers = HashSet::new();
        while let Some(tokens) = writers.join_next().await {
            answers.insert(tokens.unwrap());
        }
        assert_eq!(answers.len(), 1, "{round}");
        check(&vault, &people, answers.iter().next().unwrap()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_was_dropped_can_be_made_again() {
    let (vault, people) = (MemoryVault::new(), people(100));
    tokenize(&vault, &people[..1]).await.unwrap();
    vault.slow_down(Duration::from_millis(10));
    for wait in (0..80).step_by(3) {
        let again = vault.another();
        let cut = tokio::time::timeout(Duration::from_millis(wait), tokenize(&again, &people)).await;
        assert!(wait > 40 || cut.is_err());
    }
    let tokens = tokenize(&vault, &people).await.unwrap();
    let back = values(&vault, &tokens).await;
    assert!(back.iter().zip(&people).all(|(back, value)| back.as_ref() == Some(value)));
    assert_eq!(count(&vault, "value#"), 100);
}

#[tokio::test(start_paused = true)]
async fn what_will_not_pass_is_told_at_once_and_what_may_after_a_minute() {
    let (vault, people) = (MemoryVault::new(), people(10));
    let start = Instant::now();
    for (call, name) in [
        (Call::Read, ErrorName::AccessDenied),
        (Call::Insert, ErrorName::ResourceNotFound),
        (Call::Generate, ErrorName::AccessDenied),
    ] {
        vault.trouble(call, Trouble::Fails(name));
        let error = tokenize(&vault, &people).await.unwrap_err();
        assert_eq!(error.name(), name);
        assert!(!error.is_transient() && !chain(&error).contains("+49"), "{}", chain(&error));
    }
    assert_eq!(start.elapsed(), Duration::ZERO);

    (0..10_000).for_each(|_| vault.trouble(Call::Insert, Trouble::Partly(0)));
    let error = tokenize(&vault, &people).await.unwrap_err();
    assert_eq!(error.name(), ErrorName::Throttled);
    let waited = start.elapsed();
    assert!(waited > Duration::from_secs(55) && waited <= Duration::from_mins(1), "{waited:?}");
}

#[tokio::test]
async fn a_dictionary_matches_nothing_without_the_key() {
    let (vault, people) = (MemoryVault::new(), people(200));
    let tokens = tokenize(&vault, &people).await.unwrap();
    let held = vault.items();

    // Whoever has a copy of the table, but no key, can only make up one of their own.
    let mut stolen = HashSet::new();
    for _ in 0..3 {
        let theirs = MemoryVault::new();
        let guessed = tokenize(&theirs, &people).await.unwrap();
        assert!(guessed.iter().all(|token| !tokens.contains(token)));
        stolen.extend(theirs.items().into_iter().filter(|item| !item.starts_with("key#")));
    }
    assert!(held.iter().all(|item| !stolen.contains(item)));
    // Nor is any value, or part of it, there in the clear.
    for value in people.iter().step_by(20) {
        assert!(!vault.contains(value.as_bytes()) && !vault.contains(&value.as_bytes()[4..]));
    }
    assert!(vault.contains(b"crm"));
}

#[tokio::test(start_paused = true)]
async fn what_another_process_forgets_is_remembered_for_minutes_at_most() {
    let (vault, another) = (MemoryVault::new(), phones());
    let (here, there) = (vault.another(), vault.another());
    let old = one(&here, &another, "+49301").await;
    assert_eq!(one(&there, &another, "+49301").await, old);
    assert!(there.forget_value(&another, "+49301").await.unwrap());
    assert_eq!(values(&here, &[old]).await, [None]);
    let new = one(&there, &another, "+49301").await;
    assert_ne!(new, old);
    sleep(Duration::from_mins(5)).await;
    assert_eq!(one(&here, &another, "+49301").await, new);
}

#[tokio::test(start_paused = true)]
async fn a_forgetting_whose_answer_is_lost_is_a_forgetting() {
    let vault = MemoryVault::new();
    for by_token in [false, true] {
        let token = one(&vault, &phones(), "+49301").await;
        vault.trouble(Call::Delete, Trouble::FailsAfter(ErrorName::ServiceUnavailable));
        let known = if by_token {
            vault.forget_token(token).await.unwrap()
        } else {
            vault.forget_value(&phones(), "+49301").await.unwrap()
        };
        assert!(known);
        assert_eq!((count(&vault, "value#"), count(&vault, "token#")), (0, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_rotation_reaches_other_processes_in_time() {
    let vault = MemoryVault::new();
    let (here, there) = (vault.another(), vault.another());
    one(&here, &phones(), "+49301").await;
    let id = there.rotate().await.unwrap();
    let reads = vault.calls(Call::Read);
    one(&here, &phones(), "+49302").await;
    assert_eq!(vault.calls(Call::Read), reads + 1);
    sleep(Duration::from_mins(15)).await;
    one(&here, &phones(), "+49303").await;
    assert_eq!(vault.calls(Call::Read), reads + 3);
    // What is sealed under the new key needs that key.
    let unwrapped = vault.calls(Call::Unwrap);
    vault.remove(&format!("key#data#{id}"));
    let tokens = tokenize(&here, &["+49301".to_owned(), "+49303".to_owned()]).await.unwrap();
    assert_eq!(values(&here, &tokens).await.len(), 2);
    assert_eq!(vault.calls(Call::Unwrap), unwrapped);
}

#[tokio::test(start_paused = true)]
async fn a_rotation_whose_answer_is_lost_is_a_rotation() {
    let vault = MemoryVault::new();
    one(&vault, &phones(), "+49301").await;
    vault.trouble(Call::Replace, Trouble::FailsAfter(ErrorName::ServiceUnavailable));
    let id = vault.rotate().await.unwrap();
    assert_eq!(count(&vault, "key#data#"), 2);
    assert!(vault.items().contains(&format!("key#data#{id}")));
}

#[tokio::test]
async fn a_key_that_is_gone_or_spoilt_is_told_and_never_made_anew() {
    for gone in ["key#index", "key#current"] {
        let vault = MemoryVault::new();
        let token = one(&vault, &phones(), "+49301").await;
        vault.flip_bit(gone, "wrapped", 300);
        let error = vault.another().tokenize(&phones(), &["+49302"]).await.unwrap_err();
        assert!(matches!(error, Error::Tampered { .. }), "{error}");
        vault.flip_bit(gone, "wrapped", 300);
        assert_eq!(one(&vault.another(), &phones(), "+49301").await, token);
    }

    let vault = MemoryVault::new();
    let token = one(&vault, &phones(), "+49301").await;
    let old = vault.items().into_iter().find(|item| item.starts_with("key#data#")).unwrap();
    vault.rotate().await.unwrap();
    vault.remove(&old);
    let error = vault.another().resolve(&[token]).await.unwrap_err();
    assert!(matches!(&error, Error::KeyMissing { item } if *item == old), "{error}");
    assert_eq!(error.name(), ErrorName::ResourceNotFound);

    vault.remove("key#index");
    let error = vault.another().tokenize(&phones(), &["+49301"]).await.unwrap_err();
    assert!(matches!(&error, Error::KeyMissing { item } if item == "key#index"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_forgotten_value_that_comes_again_leaves_its_old_token_dead() {
    // The pointer stays where the process ends between the two deletions.
    let vault = MemoryVault::new();
    let old = one(&vault, &phones(), "+49301").await;
    let entry = vault.items().into_iter().find(|item| item.starts_with("value#")).unwrap();
    vault.remove(&entry);
    let another = vault.another();
    let new = one(&another, &phones(), "+49301").await;
    assert_eq!(another.resolve(&[old]).await.unwrap()[0].resolution, Resolution::NotFound);
    assert!(!another.forget_token(old).await.unwrap());
    assert_eq!(values(&another, &[new]).await, [Some("+49301".to_owned())]);
}
