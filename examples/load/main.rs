//! A light load generator for any Kafka-compatible broker: what it measures is the broker, not itself.
//!
//! `produce` prepares its requests before the clock starts, then sends them in turn; with `--fresh` it builds each
//! while the clock runs. `fetch` reads what was produced, from the first offset to the last and then again, or at
//! random offsets, and looks at batch headers only. `wait` opens connections that each wait in a fetch, then wakes them
//! all with one record.
//!
//! Always true: one blocking thread for each connection and one `write(2)` for each request, as real clients do it. An
//! error that the broker answers ends the run. What the figures mean is said in `tally.rs`.
//! Not done: no warm-up (the caller discards a first run), no compression.

mod connection;
mod fetched;
mod plan;
mod process;
mod requests;
mod tally;
mod waiting;
mod worker;

use std::net::TcpListener;
use std::process::ExitCode;

use plan::Plan;

pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> ExitCode {
    match run() {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<String> {
    sendlog::os::limits::raise_open_files();
    let plan = Plan::from_command_line()?;
    match plan.work.as_str() {
        "produce" => worker::produce(&plan),
        "fetch" => worker::fetch(&plan),
        "wait" => waiting::wait(&plan),
        "ready" => plan.wait_for_answer(),
        "port" => Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port().to_string()),
        "create" => plan.create_topic(0).map(|()| format!("created {}", plan.topic)),
        "delete" => plan.delete_topic().map(|()| format!("deleted {}", plan.topic)),
        other => Err(format!("no such work: {other}\n{}", plan::USAGE).into()),
    }
}
