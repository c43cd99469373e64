//! The fields of a flexible message, written one behind the other (KIP-482).
//!
//! ```text
//! text      unsigned varint: length + 1, then UTF-8        count   unsigned varint: elements + 1
//! uuid      16 bytes                                       end     0: no tagged fields
//! ```
//!
//! Always true: what is written reads back as Kafka's generated classes read it (tests hold it to Kafka's own bytes).
//! Not done: no tagged fields; none is needed here.

use crate::base::Uuid;

#[derive(Default)]
pub struct Fields(Vec<u8>);

impl Fields {
    /// Frame version 1, then which record it is, and in which version.
    pub fn frame(&mut self, (api_key, version): (u64, u64)) -> &mut Fields {
        self.unsigned(1).unsigned(api_key).unsigned(version)
    }

    fn unsigned(&mut self, mut value: u64) -> &mut Fields {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
        self
    }

    pub fn i8(&mut self, value: i8) -> &mut Fields {
        self.bytes(&value.to_be_bytes())
    }

    pub fn i16(&mut self, value: i16) -> &mut Fields {
        self.bytes(&value.to_be_bytes())
    }

    pub fn u16(&mut self, value: u16) -> &mut Fields {
        self.bytes(&value.to_be_bytes())
    }

    pub fn i32(&mut self, value: i32) -> &mut Fields {
        self.bytes(&value.to_be_bytes())
    }

    pub fn i64(&mut self, value: i64) -> &mut Fields {
        self.bytes(&value.to_be_bytes())
    }

    pub fn uuid(&mut self, id: Uuid) -> &mut Fields {
        self.bytes(&id.0)
    }

    pub fn text(&mut self, text: &str) -> &mut Fields {
        self.count(text.len()).bytes(text.as_bytes())
    }

    /// An array of so many elements follows.
    pub fn count(&mut self, elements: usize) -> &mut Fields {
        self.unsigned(elements as u64 + 1)
    }

    /// The end of a structure: no tagged fields.
    pub fn no_tags(&mut self) -> &mut Fields {
        self.unsigned(0)
    }

    fn bytes(&mut self, bytes: &[u8]) -> &mut Fields {
        self.0.extend_from_slice(bytes);
        self
    }

    /// The end of the message, and its bytes.
    pub fn end(mut self) -> Vec<u8> {
        self.no_tags();
        self.0
    }
}
