//! What the name of a column says about its values, in English, German, French, Spanish, Portuguese, Italian and
//! Dutch.

use std::{collections::HashMap, sync::LazyLock};

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

use crate::Kind;

/// What a header says.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Meaning {
    /// The values are of this kind, as sure as this, from 0 to 1, before any value is seen.
    Personal(Kind, f64),
    /// The values are something else.
    Other,
    /// It says nothing that we know.
    Unknown,
}

/// Headers, written as one word. The longest run of words of a header that is here decides.
const PHRASES: &[(&str, Kind, f64)] = &[
    ("email mail emailaddress mailaddress emailid eposta correo correoelectronico courriel adresseemail adressemail
      adresseelectronique posta postaelettronica indirizzoemail emailadresse mailadresse enderecoemail
      correioeletronico correioelectronico emailadres mailadres direccionemail", Kind::Email, 0.95),
    ("phone phonenumber phoneno phonenum phonenr telephone telephonenumber tel telno telnr telnumber mobile mobilephone
      mobilenumber mobileno cell cellphone cellnumber fax faxnumber telefon telefonnummer telefonnr handy handynummer
      mobil mobilnummer mobiltelefon rufnummer festnetz telefono telefonofijo movil celular numerotelefono
      numerodetelefono telefone telemovel numerodetelefone numtel numerotelephone numerodetelephone portable cellulare
      numeroditelefono telefoon telefoonnummer mobiel mobielnummer gsm msisdn contactnumber whatsapp", Kind::Phone, 0.9),
    ("creditcard creditcardnumber cardnumber cardno ccnumber ccnum pan paymentcard debitcard kreditkarte
      kreditkartennummer kartennummer numerocarte numerodecarte cartebancaire cartedecredit tarjeta numerotarjeta
      numerodetarjeta tarjetadecredito cartadicredito numerocarta cartaodecredito numerocartao creditcardnummer
      kaartnummer", Kind::PaymentCard, 0.95),
    ("iban ibannumber ibannummer ibannr", Kind::Iban, 0.95),
    ("ssn socialsecurity socialsecuritynumber socialsecurityno socialsecuritynum socsec ussn", Kind::UsSsn, 0.95),
    ("ip ipv ipaddress ipaddr ipadresse adresseip direccionip indirizzoip enderecoip ipadres remoteaddr",
      Kind::IpAddress, 0.9),
    ("dob dateofbirth birthdate birthday birthdt bdate born birth birthyear yearofbirth geburtsdatum geburtstag gebdatum
      gebdat geburtsjahr geboren datenaissance datedenaissance naissance fechanacimiento fechadenacimiento nacimiento
      datadinascita datanascita nascita datadenascimento datanascimento nascimento geboortedatum geboortejaar",
      Kind::DateOfBirth, 0.95),
    ("firstname fname givenname givennames given forename forenames middlename preferredname christianname vorname
      vornamen rufname prenom prenoms nombredepila nombrepila primernombre nombres primeironome nomeproprio voornaam
      voornamen roepnaam", Kind::FirstName, 0.9),
    ("lastname lname surname familyname maidenname nachname familienname zuname geburtsname nomdefamille nomfamille
      apellido apellidos primerapellido segundoapellido cognome sobrenome apelido ultimonome achternaam familienaam",
      Kind::LastName, 0.9),
    ("fullname personname contactname customername clientname employeename patientname cardholder cardholdername
      accountholder holdername nomcomplet nombrecompleto nomecompleto nominativo volledigenaam kundenname
      ansprechpartner contactperson nomprenom kontoinhaber", Kind::FullName, 0.85),
    ("address addr streetaddress street streetname addressline postaladdress mailingaddress homeaddress adresse
      anschrift strasse strassenname rue voie adressepostale direccion domicilio calle indirizzo residenza endereco
      morada rua logradouro adres straat straatnaam woonadres", Kind::Address, 0.9),
    ("zip zipcode postalcode postcode postleitzahl plz codepostal codigopostal codpostal codicepostale
      codicediavviamentopostale cep eircode postkode postnummer postalzip", Kind::PostalCode, 0.9),
    ("cp cap pincode", Kind::PostalCode, 0.65),
    ("gender sex geschlecht sexe sexo genero sesso geslacht civilite anrede salutation", Kind::Gender, 0.9),
    ("nationality nationalitat nationalitaet staatsangehorigkeit staatsangehoerigkeit citizenship nationalite
      nacionalidad nacionalidade nazionalita cittadinanza nationaliteit", Kind::Nationality, 0.85),
    ("passport passportnumber passportno passportid reisepass reisepassnummer passnummer passeport numeropasseport
      numerodepasseport pasaporte numeropasaporte passaporto numeropassaporto passaporte paspoort paspoortnummer",
      Kind::Passport, 0.95),
    ("driverlicense driverslicense driverlicence driverslicence drivinglicence drivinglicense dlnumber fuehrerschein
      fuhrerschein fuehrerscheinnummer fuhrerscheinnummer permisdeconduire permisconduire licenciadeconducir
      licenciaconducir permisodeconducir patentediguida cartadeconducao cnh rijbewijs rijbewijsnummer",
      Kind::DriversLicence, 0.95),
];

/// Words for a name of anything.
const NAME: &[&str] = &["name", "nom", "nombre", "nome", "naam", "names"];

/// Words that make it the name of a person.
const ROLES: &[&str] = &[
    "customer",
    "client",
    "employee",
    "patient",
    "contact",
    "person",
    "member",
    "guest",
    "passenger",
    "holder",
    "owner",
    "student",
    "teacher",
    "doctor",
    "author",
    "buyer",
    "seller",
    "recipient",
    "sender",
    "applicant",
    "user",
    "subscriber",
    "insured",
    "beneficiary",
    "tenant",
    "driver",
    "donor",
    "attendee",
    "manager",
    "kunde",
    "kunden",
    "mitarbeiter",
    "patienten",
    "empfaenger",
    "empfanger",
    "absender",
    "inhaber",
    "halter",
    "cliente",
    "paciente",
    "empleado",
    "empregado",
    "paziente",
    "dipendente",
    "klant",
    "medewerker",
    "patiente",
    "salarie",
    "employe",
    "destinataire",
    "titulaire",
];

/// Words that make a phrase say something about the value, and not what it is.
const ABOUT: &[&str] = &[
    "count",
    "id",
    "type",
    "status",
    "verified",
    "flag",
    "sent",
    "opened",
    "template",
    "date",
    "at",
    "hash",
    "valid",
    "is",
    "has",
    "length",
    "domain",
    "provider",
    "label",
    "cost",
    "change",
    "changed",
    "opt",
    "consent",
    "preference",
    "preferred",
    "country",
    "prefix",
    "area",
    "extension",
    "model",
    "brand",
    "file",
    "files",
    "mac",
    "web",
    "url",
    "wallet",
    "contract",
    "memory",
    "token",
    "subject",
    "expiry",
    "expires",
    "issued",
    "confirmed",
    "allowed",
    "clicks",
    "total",
    "num",
    "frequency",
    "format",
    "version",
    "rate",
    "price",
    "company",
    "product",
    "created",
    "updated",
    "code",
    "state",
    "city",
    "currency",
    "balance",
    "plan",
    "size",
];

/// Words that name something else.
const OTHER: &[&str] = &[
    "id",
    "uuid",
    "guid",
    "key",
    "sku",
    "ean",
    "isbn",
    "upc",
    "gtin",
    "product",
    "produkt",
    "produit",
    "producto",
    "item",
    "article",
    "artikel",
    "order",
    "bestellung",
    "invoice",
    "rechnung",
    "version",
    "release",
    "build",
    "state",
    "city",
    "ort",
    "stadt",
    "town",
    "ville",
    "ciudad",
    "cidade",
    "citta",
    "plaats",
    "country",
    "land",
    "pays",
    "pais",
    "paese",
    "region",
    "province",
    "bundesland",
    "status",
    "type",
    "category",
    "kategorie",
    "brand",
    "marke",
    "model",
    "colour",
    "color",
    "farbe",
    "month",
    "monat",
    "day",
    "weekday",
    "currency",
    "amount",
    "betrag",
    "price",
    "preis",
    "total",
    "count",
    "quantity",
    "qty",
    "menge",
    "company",
    "firma",
    "organisation",
    "organization",
    "file",
    "filename",
    "host",
    "hostname",
    "domain",
    "url",
    "title",
    "titel",
    "description",
    "serial",
    "imei",
    "tracking",
    "timestamp",
    "created",
    "updated",
    "department",
    "abteilung",
    "team",
    "store",
    "filiale",
    "part",
    "lot",
    "batch",
    "ref",
    "reference",
    "referenz",
    "number",
    "nummer",
    "nr",
    "no",
    "num",
    "code",
    "rating",
    "score",
    "language",
    "sprache",
    "date",
    "time",
    "datum",
    "checksum",
    "hash",
    "latitude",
    "longitude",
    "lat",
    "lon",
    "coordinates",
    "duration",
    "weight",
    "sector",
    "industry",
    "job",
    "species",
    "genre",
];

static TABLE: LazyLock<HashMap<&'static str, (&'static Kind, f64)>> = LazyLock::new(|| {
    PHRASES
        .iter()
        .flat_map(|(phrases, kind, strength)| phrases.split_whitespace().map(move |phrase| (phrase, (kind, *strength))))
        .collect()
});

/// The longest run of words that is looked up.
const LONGEST_RUN: usize = 5;

/// The shortest phrase that is looked for at the end of a word.
const SHORTEST_ENDING: usize = 5;

/// What `header` says.
pub(super) fn meaning(header: &str) -> Meaning {
    let words = words(header);
    for length in (1..=words.len().min(LONGEST_RUN)).rev() {
        for start in 0..=words.len() - length {
            if let Some((kind, strength)) = TABLE.get(words[start..start + length].concat().as_str()) {
                let rest = words[..start].iter().chain(&words[start + length..]).map(String::as_str);
                return announced(kind, *strength, rest);
            }
        }
    }
    for word in &words {
        // Words of seven languages are written together: `kundenemail`, `shippingaddress`.
        for at in 2..word.len().saturating_sub(SHORTEST_ENDING - 1) {
            if let Some((kind, strength)) = word.get(at..).and_then(|end| TABLE.get(end)) {
                let rest = words.iter().map(String::as_str).filter(|other| other != word).chain([&word[..at]]);
                return announced(kind, strength * 0.95, rest);
            }
        }
    }
    name_of_something(&words)
}

fn announced<'a>(kind: &Kind, strength: f64, mut rest: impl Iterator<Item = &'a str>) -> Meaning {
    if rest.any(|word| ABOUT.contains(&word)) { Meaning::Other } else { Meaning::Personal(kind.clone(), strength) }
}

fn name_of_something(words: &[String]) -> Meaning {
    let is = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    let role = is(ROLES);
    if is(NAME) && role {
        return Meaning::Personal(Kind::FullName, 0.75);
    }
    let login = words.iter().any(|word| word == "username");
    match words {
        [word] if NAME.contains(&word.as_str()) => Meaning::Personal(Kind::FullName, 0.3),
        _ if is(NAME) || is(OTHER) || login => Meaning::Other,
        [word] if ROLES.contains(&word.as_str()) => Meaning::Personal(Kind::FullName, 0.3),
        _ => Meaning::Unknown,
    }
}

/// The words of a header, in lower case and ASCII, without numbers: `customerEmail`, `ZIP_Code2`, `Straße`.
fn words(header: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let (mut lower_before, mut upper_before) = (false, false);
    let mut characters = header.nfd().filter(|c| !is_combining_mark(*c)).peekable();
    while let Some(c) = characters.next() {
        let next_is_lower = characters.peek().is_some_and(|c| c.is_lowercase());
        // `customerEmail` and `IPAddress`.
        if c.is_uppercase() && (lower_before || upper_before && next_is_lower) || !c.is_alphabetic() {
            words.push(String::new());
        }
        if c.is_alphabetic()
            && let Some(word) = words.last_mut()
        {
            match c {
                'ß' => word.push_str("ss"),
                'ø' | 'Ø' => word.push('o'),
                _ => word.extend(c.to_lowercase()),
            }
        }
        (lower_before, upper_before) = (c.is_lowercase(), c.is_uppercase());
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn headers_of_seven_languages_are_understood() {
        for (headers, kind) in [
            (
                "email,customerEmail,E-Mail,Correo electrónico,courriel,kunden_email,EMAIL_ADDRESS,useremail",
                Kind::Email,
            ),
            ("phone,HomePhone,Telefonnummer,téléphone,teléfono,phone2,mobile_no,telefoonnummer", Kind::Phone),
            ("zip,zip_code,PLZ,Code postal,código_postal,CAP,postcode,cep,ZIPCode,shippingZip", Kind::PostalCode),
            ("first_name,FirstName,Vorname,prénom,nome próprio,voornaam,customer_first_name", Kind::FirstName),
            ("last_name,surname,Nachname,nom de famille,apellidos,cognome,sobrenome,achternaam", Kind::LastName),
            ("dob,dateOfBirth,Geburtsdatum,date_de_naissance,fecha nacimiento,data di nascita", Kind::DateOfBirth),
            ("address_1,Straße,streetAddress,adresse,dirección,indirizzo,morada,shipping_address", Kind::Address),
            ("ip,IPAddress,client_ip,ip_adresse,IPv4", Kind::IpAddress),
            ("fullName,customer name,Ansprechpartner,nombre completo,patient_name", Kind::FullName),
            ("passport_no,Reisepassnummer,pasaporte", Kind::Passport),
            ("drivers_license,Führerschein,permis de conduire,rijbewijsnummer", Kind::DriversLicence),
        ] {
            for header in headers.split(',') {
                assert!(matches!(meaning(header), Meaning::Personal(found, _) if found == kind), "{header}");
            }
        }
    }

    #[test]
    fn what_only_mentions_personal_data_announces_none() {
        for header in [
            "email_verified",
            "email_sent_at",
            "phone_type",
            "product_name",
            "mac_address",
            "file_name",
            "id",
            "state",
            "city",
            "order_id",
            "company_name",
            "zip_file",
            "username",
            "phone country code",
            "macAddress",
            "birth_country",
        ] {
            assert_eq!(meaning(header), Meaning::Other, "{header}");
        }
        assert_eq!(meaning("x"), Meaning::Unknown);
        assert_eq!(meaning(""), Meaning::Unknown);
    }

    #[test]
    fn no_phrase_has_two_meanings() {
        let all: Vec<_> = PHRASES.iter().flat_map(|(phrases, ..)| phrases.split_whitespace()).collect();
        assert_eq!(all.len(), TABLE.len());
        assert!(all.iter().all(|phrase| phrase.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())));
    }

    proptest! {
        #[test]
        fn any_text_can_be_a_header(header in ".{0,40}") {
            let _ = meaning(&header);
        }
    }
}
