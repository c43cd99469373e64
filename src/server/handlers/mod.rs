//! A handler for each API: from a decoded request to its response.
//!
//! Always true: an error of one topic or partition is answered beside the others' results; only bytes that make no
//! sense, or a client that is gone, close the connection.

pub mod cluster;
pub mod delete_records;
pub mod fetch;
pub mod group_admin;
pub mod groups;
pub mod list_offsets;
pub mod metadata;
pub mod offsets;
pub mod produce;
pub mod producer_ids;
pub mod topics;
