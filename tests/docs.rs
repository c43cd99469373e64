//! The documents say what the source says.

mod broker;

use broker::client::batch;
use broker::http::{address, Family, Metrics, ON_ANY_PORT};
use broker::member::Member;
use broker::{until, Broker};
use sendlog::wire::api::NEVER;
use sendlog::wire::messages::describe_configs::BROKER;
use sendlog::wire::{Api, ApiKey, API_TABLE};

fn read(path: &str) -> String {
    std::fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// The table as docs/protocol.md shows it.
fn api_table_markdown() -> String {
    let mut text = String::from("| key | API | advertised | served | flexible from |\n|---|---|---|---|---|\n");
    for Api { key: ApiKey(key), name, advertised, lowest, highest, flexible } in API_TABLE.iter() {
        let flexible = if *flexible == NEVER { "never".to_string() } else { flexible.to_string() };
        text += &format!("| {key} | {name} | {advertised}-{highest} | {lowest}-{highest} | {flexible} |\n");
    }
    text
}

#[test]
fn the_protocol_page_shows_the_api_table() {
    let page = read("docs/protocol.md");
    let shown = page.split("<!-- API_TABLE -->\n").nth(1).unwrap().split("<!-- end -->").next().unwrap();
    assert_eq!(shown, api_table_markdown(), "REWRITE: put this text between the two marks of docs/protocol.md");
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
fn the_config_page_shows_the_table_of_keys() {
    let page = read("docs/config.md");
    let shown = page.split("<!-- KEYS -->\n").nth(1).unwrap().split("<!-- end -->").next().unwrap();
    let mend =
        "REWRITE: put what `cargo run -- --print-config=markdown` prints between the two marks of docs/config.md";
    assert!(shown == sendlog::config::markdown(), "{mend}");
}

/// The pages that show whole files, between a line `<!-- FILE -->` and the end of the code that follows.
#[test]
fn programs_that_the_documents_show_are_the_files() {
    for (page, count) in [("docs/testing.md", 5), ("docs/dump-log.md", 1)] {
        let text = read(page);
        let parts: Vec<&str> = text.split("<!-- ").skip(1).collect();
        for part in &parts {
            let (path, rest) = part.split_once(" -->\n").unwrap();
            let code = rest.split_once('\n').unwrap().1.split("```\n").next().unwrap();
            assert!(rest.starts_with("```") && code == read(path), "REWRITE: {page} does not show {path} as it is");
        }
        assert_eq!(parts.len(), count, "{page}");
    }
}

#[test]
fn files_that_the_documents_name_exist() {
    let pages = [
        "README.md",
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        "docs/protocol.md",
        "docs/config.md",
        "docs/testing.md",
        "docs/dump-log.md",
        "docs/operations.md",
        "docs/space.md",
        "docs/metrics.md",
        "docs/moving-to-kafka.md",
        "docs/bench/notes.md",
        "docs/questions.md",
        "docs/lab/README.md",
    ];
    for page in pages {
        let text = read(page);
        let named = text.split(['`', '(', ')']).filter(|word| {
            let is_path = word.contains('/') && !word.contains([' ', ':', '<', '*', '{']);
            is_path && ["src/", "tests/", "docs/", "examples/"].iter().any(|folder| word.starts_with(folder))
        });
        for path in named {
            let path = path.split('#').next().unwrap().trim_end_matches('/');
            let exists = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path).exists();
            assert!(exists, "{page} names {path}");
        }
    }
}

/// `[name](../src/file.rs)`: the file has a function or a type of that name, or it is the file's own.
#[test]
fn functions_that_the_documents_link_to_exist() {
    let page = read("docs/questions.md");
    let mut links = 0;
    for part in page.split("[`").skip(1) {
        let Some((name, rest)) = part.split_once("`](../") else { continue };
        let path = rest.split(')').next().unwrap();
        let text = read(path);
        let defines = |kind: &str| {
            text.split(&format!("{kind} {name}"))
                .skip(1)
                .any(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
        };
        let is_there = ["fn", "struct", "enum", "trait", "type", "const"].iter().any(|kind| defines(kind));
        assert!(is_there || path.ends_with(&format!("/{name}")), "docs/questions.md links to {name} in {path}");
        links += 1;
    }
    assert!(links > 20, "only {links} links were found");
}

/// What opens otherwise: tests, whose names are promises; messages, of which `messages/mod.rs` says what they have in common;
/// the two roots.
fn opens_in_its_own_way(path: &str) -> bool {
    let is_test = path.contains("tests") || path.starts_with("src/schedules/");
    let is_message = path.starts_with("src/wire/messages/") && !path.ends_with("/mod.rs");
    is_test || is_message || ["src/lib.rs", "src/main.rs"].contains(&path)
}

#[test]
fn every_source_file_says_what_it_is_what_is_always_true_and_what_is_not_done() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut wrong = Vec::new();
    let all = rust_files(root.join("src"));
    assert!(all.len() > 250, "only {} files were found", all.len());
    for path in all {
        let text = std::fs::read_to_string(&path).unwrap();
        let head: Vec<&str> = text.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim).collect();
        let path = path.strip_prefix(root).unwrap().to_str().unwrap();
        let at = |mark: &str| head.iter().position(|line| line.contains(mark));
        let what = head.first().is_some_and(|first| !first.is_empty() && !first.contains("Always true:"));
        let order = at("Always true:").zip(at("Not done:")).is_some_and(|(always, not)| 0 < always && always <= not);
        if !what || !(order || opens_in_its_own_way(path)) {
            wrong.push(path.to_string());
        }
    }
    let mend = "open it with what it is, a line `//! Always true:`, a line `//! Not done:`, in this order";
    assert!(wrong.is_empty(), "{mend}: {wrong:#?}");
}

/// Lines of code: no blank lines, no comments, no tests.
fn code_lines(path: &str) -> usize {
    let text = read(path);
    let code = text.split("#[cfg(test)]\nmod ").next().unwrap();
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

/// All that carries the four ideas: not the messages and their handlers, which are a file for each API, nor the layers that have
/// a subject of their own.
#[test]
fn the_core_stays_short() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let layers = ["base", "os", "record", "log", "wire", "server"];
    let all = layers.iter().flat_map(|layer| rust_files(root.join("src").join(layer)));
    let paths = all.map(|path| path.strip_prefix(root).unwrap().to_str().unwrap().to_string());
    let is_apart = |path: &str| {
        let is_of_one_api =
            ["src/wire/messages/", "src/server/handlers/"].iter().any(|folder| path.starts_with(folder));
        is_of_one_api || path.ends_with("tests.rs")
    };
    let files: Vec<String> = paths.filter(|path| !is_apart(path)).collect();
    assert!(files.len() > 60, "only {} files were found", files.len());
    let total: usize = files.iter().map(|path| code_lines(path)).sum();
    assert!(total < 6000, "the core has {total} lines of code");
}

/// Level, event and keys of each `note!` in a source file.
fn noted(text: &str) -> Vec<(String, String, String)> {
    let code = text.lines().map(|line| line.split("// ").next().unwrap()).collect::<Vec<_>>().join(" ");
    let notes = code.split("note!(").skip(1).filter_map(|note| {
        let (level, rest) = note.split_once(", \"")?;
        let (event, rest) = rest.split_once("\", [")?;
        let keys: Vec<&str> = rest.split(" = ").map_while(|part| part.split([',', '[']).next_back()).collect();
        let fields = rest.split_once("], ")?.0;
        let keys = keys.into_iter().map(str::trim).filter(|key| fields.contains(&format!("{key} = ")));
        Some((level.trim().to_lowercase(), event.to_string(), keys.collect::<Vec<_>>().join(", ")))
    });
    notes.collect()
}

#[test]
fn the_operations_page_has_a_row_for_each_event() {
    let page = read("docs/operations.md");
    let mut events = 0;
    let files = rust_files(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    for path in files.into_iter().filter(|path| !path.ends_with("base/note.rs")) {
        for (level, event, keys) in noted(&std::fs::read_to_string(&path).unwrap()) {
            events += 1;
            let row = page.lines().find(|line| line.starts_with(&format!("| `{event}` |")));
            let row = row.unwrap_or_else(|| panic!("{}: no row for the event {event}", path.display()));
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            let knows = |cell: usize, word: &str| cells[cell].split(", ").any(|known| known == word);
            assert!(knows(2, &level), "{}: {event} is also of level {level}", path.display());
            for key in keys.split(", ").filter(|key| !key.is_empty()) {
                assert!(knows(3, key), "{}: {event} also has the key {key}", path.display());
            }
        }
    }
    assert!(events > 30, "only {events} were found: does this test still read the source?");
}

fn rust_files(folder: std::path::PathBuf) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let own = files.into_iter().filter(|path| path.extension().is_some_and(|suffix| suffix == "rs"));
    own.chain(folders.into_iter().flat_map(rust_files)).collect()
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
    let source = Broker::with(&ON_ANY_PORT);
    source.connect().create("copied", 1);
    client.set_config(BROKER, "1", "mirror.from", &source.address.to_string());
    let metrics = until("the mirror has looked", || {
        let metrics = Metrics::scrape(address(&broker));
        (!metrics.labels("sendlog_mirror_lag_records").is_empty()).then_some(metrics)
    });
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
