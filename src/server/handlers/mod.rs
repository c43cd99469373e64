//! A handler for each API: from a decoded request to its response.
//!
//! Always true: an error of one topic or partition is answered beside the others' results; only bytes that make no
//! sense, or a client that is gone, close the connection.

pub mod alter_configs;
pub mod cluster;
pub mod configs;
pub mod delete_records;
pub mod describe_producers;
pub mod fetch;
pub mod group_admin;
pub mod groups;
pub mod list_offsets;
pub mod log_dirs;
pub mod metadata;
pub mod offsets;
pub mod partitions;
pub mod produce;
pub mod producer_ids;
pub mod security;
pub mod topic_partitions;
pub mod topics;
