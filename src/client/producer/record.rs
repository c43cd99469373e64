//! A record on its way out: borrowed, as it is encoded before `send` returns.
//!
//! Always true: building one copies and allocates nothing.
//! Not done: no serializers: keys and values are bytes.

/// What is to be sent where.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    pub topic: &'a str,
    /// None: the key chooses or, without one, the producer.
    pub partition: Option<i32>,
    /// ms since 1970; none: now, as exactly as the kernel's clock ticks (1 to 10 ms).
    pub timestamp_ms: Option<i64>,
    pub key: Option<&'a [u8]>,
    /// None: a tombstone, which on a compacted topic deletes what the key had.
    pub value: Option<&'a [u8]>,
    pub headers: &'a [Header<'a>],
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header<'a> {
    pub name: &'a str,
    pub value: Option<&'a [u8]>,
}

impl<'a> Record<'a> {
    pub fn to(topic: &'a str) -> Record<'a> {
        Record { topic, partition: None, timestamp_ms: None, key: None, value: None, headers: &[] }
    }

    pub fn value(self, value: &'a (impl AsRef<[u8]> + ?Sized)) -> Record<'a> {
        Record { value: Some(value.as_ref()), ..self }
    }

    pub fn key(self, key: &'a (impl AsRef<[u8]> + ?Sized)) -> Record<'a> {
        Record { key: Some(key.as_ref()), ..self }
    }

    pub fn partition(self, partition: i32) -> Record<'a> {
        Record { partition: Some(partition), ..self }
    }

    pub fn timestamp_ms(self, timestamp_ms: i64) -> Record<'a> {
        Record { timestamp_ms: Some(timestamp_ms), ..self }
    }

    pub fn headers(self, headers: &'a [Header<'a>]) -> Record<'a> {
        Record { headers, ..self }
    }
}
