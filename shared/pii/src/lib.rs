//! Personal data: how it is found, and what it is replaced by.
//!
//! A [`Detector`] counts what the values of each column look like and tells which columns are personal; it keeps and
//! shows no value. A [`Method`] replaces the values of a column, in one pass, and gives the same output for the same
//! object however often it is tried. Random tokens, which need a vault, are not made here.
//!
//! # What each method protects against, and what not
//!
//! | method | equal values stay equal | way back | protects against | does not protect against |
//! |---|---|---|---|---|
//! | `hash` | within scope and type | none; with the key, by trying values | whoever has the data, also with a dictionary of all telephone numbers; joining two scopes | counting and comparing frequencies; whoever has the key and a dictionary |
//! | `encrypt` deterministic | within scope, type and key | the key | the same; changes to the data go not unnoticed | the same; it shows each value's length in bytes; whoever has the key |
//! | `encrypt` randomised | no | the key | the same, and frequencies | length; whoever has the key. It cannot be joined |
//! | `fpe` | within scope and type | the key | whoever has the data, as far as the form allows | frequencies; length, separators and alphabet stay; a change goes unnoticed; small domains, which is why fewer than a million values are refused |
//! | `mask` | mostly | none | reading the value over a shoulder | guessing from the rest and other columns; length stays |
//! | `redact` | all are equal | none | everything but knowing that there was a value | |
//! | `shuffle` | yes | none | telling whose value it is | that the value occurs; rare values; windows of few or equal rows |
//! | `generalize` | mostly | none | telling people with similar values apart | rare combinations with other columns |
//! | `drop` | | none | everything | |
//!
//! Only `redact` and `drop` make data anonymous on their own. The others are pseudonymisation: with the key, or with
//! what is known from elsewhere, people can be found again ([GDPR](https://eur-lex.europa.eu/eli/reg/2016/679/oj), article
//! 4 (5) and recital 26; Article 29 Working Party, *Opinion 05/2014 on Anonymisation Techniques*). In particular:
//!
//! - A plain hash of a telephone number or a date is reverted by trying them all, which is why `hash` is HMAC-SHA-256
//!   ([RFC 2104](https://www.rfc-editor.org/rfc/rfc2104)) under a secret key: ENISA, *Pseudonymisation techniques and best
//!   practices*, 2019.
//! - What keeps equal values equal keeps their frequencies, from which values can be told in a column of few and unevenly
//!   distributed ones: Naveed, Kamara and Wright, *Inference Attacks on Property-Preserving Encrypted Databases*, CCS 2015.
//! - `encrypt` is AES-SIV ([RFC 5297](https://www.rfc-editor.org/rfc/rfc5297)) in both modes. It is authenticated, and a
//!   nonce that comes twice shows no more than that two values are equal. Under AES-GCM it would give away the
//!   authentication key (Joux, *Authentication Failures in NIST version of GCM*, 2006); our nonces have to come again,
//!   when a file is tried again.
//! - `fpe` is FF1 ([NIST SP 800-38G](https://doi.org/10.6028/NIST.SP.800-38G)). Revision 1 asks for at least a million
//!   values because of attacks on small domains (Durak and Vaudenay, *Breaking the FF3 Format-Preserving Encryption
//!   Standard over Small Domains*, CRYPTO 2017). Letters and digits that the alphabet lacks are refused, as they would
//!   stay in the clear. Numbers may get leading zeros: declare the column as text.
//! - Year, sex and postal code together single out most people: Sweeney, *Simple Demographics Often Identify People
//!   Uniquely*, 2000. For health data in the United States, 45 CFR 164.514 (b)(2)(i) allows years and the first three
//!   digits of ZIP codes of areas with more than 20,000 people.
//!
//! Nulls and empty values stay, in every method: that somebody has no value can be personal too.
//!
//! # Keys
//!
//! A [`Key`] is 256 random bits and an id. Every method expands a key of its own from it for each scope and type, so that
//! the same value in two scopes has nothing in common: see [`Key`]. What is random in a method is a keyed function of
//! object version, column and row, so that a retry gives the same bytes.

mod detect;
mod error;
mod key;
mod kind;
mod method;

pub use detect::{Detector, Evidence, Finding, LEAST_CERTAINTY, Settings};
pub use error::{Error, Reason, Refusal, Undecryptable};
pub use key::{Field, Key, Place};
pub use kind::Kind;
pub use method::{
    Alphabet, DateLayout, Generalization, Method, Mode, Prepared, REDACTED, Replacer, Shuffle, decrypt, is_replaced,
    key_id, reveal,
};
