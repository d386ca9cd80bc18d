//! Small documents under `_cleanzone/`, changed by compare-and-swap on their entity tag.

use std::io::{Read as _, Write as _};

use cleanzone_storage::{Location, ObjectStore, Precondition, WriteOptions};
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use serde::{Serialize, de::DeserializeOwned};

use crate::Error;

/// Bytes beyond which a document is compressed: the keys of thousands of objects are much alike.
const LARGE: usize = 64 << 10;
/// How a gzip stream begins (RFC 1952, 2.3.1); no JSON text does.
const GZIP: [u8; 2] = [0x1F, 0x8B];

/// The document and its entity tag.
pub(crate) async fn load<T: DeserializeOwned>(
    store: &dyn ObjectStore,
    at: &Location,
) -> Result<Option<(T, String)>, Error> {
    let Some((bytes, meta)) = store.get(at).await? else { return Ok(None) };
    let document = decode(&bytes).map_err(|e| Error::Record(at.clone(), e))?;
    Ok(Some((document, meta.etag)))
}

/// Writes the document over the one with this entity tag, or where there is none; returns the new entity tag.
pub(crate) async fn save<T: Serialize>(
    store: &dyn ObjectStore,
    at: &Location,
    document: &T,
    over: Option<&str>,
) -> Result<String, Error> {
    let (body, content_type) = encode(document).map_err(|e| Error::Record(at.clone(), e))?;
    let when = over.map_or(Precondition::Absent, |etag| Precondition::Matches(etag.to_owned()));
    let options = WriteOptions { content_type: Some(content_type), ..WriteOptions::default() };
    Ok(store.put(at, body.into(), &when, &options).await?)
}

fn encode<T: Serialize>(document: &T) -> Result<(Vec<u8>, &'static str), serde_json::Error> {
    let text = serde_json::to_vec(document)?;
    if text.len() <= LARGE {
        return Ok((text, "application/json"));
    }
    let mut gzip = GzEncoder::new(Vec::with_capacity(text.len() / 8), Compression::fast());
    let packed = gzip.write_all(&text).and_then(|()| gzip.finish());
    Ok((packed.map_err(serde_json::Error::io)?, "application/gzip"))
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, serde_json::Error> {
    if !bytes.starts_with(&GZIP) {
        return serde_json::from_slice(bytes);
    }
    let mut text = Vec::new();
    GzDecoder::new(bytes).read_to_end(&mut text).map_err(serde_json::Error::io)?;
    serde_json::from_slice(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_document_is_packed_and_comes_back() {
        let keys: Vec<String> =
            (0..5_000).map(|i| format!("sales/orders/day={i}/x-0123456789abcdef.parquet")).collect();
        let (packed, content_type) = encode(&keys).unwrap();
        assert_eq!(content_type, "application/gzip");
        assert!(packed.len() < 40 << 10, "{}", packed.len());
        assert_eq!(decode::<Vec<String>>(&packed).unwrap(), keys);
    }

    #[test]
    fn a_small_document_stays_readable() {
        let (text, content_type) = encode(&["a"]).unwrap();
        assert_eq!((&*text, content_type), (br#"["a"]"#.as_slice(), "application/json"));
        assert!(decode::<Vec<String>>(b"\x1F\x8Bbroken").is_err());
    }
}
