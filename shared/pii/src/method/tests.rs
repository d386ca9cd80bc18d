use std::collections::HashSet;

use proptest::prelude::*;
use zeroize::Zeroizing;

use super::*;
use crate::Undecryptable;

fn key() -> Key {
    Key::new("k-1", Zeroizing::new([7; 32])).unwrap()
}

fn field(scope: &str, data_type: &str) -> Field {
    Field::new("column", scope, data_type).unwrap()
}

const PLACE: Place<'static> = Place { object: "bucket/key?1", column: 3 };

fn replacer_at(method: &Method, field: &Field, place: Place<'_>) -> Replacer {
    match method.prepare(field, Some(&key()), place).unwrap() {
        Prepared::Values(replacer) => replacer,
        other => panic!("{other:?}"),
    }
}

fn replace(method: &Method, value: &str) -> Result<String, Reason> {
    let mut out = String::new();
    let replaced = replacer_at(method, &field("crm", "email"), PLACE).apply(value, 5, &mut out);
    replaced.map(|()| out).map_err(|refusal| refusal.reason)
}

fn coarser(to: Generalization, value: &str) -> Result<String, Reason> {
    replace(&Method::Generalize(to), value)
}

fn shuffle(window: usize) -> Shuffle {
    match (Method::Shuffle { window }).prepare(&field("crm", "email"), Some(&key()), PLACE).unwrap() {
        Prepared::Rows(shuffle) => shuffle,
        other => panic!("{other:?}"),
    }
}

fn token_like() -> Vec<Method> {
    vec![Method::Hash, Method::Encrypt(Mode::Deterministic), Method::Encrypt(Mode::Randomized), Method::Redact]
}

#[test]
fn the_same_row_of_the_same_object_gives_the_same_bytes() {
    let mut methods = token_like();
    methods.extend([Method::Fpe(Alphabet::alphanumeric()), Method::Mask { keep_last: 4, character: '*' }]);
    for method in methods {
        assert_eq!(replace(&method, "ann@example.org"), replace(&method, "ann@example.org"), "{method:?}");
    }
}

#[test]
fn only_the_randomised_mode_tells_rows_columns_and_objects_apart() {
    for (method, distinct) in [
        (Method::Hash, 1),
        (Method::Encrypt(Mode::Deterministic), 1),
        (Method::Encrypt(Mode::Randomized), 4),
        (Method::Fpe(Alphabet::alphanumeric()), 1),
    ] {
        let places =
            [(PLACE, 0), (PLACE, 1), (Place { column: 4, ..PLACE }, 0), (Place { object: "bucket/key?2", ..PLACE }, 0)];
        let outputs: HashSet<_> = places
            .into_iter()
            .map(|(place, row)| {
                let mut out = String::new();
                replacer_at(&method, &field("crm", "email"), place).apply("ann@example.org", row, &mut out).unwrap();
                out
            })
            .collect();
        assert_eq!(outputs.len(), distinct, "{method:?}");
    }
}

#[test]
fn scopes_types_and_keys_have_nothing_in_common() {
    for method in [Method::Hash, Method::Encrypt(Mode::Deterministic), Method::Fpe(Alphabet::digits())] {
        let other_key = Key::new("k-1", Zeroizing::new([8; 32])).unwrap();
        let outputs: HashSet<_> = [
            (field("crm", "phone"), key()),
            (field("shop", "phone"), key()),
            (field("crm", "fax"), key()),
            (field("crm", "phone"), other_key),
        ]
        .iter()
        .map(|(field, key)| {
            let Prepared::Values(mut replacer) = method.prepare(field, Some(key), PLACE).unwrap() else { panic!() };
            let mut out = String::new();
            replacer.apply("0171 1234567", 0, &mut out).unwrap();
            out
        })
        .collect();
        assert_eq!(outputs.len(), 4, "{method:?}");
    }
}

#[test]
fn texts_that_unicode_calls_equal_hash_equally() {
    assert_eq!(replace(&Method::Hash, "Zo\u{eb}"), replace(&Method::Hash, "Zoe\u{308}"));
    assert_ne!(replace(&Method::Hash, "Zoe"), replace(&Method::Hash, "zoe"));
}

#[test]
fn what_is_made_is_recognised_in_any_case() {
    for method in token_like() {
        let made = replace(&method, "ann@example.org").unwrap();
        assert!(is_replaced(&made) && is_replaced(&made.to_uppercase()), "{made}");
    }
    for value in [
        "",
        "#",
        "hash1_",
        "hash1_abc",
        "enc1d_",
        "enc1d_k_",
        "ann@example.org",
        "enc1x_k_aaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    ] {
        assert!(!is_replaced(value), "{value}");
    }
    assert_eq!(replace(&Method::Hash, "a").unwrap().len(), "hash1_".len() + 52);
}

#[test]
fn empty_values_stay_empty() {
    let mut methods = token_like();
    methods.extend([
        Method::Fpe(Alphabet::digits()),
        Method::Mask { keep_last: 0, character: '*' },
        Method::Generalize(Generalization::Bucket(10)),
        Method::Generalize(Generalization::Year(DateLayout::Usual)),
    ]);
    for method in methods {
        assert_eq!(replace(&method, "").as_deref(), Ok(""), "{method:?}");
    }
}

#[test]
fn nothing_is_decrypted_that_was_changed_or_belongs_elsewhere() {
    let crm = field("crm", "email");
    for mode in [Mode::Deterministic, Mode::Randomized] {
        let made = replace(&Method::Encrypt(mode), "ann@example.org").unwrap();
        assert_eq!(decrypt(&made, &crm, &key()).unwrap().as_str(), "ann@example.org");
        assert_eq!(decrypt(&made.to_uppercase(), &crm, &key()).unwrap().as_str(), "ann@example.org");
        assert_eq!(key_id(&made), Some("k-1"));
        let why = |text: &str, field: &Field, key: &Key| match decrypt(text, field, key) {
            Err(Error::Undecryptable { reason }) => reason,
            other => panic!("{other:?}"),
        };
        assert_eq!(why(&made, &field("shop", "email"), &key()), Undecryptable::Changed);
        assert_eq!(why(&made, &field("crm", "phone"), &key()), Undecryptable::Changed);
        let same_id = Key::new("k-1", Zeroizing::new([8; 32])).unwrap();
        assert_eq!(why(&made, &crm, &same_id), Undecryptable::Changed);
        let other = Key::new("k-2", Zeroizing::new([7; 32])).unwrap();
        assert_eq!(why(&made, &crm, &other), Undecryptable::Key { id: "k-1".to_owned() });
        let start = made.rfind('_').unwrap() + 1;
        for at in start..made.len() - 1 {
            let mut bytes = made.clone().into_bytes();
            bytes[at] = if bytes[at] == b'a' { b'b' } else { b'a' };
            let changed = String::from_utf8(bytes).unwrap();
            assert_eq!(why(&changed, &crm, &key()), Undecryptable::Changed, "{at}");
        }
        for text in ["ann", "enc1d_", "enc1d_k-1", "enc1d_k-1_!", "hash1_k-1_aa"] {
            assert_eq!(why(text, &crm, &key()), Undecryptable::Form, "{text}");
        }
        assert!(decrypt(&made[..made.len() - 8], &crm, &key()).is_err());
        let swapped = if mode == Mode::Randomized { "enc1d_" } else { "enc1r_" };
        assert_eq!(why(&format!("{swapped}{}", &made[6..]), &crm, &key()), Undecryptable::Changed);
    }
}

#[test]
fn fewer_than_a_million_values_are_refused() {
    let fpe = |alphabet: &Alphabet, value: &str| replace(&Method::Fpe(alphabet.clone()), value);
    let binary = Alphabet::custom("ab").unwrap();
    for (alphabet, longest_refused) in [(Alphabet::digits(), 5), (Alphabet::alphanumeric(), 3), (binary, 19)] {
        let first = alphabet_text(&alphabet).repeat(longest_refused);
        let refused: String = first.chars().take(longest_refused).collect();
        let taken: String = first.chars().take(longest_refused + 1).collect();
        assert_eq!(fpe(&alphabet, &refused), Err(Reason::DomainTooSmall));
        assert_eq!(fpe(&alphabet, &taken).unwrap().len(), taken.len());
    }
    assert_eq!(fpe(&Alphabet::digits(), "--"), Err(Reason::DomainTooSmall));
}

fn alphabet_text(alphabet: &Alphabet) -> &'static str {
    if *alphabet == Alphabet::digits() {
        "0123456789"
    } else if *alphabet == Alphabet::alphanumeric() {
        "aZ09"
    } else {
        "ab"
    }
}

#[test]
fn separators_stay_and_nothing_else_does() {
    let made = replace(&Method::Fpe(Alphabet::digits()), "+49 (171) 123-4567").unwrap();
    let form: String = made.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
    assert_eq!(form, "+99 (999) 999-9999");
    for value in ["Ann 1234567", "123456é", "１234567"] {
        assert_eq!(replace(&Method::Fpe(Alphabet::digits()), value), Err(Reason::OutsideAlphabet));
    }
    let long = "1".repeat(300);
    assert_eq!(replace(&Method::Fpe(Alphabet::digits()), &long), Err(Reason::TooLong));
}

#[test]
fn an_alphabet_has_each_character_once() {
    assert!(Alphabet::custom("a").is_err() && Alphabet::custom("aa").is_err() && Alphabet::custom("äöü").is_ok());
}

#[test]
fn a_short_value_is_masked_wholly() {
    let mask = |value| replace(&Method::Mask { keep_last: 4, character: '*' }, value).unwrap();
    assert_eq!(mask("4111111111111111"), "************1111");
    assert_eq!(mask("1234"), "****");
    assert_eq!(mask("Zoë"), "***");
    assert_eq!(replace(&Method::Redact, "ann").as_deref(), Ok("#####"));
}

#[test]
fn dates_keep_their_layout() {
    let usual = || DateLayout::Usual;
    let pattern = |text: &str| DateLayout::Patterns(vec![text.to_owned()]);
    let two = || DateLayout::Patterns(vec!["%d/%m/%Y".to_owned(), "%Y%m%d".to_owned()]);
    for (to, value, expected) in [
        (Generalization::Year(usual()), "1987-05-23", Ok("1987-01-01")),
        (Generalization::Month(usual()), "1987-05-23", Ok("1987-05-01")),
        (Generalization::Month(usual()), "23.5.1987", Ok("01.5.1987")),
        (Generalization::Year(usual()), "19870523", Ok("19870101")),
        (Generalization::Year(usual()), "5/23/1987", Ok("1/01/1987")),
        (Generalization::Year(usual()), "23/05/1987", Ok("01/01/1987")),
        (Generalization::Month(usual()), "05/06/1987", Err(Reason::NoDate)),
        (Generalization::Month(pattern("%d/%m/%Y")), "05/06/1987", Ok("01/06/1987")),
        (Generalization::Month(usual()), "1987-05-23T10:11:12.123Z", Ok("1987-05-01T00:00:00.000Z")),
        (Generalization::Year(usual()), "1987-05-23 10:11:12 +01:00", Ok("1987-01-01 00:00:00 +01:00")),
        (Generalization::Month(two()), "05/06/1987", Ok("01/06/1987")),
        (Generalization::Month(two()), "19870605", Ok("19870601")),
        (Generalization::Month(two()), "1987-06-05", Err(Reason::NoDate)),
        (Generalization::Year(pattern("%d %b %Y")), "23 MAY 1987", Ok("01 JAN 1987")),
        (Generalization::Year(pattern("%d %b %Y")), "23 October 1987", Ok("01 January 1987")),
        (Generalization::Month(pattern("%m/%d/%y %I:%M %p")), "5/23/87 3:07 pm", Ok("5/01/87 12:00 am")),
        (Generalization::Year(usual()), "1987-13-23", Err(Reason::NoDate)),
        (Generalization::Year(usual()), "1987-05-23x", Err(Reason::NoDate)),
        (Generalization::Year(usual()), "Ann", Err(Reason::NoDate)),
    ] {
        assert_eq!(coarser(to, value).as_deref().map_err(|e| *e), expected, "{value}");
    }
}

#[test]
fn a_pattern_without_a_year_is_refused() {
    for pattern in ["epoch_ms", "%d.%m.", "%Q %Y", "%Y %"] {
        let method = Method::Generalize(Generalization::Year(DateLayout::Patterns(vec![pattern.to_owned()])));
        assert!(matches!(
            method.prepare(&field("crm", "dob"), None, PLACE),
            Err(Error::InvalidMethod { method: "generalize", .. })
        ));
    }
}

#[test]
fn a_number_falls_to_the_lower_end_of_its_bucket() {
    for (value, expected) in [
        ("37", Ok("30")),
        ("30", Ok("30")),
        ("9.99", Ok("0")),
        ("-1", Ok("-10")),
        ("-0.5", Ok("-10")),
        ("-10.0", Ok("-10")),
        ("007", Ok("0")),
        ("170141183460469231731687303715884105727", Ok("170141183460469231731687303715884105720")),
        ("1e3", Err(Reason::NoNumber)),
        ("1,000", Err(Reason::NoNumber)),
        ("", Ok("")),
        ("-", Err(Reason::NoNumber)),
        (".5", Err(Reason::NoNumber)),
        ("--1", Err(Reason::NoNumber)),
    ] {
        assert_eq!(coarser(Generalization::Bucket(10), value).as_deref().map_err(|e| *e), expected, "{value}");
    }
}

#[test]
fn of_a_postal_code_the_beginning_stays() {
    assert_eq!(coarser(Generalization::Prefix(3), "24034").as_deref(), Ok("240**"));
    assert_eq!(coarser(Generalization::Prefix(3), "SW1A 1AA").as_deref(), Ok("SW1*****"));
    assert_eq!(coarser(Generalization::Prefix(3), "123").as_deref(), Ok("***"));
}

#[test]
fn a_lone_value_is_not_shuffled() {
    let mut values = [None, Some(1), None];
    let refusal = shuffle(10).apply(0, &mut values, Option::is_none).unwrap_err();
    assert_eq!((refusal.reason, values), (Reason::Alone, [None, Some(1), None]));
    assert!(shuffle(10).apply(0, &mut [None, None::<u8>], Option::is_none).is_ok());
    let method = Method::Shuffle { window: 1 };
    assert!(method.prepare(&field("crm", "zip"), Some(&key()), PLACE).is_err());
}

#[test]
fn every_permutation_is_as_likely_as_any_other() {
    let shuffle = shuffle(3);
    let mut counts = std::collections::HashMap::new();
    for number in 0..6_000 {
        let mut values = [0, 1, 2];
        shuffle.apply(number, &mut values, |_| false).unwrap();
        *counts.entry(values).or_insert(0) += 1;
    }
    // Six standard deviations.
    assert_eq!(counts.len(), 6);
    assert!(counts.values().all(|n| (827..1173).contains(n)), "{counts:?}");
}

#[test]
fn a_method_that_needs_a_key_says_so() {
    for method in [Method::Hash, Method::Encrypt(Mode::Randomized), Method::Fpe(Alphabet::digits()), Method::Redact] {
        let prepared = method.prepare(&field("crm", "email"), None, PLACE);
        assert_eq!(matches!(prepared, Err(Error::NoKey { .. })), method.needs_key());
    }
}

#[test]
fn a_refusal_names_the_column_and_not_the_value() {
    let mut replacer = replacer_at(&Method::Fpe(Alphabet::digits()), &field("crm", "phone"), PLACE);
    let mut out = String::from("before");
    let refusal = replacer.apply("83", 0, &mut out).unwrap_err();
    assert_eq!(out, "before");
    let text = format!("{refusal} {refusal:?} {replacer:?}");
    assert!(text.contains("`column`") && text.contains("fpe") && !text.contains("83"), "{text}");
}

/// Every run of `length` characters of `value`.
fn runs(value: &str, length: usize) -> Vec<String> {
    let characters: Vec<_> = value.chars().collect();
    characters.windows(length).map(|run| run.iter().collect()).collect()
}

proptest! {
    #[test]
    fn what_is_encrypted_comes_back(value in ".{0,40}", row: u64) {
        for mode in [Mode::Deterministic, Mode::Randomized] {
            let mut out = String::new();
            replacer_at(&Method::Encrypt(mode), &field("crm", "email"), PLACE).apply(&value, row, &mut out).unwrap();
            let back = decrypt(&out, &field("crm", "email"), &key()).unwrap();
            prop_assert_eq!(back.as_str(), value.as_str());
            prop_assert!(out.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b)));
        }
    }

    #[test]
    fn what_is_encrypted_in_its_form_comes_back(value in "[-0-9a-zA-Z ]{4,40}[0-9]{4}") {
        let alphabet = Alphabet::alphanumeric();
        let out = replace(&Method::Fpe(alphabet.clone()), &value).unwrap();
        prop_assert_eq!(out.len(), value.len());
        prop_assert_eq!(reveal(&out, &alphabet, &field("crm", "email"), &key()).unwrap(), value);
    }

    // Characters that no base 32 has: a run cannot come about by chance.
    #[test]
    fn no_run_of_the_value_is_in_what_stands_for_it(value in "[A-Z0189@. ]{4,60}") {
        for method in token_like() {
            let out = replace(&method, &value).unwrap();
            prop_assert!(runs(&value, 4).iter().all(|run| !out.contains(run.as_str())));
        }
        let hash = replace(&Method::Hash, &value).unwrap();
        prop_assert_eq!(hash.len(), 58);
    }

    #[test]
    fn shuffling_loses_nothing_and_moves_no_null(
        values in proptest::collection::vec(proptest::option::of(0_u8..50), 0..200), number: u64,
    ) {
        prop_assume!(values.iter().flatten().count() != 1);
        let mut shuffled = values.clone();
        shuffle(1000).apply(number, &mut shuffled, Option::is_none).unwrap();
        let mut again = values.clone();
        shuffle(1000).apply(number, &mut again, Option::is_none).unwrap();
        prop_assert_eq!(&shuffled, &again);
        for (before, after) in values.iter().zip(&shuffled) {
            prop_assert_eq!(before.is_none(), after.is_none());
        }
        let (mut before, mut after) = (values, shuffled);
        before.sort_unstable();
        after.sort_unstable();
        prop_assert_eq!(before, after);
    }

    #[test]
    fn anything_can_be_given_to_any_method(value in "\\PC{0,30}") {
        for method in [
            Method::Fpe(Alphabet::digits()), Method::Generalize(Generalization::Year(DateLayout::Usual)),
            Method::Generalize(Generalization::Month(DateLayout::Patterns(vec!["%d.%b %Y %I%p%z".to_owned()]))),
            Method::Generalize(Generalization::Bucket(7)), Method::Generalize(Generalization::Prefix(3)),
        ] {
            let mut out = String::from("x");
            let mut replacer = replacer_at(&method, &field("crm", "email"), PLACE);
            if replacer.apply(&value, 0, &mut out).is_err() {
                prop_assert_eq!(out, "x");
            }
        }
        let _ = decrypt(&value, &field("crm", "email"), &key());
        let _ = reveal(&value, &Alphabet::digits(), &field("crm", "email"), &key());
    }

    #[test]
    fn dates_of_any_layout_become_dates_of_that_layout(
        year in 1000_u32..=9999, month in 1_u32..=12, day in 1_u32..=28, second in 0_u32..60,
    ) {
        for (written, expected) in [
            (format!("{year}-{month:02}-{day:02}"), format!("{year}-{month:02}-01")),
            (format!("{day:02}.{month:02}.{year}"), format!("01.{month:02}.{year}")),
            (format!("{year}{month:02}{day:02}"), format!("{year}{month:02}01")),
            (format!("{year}-{month:02}-{day:02} 10:11:{second:02}"), format!("{year}-{month:02}-01 00:00:00")),
        ] {
            prop_assert_eq!(coarser(Generalization::Month(DateLayout::Usual), &written), Ok(expected));
        }
    }
}
