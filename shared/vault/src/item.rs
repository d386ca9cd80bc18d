use std::{collections::BTreeMap, sync::Arc};

use crate::{
    Token,
    index::{Fingerprint, Index, PROOF},
    seal::Label,
};

/// The attribute that is the table's only key.
#[cfg(feature = "aws")]
pub(crate) const ID: &str = "pk";

const ENTRY: &str = "value#";
const POINTER: &str = "token#";
pub(crate) const INDEX_KEY: &str = "key#index";
pub(crate) const CURRENT_KEY: &str = "key#current";
pub(crate) const METHOD_KEY: &str = "key#methods";

pub(crate) fn entry_id(print: &Fingerprint) -> String {
    let mut id = String::with_capacity(ENTRY.len() + 52);
    id.push_str(ENTRY);
    print.append_to(&mut id);
    id
}

pub(crate) fn print_of(entry_id: &str) -> Option<Fingerprint> {
    Fingerprint::parse(entry_id.strip_prefix(ENTRY)?)
}

/// One for all shapes of a token.
pub(crate) fn pointer_id(token: Token) -> String {
    [POINTER, &*token.shaped(crate::Shape::Plain).text()].concat()
}

/// The token that a pointer is for; `None` where the id is not that of a pointer, or not as [`pointer_id`] makes it.
pub(crate) fn token_of(pointer_id: &str) -> Option<Token> {
    Token::parse(pointer_id.strip_prefix(POINTER)?).filter(|token| token.shape() == crate::Shape::Plain)
}

pub(crate) fn data_key_id(key: &str) -> String {
    format!("key#data#{key}")
}

/// An item of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) id: String,
    pub(crate) body: Body,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    Entry(Entry),
    Pointer(Pointer),
    Key(WrappedKey),
    /// Something that the vault has not written so.
    Unreadable,
}

/// A value and its token, found by the value's fingerprint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) token: Token,
    pub(crate) scope: Arc<str>,
    pub(crate) kind: Arc<str>,
    /// The data key.
    pub(crate) key: Arc<str>,
    pub(crate) sealed: Vec<u8>,
    pub(crate) proof: [u8; PROOF],
}

/// The way from a token to its entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pointer {
    pub(crate) entry: String,
    pub(crate) proof: [u8; PROOF],
}

/// A key that only the key service can unwrap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WrappedKey {
    pub(crate) key: String,
    pub(crate) wrapped: Vec<u8>,
}

impl Entry {
    pub(crate) fn label(&self) -> Label<'_> {
        Label { token: self.token, scope: &self.scope, kind: &self.kind }
    }

    /// The same, with the proof that the vault has written it.
    pub(crate) fn proven(self, index: &Index, id: &str) -> Self {
        let proof = self.parts(id, |parts| index.prove(parts));
        Self { proof, ..self }
    }

    pub(crate) fn is_proven(&self, index: &Index, id: &str) -> bool {
        self.parts(id, |parts| index.proves(&self.proof, parts))
    }

    fn parts<T>(&self, id: &str, act: impl FnOnce([&[u8]; 6]) -> T) -> T {
        let Self { scope, kind, key, sealed, .. } = self;
        let token = self.token.text();
        act([id.as_bytes(), token.as_bytes(), scope.as_bytes(), kind.as_bytes(), key.as_bytes(), sealed])
    }
}

impl Pointer {
    pub(crate) fn new(index: &Index, id: &str, entry: String) -> Self {
        let proof = index.prove([id.as_bytes(), entry.as_bytes()]);
        Self { entry, proof }
    }

    pub(crate) fn is_proven(&self, index: &Index, id: &str) -> bool {
        index.proves(&self.proof, [id.as_bytes(), self.entry.as_bytes()])
    }
}

/// What an item is made of in the table, besides its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Attribute {
    Text(String),
    Bytes(Vec<u8>),
}

pub(crate) type Attributes = BTreeMap<&'static str, Attribute>;

/// All attributes there can be.
#[cfg(any(test, feature = "aws"))]
pub(crate) const ATTRIBUTES: [&str; 8] = ["token", "scope", "type", "key", "sealed", "proof", "entry", "wrapped"];

impl Item {
    pub(crate) fn attributes(&self) -> Attributes {
        let text = |text: &str| Attribute::Text(text.to_owned());
        let bytes = |bytes: &[u8]| Attribute::Bytes(bytes.to_vec());
        match &self.body {
            Body::Entry(Entry { token, scope, kind, key, sealed, proof }) => Attributes::from([
                ("token", text(&token.text())),
                ("scope", text(scope)),
                ("type", text(kind)),
                ("key", text(key)),
                ("sealed", bytes(sealed)),
                ("proof", bytes(proof)),
            ]),
            Body::Pointer(Pointer { entry, proof }) => {
                Attributes::from([("entry", text(entry)), ("proof", bytes(proof))])
            }
            Body::Key(WrappedKey { key, wrapped }) => {
                Attributes::from([("key", text(key)), ("wrapped", bytes(wrapped))])
            }
            Body::Unreadable => Attributes::new(),
        }
    }

    pub(crate) fn read(id: String, mut attributes: Attributes) -> Self {
        let a = &mut attributes;
        let body = if id.starts_with(ENTRY) {
            read_entry(a).map(Body::Entry)
        } else if id.starts_with(POINTER) {
            read_pointer(a).map(Body::Pointer)
        } else {
            read_key(a).map(Body::Key)
        };
        Self { id, body: body.unwrap_or(Body::Unreadable) }
    }
}

fn read_entry(a: &mut Attributes) -> Option<Entry> {
    Some(Entry {
        token: Token::parse(&text(a, "token")?)?,
        scope: text(a, "scope")?.into(),
        kind: text(a, "type")?.into(),
        key: text(a, "key")?.into(),
        sealed: bytes(a, "sealed")?,
        proof: bytes(a, "proof")?.try_into().ok()?,
    })
}

fn read_pointer(a: &mut Attributes) -> Option<Pointer> {
    Some(Pointer { entry: text(a, "entry")?, proof: bytes(a, "proof")?.try_into().ok()? })
}

fn read_key(a: &mut Attributes) -> Option<WrappedKey> {
    Some(WrappedKey { key: text(a, "key")?, wrapped: bytes(a, "wrapped")? })
}

fn text(attributes: &mut Attributes, name: &str) -> Option<String> {
    match attributes.remove(name) {
        Some(Attribute::Text(text)) => Some(text),
        _ => None,
    }
}

fn bytes(attributes: &mut Attributes, name: &str) -> Option<Vec<u8>> {
    match attributes.remove(name) {
        Some(Attribute::Bytes(bytes)) => Some(bytes),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Shape;

    #[test]
    fn items_read_back_and_others_are_unreadable() {
        let token = Token::new(&[1; 16], Shape::Email);
        let id = entry_id(&Fingerprint([2; 32]));
        assert_eq!(print_of(&id), Some(Fingerprint([2; 32])));
        let (scope, kind, key) = ("crm".into(), "email".into(), "k".into());
        let entry = Entry { token, scope, kind, key, sealed: vec![3; 40], proof: [4; PROOF] };
        let pointer = Pointer { entry: id.clone(), proof: [5; PROOF] };
        let wrapped = WrappedKey { key: "k".into(), wrapped: vec![6; 100] };
        for item in [
            Item { id, body: Body::Entry(entry) },
            Item { id: pointer_id(token), body: Body::Pointer(pointer) },
            Item { id: INDEX_KEY.into(), body: Body::Key(wrapped) },
        ] {
            let attributes = item.attributes();
            assert!(attributes.keys().all(|name| ATTRIBUTES.contains(name)));
            assert_eq!(Item::read(item.id.clone(), attributes.clone()), item);
            for missing in attributes.keys() {
                let mut fewer = attributes.clone();
                fewer.remove(missing);
                assert_eq!(Item::read(item.id.clone(), fewer).body, Body::Unreadable, "{missing}");
            }
        }
    }
}
