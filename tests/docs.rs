//! The documents say what the source says.

mod broker;

use broker::client::batch;
use broker::http::{address, Family, Metrics, ON_ANY_PORT};
use broker::member::Member;
use broker::Broker;
use sendlog::wire::api::table_markdown;
use sendlog::wire::API_TABLE;

fn read(path: &str) -> String {
    std::fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

#[test]
fn the_protocol_page_shows_the_api_table() {
    let page = read("docs/protocol.md");
    let shown = page.split("<!-- API_TABLE -->\n").nth(1).unwrap().split("<!-- end -->").next().unwrap();
    assert_eq!(shown, table_markdown(), "REWRITE: put this text between the two marks of docs/protocol.md");
}

#[test]
fn what_differs_from_kafka_is_told_of_every_api() {
    let page = read("docs/protocol.md");
    let table = page.split("## Differs from Kafka").nth(1).unwrap();
    for api in API_TABLE.iter() {
        assert!(table.contains(&format!("\n| {} |", api.name)), "{} has no row", api.name);
    }
}

#[test]
fn files_that_the_documents_name_exist() {
    for page in ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "docs/protocol.md", "docs/metrics.md"] {
        let text = read(page);
        let named = text.split(['`', '(', ')']).filter(|word| {
            let is_path = word.contains('/') && !word.contains([' ', ':', '<', '*', '{']);
            is_path && ["src/", "tests/", "docs/", "examples/"].iter().any(|folder| word.starts_with(folder))
        });
        for path in named {
            let path = path.trim_end_matches('/');
            let exists = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path).exists();
            assert!(exists, "{page} names {path}");
        }
    }
}

/// Lines of code: no blank lines, no comments, no tests.
fn code_lines(path: &str) -> usize {
    let text = read(path);
    let code = text.split("#[cfg(test)]").next().unwrap();
    code.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")).count()
}

#[test]
fn the_spine_stays_short() {
    let readme = read("README.md");
    let rows = readme.lines().filter_map(|line| line.strip_prefix("| `src/"));
    let files: Vec<String> = rows.filter_map(|row| Some(format!("src/{}", row.split('`').next()?))).collect();
    assert!(files.len() > 10, "the README lists the spine");
    let total: usize = files.iter().map(|path| code_lines(path)).sum();
    assert!(total < 1500, "the spine has {total} lines of code");
}

/// Every family of `/metrics` as docs/metrics.md lists it, from a broker on which each has a sample.
fn metrics_markdown() -> String {
    let broker = Broker::with(&ON_ANY_PORT);
    let mut client = broker.connect();
    client.create("demo", 1);
    client.produce("demo", 0, &batch(&["value"]));
    let mut member = Member::new(broker.connect(), "readers");
    member.join_twice(5);
    member.sync(3);
    member.commit(1);
    let metrics = Metrics::scrape(address(&broker));
    let mut text = String::from("| name | type | labels | what |\n|---|---|---|---|\n");
    for Family { name, kind, help } in &metrics.families {
        let sample = if kind == "histogram" { format!("{name}_count") } else { name.clone() };
        let labels = metrics.labels(&sample);
        let labels: Vec<&str> = labels.first().expect(name).keys().map(String::as_str).collect();
        text += &format!("| `{name}` | {kind} | {} | {help} |\n", labels.join(", "));
    }
    text
}

#[test]
fn the_metrics_page_lists_what_is_served() {
    let page = read("docs/metrics.md");
    let shown = page.split("<!-- METRICS -->\n").nth(1).unwrap().split("<!-- end -->").next().unwrap();
    let served = metrics_markdown();
    assert!(shown == served, "REWRITE: put this text between the two marks of docs/metrics.md:\n{served}");
}

#[test]
fn every_metric_that_the_documents_name_is_served() {
    let served = metrics_markdown();
    for page in ["docs/metrics.md", "README.md", "ARCHITECTURE.md", "CHANGELOG.md"] {
        let text = read(page);
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        for name in words.filter(|word| word.starts_with("sendlog_")) {
            let family = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
            assert!(served.contains(&format!("`{family}`")), "{page} names {name}");
        }
    }
}
