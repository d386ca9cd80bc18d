use proptest::prelude::*;

use super::*;

mod generated;

fn detect(columns: &[(&str, &[&str])], threshold: f64) -> Vec<Finding> {
    let mut detector = Detector::new(columns.iter().map(|(header, _)| header), Settings::default());
    for (position, (_, values)) in columns.iter().enumerate() {
        detector.observe(position, values.iter().copied());
    }
    detector.findings(threshold)
}

fn kinds(found: &[Finding]) -> Vec<(&str, &str)> {
    found.iter().map(|f| (f.column.as_str(), f.kind.as_str())).collect()
}

/// Made-up people, in the form of a file of users.
const USERS: &str = "\
id,first_name,last_name,email,gender,address_1,address_2,city,state,zip,phone
1,Odalys,Brackenby,obrackenby0@shop.example,Female,785 Fenwick Terrace,,Roanoke,Virginia,24034,540-994-0196
2,Gabe,Le fontaine,glefontaine1@post.example,Male,8733 Redpath Circle,,San Antonio,Texas,78215,210-511-0352
3,Kornelia,Whitmarsh,kwhitmarsh2@slate.example,Genderfluid,5133 Dorwin Drive,Suite 76,Virginia Beach,,,757-298-0752
4,Thaddeus,O'Malleyson,tomalleyson3@corp.example,Male,06 Bluestem Way,Apt 1203,Houston,Texas,77015,713-404-0118
5,Mirabel,van Oosten,mvanoosten4@blogs.example,Female,1 Hintze Point,,Fresno,California,93715,559-213-0877
6,Silvan,Tregarthen,stregarthen5@mail.example,Non-binary,42 Corry Avenue,Room 12,Buffalo,New York,14210,716-555-0142
";

#[test]
fn a_file_of_users_shows_who_they_are() {
    let mut lines = USERS.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let headers = lines.next().unwrap();
    let mut detector = Detector::new(&headers, Settings::default());
    for row in lines {
        row.into_iter().enumerate().for_each(|(position, value)| detector.observe(position, [value]));
    }
    let found = detector.findings(0.5);
    let expected = [
        ("first_name", "first_name"),
        ("last_name", "last_name"),
        ("email", "email"),
        ("gender", "gender"),
        ("address_1", "address"),
        ("address_2", "address"),
        ("zip", "postal_code"),
        ("phone", "phone"),
    ];
    assert_eq!(kinds(&found), expected);
    assert!(found.iter().all(|f| f.share > 0.99 && f.certainty > 0.85), "{found:?}");
}

#[test]
fn values_prove_what_the_header_hides() {
    let found = detect(
        &[
            ("c1", &["ann@example.org", "bob@example.org", "", "NULL"]),
            ("c2", &["4111 1111 1111 1111", "5555 5555 5555 4444", "378282246310005"]),
            ("c3", &["DE89370400440532013000", "GB29NWBK60161331926819"]),
            ("c4", &["192.168.0.77", "10.1.200.3"]),
        ],
        0.5,
    );
    assert_eq!(kinds(&found), [("c1", "email"), ("c2", "payment_card"), ("c3", "iban"), ("c4", "ip_address")]);
    assert!(found.iter().all(|f| f.by == Evidence::Values));
}

#[test]
fn header_and_values_are_surer_than_either() {
    let values: &[&str] = &["540-994-0196", "210-511-0352", "757-298-0752"];
    let found = detect(&[("phone", values), ("x", values), ("phone", &["5409940196", "2105110352"])], 0.5);
    assert_eq!(found.iter().map(|f| f.by).collect::<Vec<_>>(), [Evidence::Both, Evidence::Values, Evidence::Header]);
    assert!(found[0].certainty > found[1].certainty && found[0].certainty > found[2].certainty);
}

#[test]
fn a_header_alone_proves_nothing() {
    let found = detect(
        &[
            ("email", &["yes", "no"]),
            ("zip", &["Berlin", "Paris"]),
            ("dob", &["17", "42"]),
            ("first_name", &["12", "13"]),
        ],
        0.01,
    );
    assert_eq!(found, []);
}

#[test]
fn a_few_values_are_found_with_a_low_threshold() {
    let mut values = vec!["a remark"; 97];
    values.extend(["ann@example.org", "bob@example.org", "eve@example.org"]);
    assert_eq!(detect(&[("remarks", &values)], 0.5), []);
    let found = detect(&[("remarks", &values)], 0.02);
    assert_eq!(kinds(&found), [("remarks", "email")]);
    assert!((found[0].share - 0.03).abs() < 1e-9);
}

#[test]
fn numbers_that_pass_luhn_by_chance_are_no_cards() {
    let numbers: Vec<String> = (0..1000_u64).map(|i| (4_000_000_000_000_000 + i * 7_919).to_string()).collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    assert_eq!(detect(&[("n", &numbers)], 0.01), []);
}

#[test]
fn what_has_been_replaced_is_not_personal() {
    let mut detector = Detector::new(["email", "first_name"], Settings::default().tokens(|v| v.starts_with("tok_")));
    let hash = format!("hash1_{}", "a".repeat(52));
    detector.observe(0, ["tok_1@token.invalid", "tok_2@token.invalid", &hash, "#####"]);
    detector.observe(1, ["tok_a", "tok_b"]);
    assert_eq!(detector.findings(0.0), []);
    let unaware = detect(&[("email", &["tok_1@token.invalid"])], 0.5);
    assert_eq!(kinds(&unaware), [("email", "email")]);
}

#[test]
fn a_kind_of_ones_own_is_found_as_a_whole_value() {
    let custom = BTreeMap::from([("badge".to_owned(), "B-[0-9]{6}|V-[0-9]{4}".to_owned())]);
    let mut detector = Detector::new(["x"], Settings::new(&custom).unwrap());
    detector.observe(0, ["B-123456", "V-1234", "xB-123456", "V-12345"]);
    let found = detector.findings(0.5);
    assert_eq!((kinds(&found), found[0].share), (vec![("x", "badge")], 0.5));
    for expression in ["(", "(a{1000}){1000}"] {
        let custom = BTreeMap::from([("badge".to_owned(), expression.to_owned())]);
        assert!(matches!(Settings::new(&custom), Err(Error::InvalidExpression { name, .. }) if name == "badge"));
    }
}

#[test]
fn no_value_is_kept() {
    let mut detector = Detector::new(["x"], Settings::default());
    detector.observe(0, ["ann@example.org", "4111111111111111"]);
    let text = format!("{detector:?} {:?}", detector.findings(0.0));
    assert!(!text.contains("ann") && !text.contains("4111"), "{text}");
}

proptest! {
    #[test]
    fn order_parts_and_threads_change_nothing(
        values in proptest::collection::vec(
            prop_oneof![
                "[a-z]{1,5}@[a-z]{1,5}\\.com", "\\+49[0-9]{8,10}", "[0-9]{3}-[0-9]{2}-[0-9]{4}", "[A-Z][a-z]{2,6}",
                "4[0-9]{15}", "Anna|Peter|Maria", "", "\\PC{0,12}",
            ],
            0..60,
        ),
        cut in 0_usize..60,
        header in "email|name|phone|x",
    ) {
        let mut whole = Detector::new([&header], Settings::default());
        whole.observe(0, values.iter().map(String::as_str));
        let (front, back) = values.split_at(cut.min(values.len()));
        let mut parts = whole.fork();
        prop_assert_eq!(parts.findings(0.0), vec![]);
        let mut other = parts.fork();
        other.observe(0, front.iter().rev().map(String::as_str));
        for value in back {
            parts.observe(0, [value.as_str()]);
        }
        parts.merge(&other);
        for threshold in [0.0, 0.3, 0.9] {
            prop_assert_eq!(whole.findings(threshold), parts.findings(threshold));
        }
        for f in whole.findings(0.0) {
            prop_assert!(f.share > 0.0 && f.share <= 1.0 && f.certainty >= LEAST_CERTAINTY && f.certainty <= 1.0);
        }
    }
}
