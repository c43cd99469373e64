//! The protocol: Kafka's frames and messages, turned into structs and back.
//!
//! A connection carries frames. A frame is a size, a header and one message, and the header says which API is asked
//! and in which version ([`frame`]); [`api::API_TABLE`] says which of them this broker serves. Each message is one
//! struct in [`messages`] with one walk over its fields ([`walk`]), which [`decoder`], [`encoder`] and
//! [`tap`](crate::tap) use. Record batches are not part of that: a decoded message says where in the frame they lie, an encoded
//! one where in a file ([`records`]).
//!
//! Reading order: [`walk`], one message ([`messages::list_offsets`] has a bit of everything), [`decoder`], [`encoder`],
//! [`frame`], [`api`].
//!
//! Always true: nothing here knows a socket, a file's content or a topic; bytes from outside give a message or an
//! error. Checked against frames captured from real clients (tests/bytes) and against another implementation.
//! Not done: no message of an API that the table lacks, no version that no client needs.

pub mod api;
pub mod decoder;
pub mod encoder;
pub mod frame;
pub mod messages;
pub mod records;
pub mod walk;

pub use api::{Api, ApiKey, Request, API_TABLE};
pub use encoder::{Encoded, Part};
pub use records::Records;
