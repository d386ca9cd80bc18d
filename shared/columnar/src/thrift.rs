//! Just enough of Thrift's compact protocol to write Parquet's metadata.
//!
//! Source: <https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md>.

/// What a field or a list element is.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(crate) enum Type {
    True = 1,
    False = 2,
    Byte = 3,
    I16 = 4,
    I32 = 5,
    I64 = 6,
    Binary = 8,
    List = 9,
    Struct = 12,
}

/// Writes one struct; fields must come in ascending order.
pub(crate) struct Struct<'a> {
    out: &'a mut Vec<u8>,
    last: i16,
}

impl<'a> Struct<'a> {
    pub(crate) fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, last: 0 }
    }

    fn field(&mut self, id: i16, kind: Type) -> &mut Vec<u8> {
        let delta = id - self.last;
        debug_assert!((1..=15).contains(&delta), "fields ascend, in steps below 16");
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        self.out.push((delta as u8) << 4 | kind as u8);
        self.last = id;
        self.out
    }

    pub(crate) fn bool(&mut self, id: i16, value: bool) {
        self.field(id, if value { Type::True } else { Type::False });
    }

    pub(crate) fn byte(&mut self, id: i16, value: u8) {
        self.field(id, Type::Byte).push(value);
    }

    pub(crate) fn i16(&mut self, id: i16, value: i16) {
        zigzag(self.field(id, Type::I16), value.into());
    }

    pub(crate) fn i32(&mut self, id: i16, value: i32) {
        zigzag(self.field(id, Type::I32), value.into());
    }

    pub(crate) fn i64(&mut self, id: i16, value: i64) {
        zigzag(self.field(id, Type::I64), value);
    }

    pub(crate) fn binary(&mut self, id: i16, value: &[u8]) {
        binary(self.field(id, Type::Binary), value);
    }

    /// A list whose elements `each` writes.
    pub(crate) fn list<T>(
        &mut self,
        id: i16,
        kind: Type,
        items: impl ExactSizeIterator<Item = T>,
        mut each: impl FnMut(&mut Vec<u8>, T),
    ) {
        let out = self.field(id, Type::List);
        list(out, kind, items.len());
        for item in items {
            each(out, item);
        }
    }

    /// A struct that `write` fills.
    pub(crate) fn nested(&mut self, id: i16, write: impl FnOnce(&mut Struct<'_>)) {
        structure(self.field(id, Type::Struct), write);
    }

    /// A struct that is already encoded.
    pub(crate) fn encoded(&mut self, id: i16, bytes: &[u8]) {
        self.field(id, Type::Struct).extend_from_slice(bytes);
    }
}

/// A whole struct.
pub(crate) fn structure(out: &mut Vec<u8>, write: impl FnOnce(&mut Struct<'_>)) {
    write(&mut Struct::new(out));
    out.push(0);
}

#[allow(clippy::cast_possible_truncation)]
fn list(out: &mut Vec<u8>, kind: Type, len: usize) {
    if len < 15 {
        out.push((len as u8) << 4 | kind as u8);
    } else {
        out.push(0xf0 | kind as u8);
        varint(out, len as u64);
    }
}

/// Length and bytes.
pub(crate) fn binary(out: &mut Vec<u8>, value: &[u8]) {
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

/// Seven bits a byte, the lowest first.
#[allow(clippy::cast_possible_truncation)]
pub(crate) fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A signed number, small ones short.
#[allow(clippy::cast_sign_loss)]
pub(crate) fn zigzag(out: &mut Vec<u8>, value: i64) {
    varint(out, ((value << 1) ^ (value >> 63)) as u64);
}
