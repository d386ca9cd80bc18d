//! Precision and recall on made-up files whose truth is known.

use fastrand::Rng;

use super::*;

type Make = fn(&mut Rng) -> String;

/// Columns of one meaning: headers one of which it gets, what it holds, and how a value is made.
struct Sample {
    headers: &'static [&'static str],
    kind: Option<Kind>,
    make: Make,
}

const NO_HEADER: &[&str] = &["", "c7", "field_12", "value", "x"];

fn personal(kind: Kind, headers: &'static [&'static str], make: Make) -> Sample {
    Sample { headers, kind: Some(kind), make }
}

fn other(headers: &'static [&'static str], make: Make) -> Sample {
    Sample { headers, kind: None, make }
}

const FIRST: &[&str] = &[
    "Odalys",
    "Gabe",
    "Kornelia",
    "Thaddeus",
    "Mirabel",
    "Silvan",
    "Anna",
    "Peter",
    "Maria",
    "Jürgen",
    "François",
    "Zoé",
    "José",
    "Lucía",
    "João",
    "Beatriz",
    "Giulia",
    "Marco",
    "Sanne",
    "Daan",
    "Priya",
    "Wei",
    "Aoife",
    "Ekaterina",
    "Hans-Peter",
    "Emma",
    "Noah",
    "Olivia",
    "James",
    "Michael",
    "Linda",
    "Robert",
    "Sofia",
    "Lars",
    "Ingrid",
    "Mehmet",
    "Yuki",
    "Amara",
];
const LAST: &[&str] = &[
    "Brackenby",
    "Le fontaine",
    "Whitmarsh",
    "O'Malleyson",
    "van Oosten",
    "Tregarthen",
    "Müller",
    "Schmidt-Weber",
    "Dubois",
    "García",
    "Fernández López",
    "Silva",
    "Rossi",
    "De Vries",
    "Nguyen",
    "Okafor",
    "Kowalski",
    "Smith",
    "Johnson",
    "Lee",
];
const CITIES: &[&str] =
    &["Roanoke", "San Antonio", "Berlin", "Paris", "Köln", "Porto", "Madrid", "Houston", "Lyon", "Utrecht"];
const STATES: &[&str] =
    &["Virginia", "Texas", "Florida", "New York", "Ohio", "Georgia", "Bayern", "Hessen", "Nevada", "Utah"];
const THINGS: &[&str] = &[
    "Blue Cotton Shirt",
    "Oak Table",
    "Garden Hose",
    "USB Cable 2 m",
    "Coffee Mug",
    "Running Shoes",
    "Desk Lamp",
    "Wireless Mouse",
    "Winter Jacket",
    "Yoga Mat",
    "Steel Bottle",
    "Phone Case",
    "Street Map",
    "Travel Pillow",
];
const FIRMS: &[&str] = &[
    "Northwind Traders",
    "Acme Corp",
    "Globex GmbH",
    "Initech",
    "Umbrella SA",
    "Hooli",
    "Contoso Ltd",
    "Stark Industries",
    "Wayne Enterprises",
    "Müller Maschinenbau AG",
    "Banco do Norte",
    "Fabrikam",
    "Tailspin Toys",
    "Vandelay",
];
const WORDS: &[&str] =
    &["mail", "shop", "post", "corp", "blog", "north", "river", "data", "home", "web", "sun", "cloud"];

fn pick(rng: &mut Rng, from: &[&'static str]) -> &'static str {
    from[rng.usize(..from.len())]
}

fn digits(rng: &mut Rng, n: usize) -> String {
    (0..n).map(|_| char::from(b'0' + rng.u8(..10))).collect()
}

fn digits_from(rng: &mut Rng, first: &str, n: usize) -> String {
    format!("{}{}", pick_char(rng, first), digits(rng, n - 1))
}

fn pick_char(rng: &mut Rng, from: &str) -> char {
    char::from(from.as_bytes()[rng.usize(..from.len())])
}

fn letters(rng: &mut Rng, n: usize) -> String {
    (0..n).map(|_| char::from(b'A' + rng.u8(..26))).collect()
}

fn email(rng: &mut Rng) -> String {
    let (a, b) = (pick(rng, WORDS), pick(rng, WORDS));
    let top = pick(rng, &["com", "org", "de", "co.uk", "fr", "example"]);
    let separator = pick(rng, &[".", "_", "", "+"]);
    format!("{a}{separator}{b}{}@{}.{top}", rng.u32(..999), pick(rng, WORDS))
}

fn phone_us(rng: &mut Rng) -> String {
    let (a, b, c) = (digits_from(rng, "23456789", 3), digits_from(rng, "23456789", 3), digits(rng, 4));
    match rng.u8(..4) {
        0 => format!("({a}) {b}-{c}"),
        1 => format!("{a}.{b}.{c}"),
        2 => format!("1-{a}-{b}-{c}"),
        _ => format!("{a}-{b}-{c}"),
    }
}

fn phone_europe(rng: &mut Rng) -> String {
    match rng.u8(..4) {
        0 => format!("0{}/{}", digits_from(rng, "123456789", 3), digits(rng, 7)),
        1 => format!("0{} {}", digits_from(rng, "123456789", 2), digits(rng, 8)),
        2 => format!("0{} {} {} {} {}", rng.u8(1..8), digits(rng, 2), digits(rng, 2), digits(rng, 2), digits(rng, 2)),
        _ => format!("06-{}", digits(rng, 8)),
    }
}

fn phone_iberia(rng: &mut Rng) -> String {
    format!("{} {} {}", digits_from(rng, "69", 3), digits(rng, 3), digits(rng, 3))
}

fn phone_international(rng: &mut Rng) -> String {
    let country = pick(rng, &["49", "33", "34", "351", "39", "31", "44", "1"]);
    match rng.u8(..3) {
        0 => format!("+{country}{}", digits_from(rng, "123456789", 9)),
        1 => format!("+{country} {} {}", digits_from(rng, "123456789", 3), digits(rng, 6)),
        _ => format!("+{country} ({}) {}-{}", digits_from(rng, "123456789", 2), digits(rng, 4), digits(rng, 3)),
    }
}

fn phone_bare(rng: &mut Rng) -> String {
    digits_from(rng, "23456789", 10)
}

fn luhn_completed(mut number: String) -> String {
    let sum: u32 = number
        .bytes()
        .rev()
        .zip([2, 1].into_iter().cycle())
        .map(|(b, weight)| {
            let n = u32::from(b - b'0') * weight;
            n / 10 + n % 10
        })
        .sum();
    number.extend(char::from_digit((10 - sum % 10) % 10, 10));
    number
}

fn card(rng: &mut Rng) -> String {
    let (prefix, length) = *rng.choice(&[("4", 16), ("51", 16), ("2221", 16), ("34", 15), ("6011", 16)]).unwrap();
    let number = luhn_completed(format!("{prefix}{}", digits(rng, length - prefix.len() - 1)));
    if length == 16 && rng.bool() {
        let groups: Vec<_> = (0..4).map(|i| &number[i * 4..i * 4 + 4]).collect();
        groups.join(pick(rng, &[" ", "-"]))
    } else {
        number
    }
}

fn iban(rng: &mut Rng) -> String {
    let (country, body) = match rng.u8(..4) {
        0 => ("DE", digits(rng, 18)),
        1 => ("FR", digits(rng, 23)),
        2 => ("GB", format!("{}{}", letters(rng, 4), digits(rng, 14))),
        _ => ("NL", format!("{}{}", letters(rng, 4), digits(rng, 10))),
    };
    let number = format!("{body}{country}00").bytes().fold(0_u32, |rest, b| match b {
        b'0'..=b'9' => (rest * 10 + u32::from(b - b'0')) % 97,
        _ => (rest * 100 + u32::from(b - b'A') + 10) % 97,
    });
    let plain = format!("{country}{:02}{body}", 98 - number);
    if rng.bool() {
        plain
    } else {
        plain.as_bytes().chunks(4).map(|c| String::from_utf8_lossy(c).into_owned()).collect::<Vec<_>>().join(" ")
    }
}

fn ssn_parts(rng: &mut Rng) -> (u32, u32, u32) {
    (rng.u32(1..=665), rng.u32(1..=99), rng.u32(1..=9999))
}

fn ssn(rng: &mut Rng) -> String {
    let (area, group, serial) = ssn_parts(rng);
    format!("{area:03}-{group:02}-{serial:04}")
}

fn ssn_bare(rng: &mut Rng) -> String {
    ssn(rng).replace('-', "")
}

fn ipv4(rng: &mut Rng) -> String {
    match rng.u8(..3) {
        0 => format!("10.0.{}.{}", rng.u8(..), rng.u8(..)),
        1 => format!("192.168.{}.{}", rng.u8(..4), rng.u8(..)),
        _ => format!("{}.{}.{}.{}", rng.u8(1..224), rng.u8(..), rng.u8(..), rng.u8(..)),
    }
}

fn ipv6(rng: &mut Rng) -> String {
    format!("2001:db8:{:x}:{:x}::{:x}", rng.u16(..), rng.u16(..), rng.u16(..))
}

fn birth(rng: &mut Rng) -> String {
    format!("{}-{:02}-{:02}", rng.u32(1930..2012), rng.u8(1..=12), rng.u8(1..=28))
}

fn birth_europe(rng: &mut Rng) -> String {
    format!("{:02}.{:02}.{}", rng.u8(1..=28), rng.u8(1..=12), rng.u32(1930..2012))
}

fn birth_us(rng: &mut Rng) -> String {
    format!("{}/{}/{}", rng.u8(1..=12), rng.u8(1..=28), rng.u32(1930..2012))
}

fn full_name(rng: &mut Rng) -> String {
    let (first, last) = (pick(rng, FIRST), pick(rng, LAST));
    if rng.u8(..4) == 0 { format!("{last}, {first}") } else { format!("{first} {last}") }
}

fn street_us(rng: &mut Rng) -> String {
    let word = pick(rng, &["Street", "Ave", "Road", "Lane", "Terrace", "Drive", "Blvd", "Court", "Way"]);
    format!("{} {} {word}", rng.u32(1..9999), pick(rng, LAST))
}

fn street_german(rng: &mut Rng) -> String {
    let word = pick(rng, &["straße", "weg", "platz", "allee", "str."]);
    format!(
        "{}{word} {}{}",
        pick(rng, &["Linden", "Bahnhof", "Goethe", "Garten"]),
        rng.u8(1..200),
        pick(rng, &["", "a", " b"])
    )
}

fn street_romance(rng: &mut Rng) -> String {
    match rng.u8(..4) {
        0 => format!("{} rue de la Paix", rng.u8(1..200)),
        1 => format!("Calle Mayor {}", rng.u8(1..200)),
        2 => format!("Via Garibaldi {}", rng.u8(1..200)),
        _ => format!("Rua das Flores {}, {}º Dto", rng.u8(1..200), rng.u8(1..9)),
    }
}

fn zip_us(rng: &mut Rng) -> String {
    if rng.u8(..5) == 0 { format!("{}-{}", digits(rng, 5), digits(rng, 4)) } else { digits(rng, 5) }
}

fn postcode_letters(rng: &mut Rng) -> String {
    match rng.u8(..3) {
        0 => format!("{}{} {}{}", letters(rng, 2), rng.u8(1..20), rng.u8(..10), letters(rng, 2)),
        1 => format!("{} {}", digits_from(rng, "123456789", 4), letters(rng, 2)),
        _ => format!("{}-{}", digits_from(rng, "123456789", 4), digits(rng, 3)),
    }
}

fn passport(rng: &mut Rng) -> String {
    if rng.bool() { format!("{}{}", letters(rng, 2), digits(rng, 7)) } else { digits(rng, 9) }
}

fn licence(rng: &mut Rng) -> String {
    format!("{}{}", letters(rng, 1), digits(rng, 12))
}

fn samples() -> Vec<Sample> {
    personal_samples().into_iter().chain(other_samples()).collect()
}

fn personal_samples() -> Vec<Sample> {
    vec![
        personal(Kind::Email, &["email", "E-Mail", "customerEmail", "correo_electronico", "courriel"], email),
        personal(Kind::Email, NO_HEADER, email),
        personal(Kind::Phone, &["phone", "phone_number", "HomePhone", "mobile"], phone_us),
        personal(Kind::Phone, NO_HEADER, phone_us),
        personal(Kind::Phone, &["Telefon", "téléphone", "telefoonnummer", "handy_nr", "fax"], phone_europe),
        personal(Kind::Phone, NO_HEADER, phone_europe),
        personal(Kind::Phone, &["telefono", "telemóvel", "movil"], phone_iberia),
        personal(Kind::Phone, NO_HEADER, phone_international),
        personal(Kind::Phone, &["phone", "tel_no", "contactNumber"], phone_bare),
        personal(Kind::PaymentCard, &["card_number", "Kreditkartennummer", "creditCard"], card),
        personal(Kind::PaymentCard, NO_HEADER, card),
        personal(Kind::Iban, &["iban", "IBAN_number", "account"], iban),
        personal(Kind::Iban, NO_HEADER, iban),
        personal(Kind::UsSsn, NO_HEADER, ssn),
        personal(Kind::UsSsn, &["ssn", "SocialSecurityNumber"], ssn_bare),
        personal(Kind::IpAddress, &["ip", "client_ip", "IPAddress", "host"], ipv4),
        personal(Kind::IpAddress, NO_HEADER, ipv4),
        personal(Kind::IpAddress, NO_HEADER, ipv6),
        personal(Kind::DateOfBirth, &["dob", "date_of_birth", "birthDate", "fecha_nacimiento"], birth),
        personal(Kind::DateOfBirth, &["Geburtsdatum", "data di nascita", "date de naissance"], birth_europe),
        personal(Kind::DateOfBirth, &["birthday", "DOB"], birth_us),
        personal(Kind::DateOfBirth, &["birth_year", "Geburtsjahr"], |rng| rng.u32(1930..2012).to_string()),
        personal(Kind::FirstName, &["first_name", "Vorname", "prénom", "givenName", "voornaam"], |rng| {
            pick(rng, FIRST).to_owned()
        }),
        personal(Kind::FirstName, NO_HEADER, |rng| pick(rng, FIRST).to_owned()),
        personal(Kind::LastName, &["last_name", "Nachname", "apellidos", "cognome", "surname", "achternaam"], |rng| {
            pick(rng, LAST).to_owned()
        }),
        personal(Kind::FullName, &["full_name", "customer_name", "contactName", "Ansprechpartner"], full_name),
        personal(Kind::FullName, &["name", "nombre", "customer", "nome"], full_name),
        personal(Kind::FullName, NO_HEADER, full_name),
        personal(Kind::Address, &["address", "address_1", "streetAddress", "shipping_address"], street_us),
        personal(Kind::Address, NO_HEADER, street_us),
        personal(Kind::Address, &["Straße", "Anschrift", "adresse"], street_german),
        personal(Kind::Address, NO_HEADER, street_german),
        personal(Kind::Address, &["adresse", "dirección", "indirizzo", "morada"], street_romance),
        personal(Kind::PostalCode, &["zip", "ZIP_Code", "postalCode", "PLZ", "code postal", "CAP"], zip_us),
        personal(Kind::PostalCode, &["postcode", "codigo_postal", "shipping_postcode"], postcode_letters),
        personal(Kind::Gender, &["gender", "Geschlecht", "sexo", "sex"], |rng| {
            pick(rng, &["m", "f", "Male", "Female", "weiblich", "Genderfluid"]).to_owned()
        }),
        personal(Kind::Nationality, &["nationality", "Staatsangehörigkeit"], |rng| {
            pick(rng, &["German", "French", "Brasileira", "US American", "NL"]).to_owned()
        }),
        personal(Kind::Passport, &["passport_no", "Reisepassnummer", "pasaporte"], passport),
        personal(Kind::DriversLicence, &["drivers_license", "Führerschein", "driving_licence_no"], licence),
    ]
}

fn other_samples() -> Vec<Sample> {
    vec![
        other(&["id", "customer_id", "", "n", "phone_id"], |rng| rng.u32(1..2_000_000).to_string()),
        other(&["order_id", "", "ref", "number"], |rng| format!("ORD-{}", digits(rng, 8))),
        other(&["order_no", "", "bestellnummer"], |rng| digits_from(rng, "123456789", 10)),
        other(&["tracking", "", "transaction"], |rng| digits(rng, 16)),
        other(&["invoice", "document_no", ""], |rng| format!("{}-{}", rng.u32(2015..2027), digits(rng, 6))),
        other(&["uuid", "", "session"], |rng| {
            let (a, b, c, d) = (rng.u32(..), rng.u16(..), rng.u16(..), rng.u64(..));
            format!("{a:08x}-{b:04x}-4{:03x}-a{:03x}-{:012x}", c & 0xfff, b & 0xfff, d & 0xffff_ffff_ffff)
        }),
        other(&["md5", "email_hash", ""], |rng| format!("{:032x}", rng.u128(..))),
        other(&["timestamp", "", "created"], |rng| rng.u64(1_500_000_000..1_800_000_000).to_string()),
        other(&["created_ms", "", "t"], |rng| rng.u64(1_500_000_000_000..1_800_000_000_000).to_string()),
        other(&["created_at", "", "email_sent_at", "order_date"], |rng| {
            format!(
                "20{}-{:02}-{:02} {:02}:{:02}:00",
                rng.u8(10..27),
                rng.u8(1..=12),
                rng.u8(1..=28),
                rng.u8(..24),
                rng.u8(..60)
            )
        }),
        other(&["order_date", "", "hired", "valid_from"], birth_europe),
        other(&["date", "", "due"], birth),
        other(&["amount", "", "price"], |rng| format!("{}.{:02}", rng.u32(..99_999), rng.u8(..100))),
        other(&["total", "", "balance"], |rng| format!("{}{}", pick(rng, &["-", "+", ""]), rng.u32(..99_999_999))),
        other(&["price", "", "phone_cost"], |rng| format!("$ {}.99", rng.u32(..999))),
        other(&["product_name", "", "item", "name", "title"], |rng| pick(rng, THINGS).to_owned()),
        other(&["company", "company_name", "", "name", "supplier"], |rng| pick(rng, FIRMS).to_owned()),
        other(&["state", "", "Bundesland"], |rng| pick(rng, STATES).to_owned()),
        other(&["city", "", "Ort"], |rng| pick(rng, CITIES).to_owned()),
        other(&["country", "", "land"], |rng| {
            pick(rng, &["Germany", "France", "United States", "Chad", "Jordan"]).to_owned()
        }),
        other(&["country_code", "", "lang"], |rng| letters(rng, 2)),
        other(&["version", "", "release"], |rng| {
            format!("{}.{}.{}.{}", rng.u8(1..12), rng.u8(..20), rng.u8(..10), rng.u8(..30))
        }),
        other(&["app_version", "", "build"], |rng| format!("{}.{}.{}", rng.u8(1..12), rng.u8(..20), rng.u8(..200))),
        other(&["ean", "", "gtin"], |rng| format!("40{}", digits(rng, 11))),
        other(&["isbn", "", "book"], |rng| format!("978-3-{}-{}-{}", digits(rng, 2), digits(rng, 6), rng.u8(..10))),
        other(&["isbn10", ""], |rng| {
            format!("{}-{}-{}-{}", rng.u8(..10), digits(rng, 3), digits(rng, 5), rng.u8(..10))
        }),
        other(&["imei", "", "device"], |rng| luhn_completed(format!("35{}", digits(rng, 12)))),
        other(&["sku", "", "part_number"], |rng| format!("{}-{}-{}", letters(rng, 2), digits(rng, 4), letters(rng, 1))),
        other(&["part", "", "article"], |rng| {
            format!("{}-{}-{}", digits_from(rng, "123456789", 4), digits(rng, 3), digits(rng, 3))
        }),
        other(&["mac_address", "", "device_mac"], |rng| {
            (0..6).map(|_| format!("{:02x}", rng.u8(..))).collect::<Vec<_>>().join(":")
        }),
        other(&["time", "", "start"], |rng| format!("{:02}:{:02}:{:02}", rng.u8(..24), rng.u8(..60), rng.u8(..60))),
        other(&["lat", "", "longitude"], |rng| format!("{}.{}", rng.i8(-90..90), digits(rng, 6))),
        other(&["url", "", "link"], |rng| {
            format!("https://{}.example/{}?id={}", pick(rng, WORDS), pick(rng, WORDS), rng.u32(..))
        }),
        other(&["handle", "", "social"], |rng| format!("@{}{}", pick(rng, WORDS), rng.u16(..))),
        other(&["email_verified", "has_phone", "active"], |rng| rng.bool().to_string()),
        other(&["status", "", "phone_type"], |rng| {
            pick(rng, &["open", "closed", "mobile", "in progress", "new"]).to_owned()
        }),
        other(&["month", "", "period"], |rng| pick(rng, &["January", "April", "May", "June", "August"]).to_owned()),
        other(&["colour", "", "category"], |rng| {
            pick(rng, &["Red", "Amber", "Violet", "Navy Blue", "Rose"]).to_owned()
        }),
        other(&["job_title", "", "position"], |rng| {
            pick(rng, &["Sales Manager", "Engineer II", "Nurse", "VP Marketing", "Data Analyst"]).to_owned()
        }),
        other(&["remark", "", "description"], |rng| {
            format!(
                "{} of {} was {}",
                pick(rng, THINGS),
                rng.u8(1..9),
                pick(rng, &["late", "sent back", "fine, thank you"])
            )
        }),
        other(&["dimensions", "", "size"], |rng| format!("{} x {} cm", rng.u8(1..), rng.u8(1..))),
        other(&["share", "", "rate"], |rng| format!("{} %", rng.u8(..101))),
        other(&["file_name", "", "path"], |rng| {
            format!("/data/{}/{}-{}.csv", pick(rng, WORDS), pick(rng, WORDS), rng.u16(..))
        }),
        other(&["bytes", "", "file_size"], |rng| rng.u64(..9_999_999_999).to_string()),
        other(&["quantity", "", "zip_files"], |rng| rng.u32(..99_999).to_string()),
    ]
}

#[derive(Debug, Default)]
struct Score {
    found: u32,
    wrong: u32,
    missed: u32,
}

#[test]
fn what_is_found_is_right_and_little_is_missed() {
    let samples = samples();
    let personal = samples.iter().filter(|sample| sample.kind.is_some()).count();
    assert!(samples.len() >= 60 && personal * 2 <= samples.len());
    let mut score = Score::default();
    let mut mistakes = Vec::new();
    for seed in 0..40 {
        let mut rng = Rng::with_seed(seed);
        for sample in &samples {
            let header = pick(&mut rng, sample.headers);
            let rows = *rng.choice(&[20, 100, 400]).unwrap();
            let nulls = rng.u32(..40);
            let dirt = rng.u32(..6);
            let values: Vec<String> = (0..rows)
                .map(|_| match rng.u32(..100) {
                    n if n < nulls => String::new(),
                    n if n < nulls + dirt => pick(&mut rng, &["unknown", "-", "n/a", "0", "see file"]).to_owned(),
                    _ => (sample.make)(&mut rng),
                })
                .collect();
            let mut detector = Detector::new([header], Settings::default());
            detector.observe(0, values.iter().map(String::as_str));
            let found: Vec<Kind> = detector.findings(0.5).into_iter().map(|f| f.kind).collect();
            let right = u32::from(sample.kind.as_ref().is_some_and(|kind| found.contains(kind)));
            let wrong = u32::try_from(found.len()).unwrap() - right;
            let missed = u32::from(sample.kind.is_some()) - right;
            score.found += right;
            score.wrong += wrong;
            score.missed += missed;
            if wrong + missed > 0 {
                mistakes.push(format!("{header:?}: {:?} as {found:?}, like {:?}", sample.kind, values.last()));
            }
        }
    }
    mistakes.sort();
    let precision = f64::from(score.found) / f64::from(score.found + score.wrong);
    let recall = f64::from(score.found) / f64::from(score.found + score.missed);
    println!("precision {precision:.4}, recall {recall:.4}, {score:?}\n{}", mistakes.join("\n"));
    assert!(
        precision >= 0.97 && recall >= 0.97,
        "precision {precision:.4}, recall {recall:.4}\n{}",
        mistakes.join("\n")
    );
}

/// How many values a second one core judges; printed, as a floor would depend on the machine.
#[test]
#[allow(clippy::cast_precision_loss)]
#[ignore = "measures; run it with --release --no-capture"]
fn short_values_are_judged_at_the_speed_of_files() {
    let samples = samples();
    let mut rng = Rng::with_seed(1);
    let columns: Vec<(&str, Vec<String>)> = samples
        .iter()
        .map(|sample| (sample.headers[0], (0..20_000).map(|_| (sample.make)(&mut rng)).collect()))
        .collect();
    let mut slowest = (f64::INFINITY, "");
    let start = std::time::Instant::now();
    let mut detector = Detector::new(columns.iter().map(|(header, _)| header), Settings::default());
    let mut n = 0;
    for (position, (header, values)) in columns.iter().enumerate() {
        let start = std::time::Instant::now();
        detector.observe(position, values.iter().map(String::as_str));
        n += values.len();
        let speed = values.len() as f64 / start.elapsed().as_secs_f64();
        if speed < slowest.0 {
            slowest = (speed, header);
        }
    }
    let speed = n as f64 / start.elapsed().as_secs_f64();
    println!("{speed:.0} values a second; {slowest:?} the slowest; {} findings", detector.findings(0.5).len());
}
