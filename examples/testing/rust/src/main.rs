//! A test's own broker: started, used by a stock client, and gone with the test.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use rskafka::client::partition::{Compression, UnknownTopicHandling};
use rskafka::client::ClientBuilder;
use rskafka::record::Record;

/// A broker that is killed when it goes out of scope.
struct Broker {
    process: Child,
    address: String,
}

impl Broker {
    fn start(topics: &[&str]) -> Broker {
        let program = std::env::var("SENDLOG").unwrap_or("sendlog".to_string());
        let mut command = Command::new(program);
        command.args(["--ephemeral", "--exit-with-parent", "--listen", "127.0.0.1:0"]);
        for topic in topics {
            command.args(["--topic", topic]);
        }
        let mut process = command.stdout(Stdio::piped()).spawn().expect("sendlog is on the PATH");
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").expect("the broker starts").to_string();
        Broker { process, address }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // SIGTERM, so that it removes its data.
        let _ = Command::new("kill").arg(self.process.id().to_string()).status();
        let _ = self.process.wait();
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let broker = Broker::start(&["orders:1"]);
    let client = ClientBuilder::new(vec![broker.address.clone()]).build().await?;
    let orders = client.partition_client("orders", 0, UnknownTopicHandling::Error).await?;
    let record = Record {
        key: None,
        value: Some(b"hello from Rust".to_vec()),
        headers: BTreeMap::new(),
        timestamp: chrono::Utc::now(),
    };
    orders.produce(vec![record], Compression::NoCompression).await?;
    let (records, _high_watermark) = orders.fetch_records(0, 1..1_000_000, 1_000).await?;
    println!("{}", String::from_utf8(records[0].record.value.clone().unwrap())?);
    Ok(())
}
