//! The command line, one file per command.

mod harness;
pub mod server;
