//! The documents say what the source says.

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
    for page in ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "docs/protocol.md", "docs/space.md"] {
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
