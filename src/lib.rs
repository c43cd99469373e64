#![deny(unsafe_code)]
#[macro_use]
pub mod base;
pub mod cli;
pub mod log;
pub mod os;
pub mod partition;
pub mod record;
pub mod server;
pub mod topic;
pub mod wire;
