//! The records field of Produce and Fetch: where the bytes of record batches are, without anybody having read them.
//!
//! On the wire: a length (i32, compact in flexible versions) and as many bytes; the length of null is -1 (compact 0).
//!
//! Always true: a decoded field is a range of the frame, an answered one a range of a file (idea 4): neither is copied.
//! Not done: the bytes are not looked at here; what makes a batch valid is known in `record`.

use crate::base::FileRange;
use std::ops::Range;
use std::sync::Arc;

// tour: records
#[derive(Clone, Debug, Default)]
pub enum Records {
    #[default]
    Null,
    /// Bytes of the frame that was decoded. They cannot be encoded again, as the encoder does not have that frame.
    InFrame(Range<usize>),
    Bytes(Vec<u8>),
    /// Bytes that are sent from where they lie: a batch that may have to be sent again.
    Shared(Arc<Vec<u8>>),
    /// Bytes of a segment file, to be sent from there.
    Stored(FileRange),
}
// end

impl Records {
    /// A field of no records. Kafka answers this, not null, for a partition that has nothing to send.
    pub const EMPTY: Records = Records::Bytes(Vec::new());

    /// bytes
    pub fn len(&self) -> u64 {
        match self {
            Records::Null => 0,
            Records::InFrame(range) => range.len() as u64,
            Records::Bytes(bytes) => bytes.len() as u64,
            Records::Shared(bytes) => bytes.len() as u64,
            Records::Stored(range) => range.length,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where in its frame a decoded field lies; none if it is null.
    pub fn range(&self) -> Option<Range<usize>> {
        match self {
            Records::InFrame(range) => Some(range.clone()),
            _ => None,
        }
    }
}
