//! The table of keys as docs/config.md shows it.
//!
//! Always true: every key of the table has a row, in the order of the table; a test holds the page to it.
//! Not done: it does not write the page: `--print-config=markdown` prints it.

use std::fmt::Write;

use super::{ignored, synonyms::SYNONYMS, Key, KEYS};

/// The rows of docs/config.md, in Markdown.
pub fn markdown() -> String {
    let mut text = String::from("| key | values | default | changes | what it is |\n|---|---|---|---|---|\n");
    for key in KEYS {
        let names = match key.topic_name {
            Some(topic_name) => format!("`{}`, of a topic `{topic_name}`", key.name),
            None => format!("`{}`", key.name),
        };
        let default = if key.default.is_empty() { "empty".to_string() } else { format!("`{}`", key.default) };
        let doc = key.doc.replace('|', "\\|");
        let _ = writeln!(text, "| {names} | {} | {default} | {} | {doc} |", key.kind, changes(key));
    }
    text += "\nOther names that are taken for these keys:\n\n| name | key |\n|---|---|\n";
    for synonym in SYNONYMS {
        let _ = writeln!(text, "| `{}` | `{}` |", synonym.name, synonym.key);
    }
    text += "\nKeys of Kafka's that are accepted and without effect:\n\n| why | keys |\n|---|---|\n";
    for (why, names) in ignored::by_reason() {
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        let _ = writeln!(text, "| {why} | {} |", names.join(", "));
    }
    text
}

fn changes(key: &Key) -> &'static str {
    match (key.topic_name, key.is_dynamic) {
        (Some(_), _) => "live, also for one topic",
        (None, true) => "live",
        (None, false) => "at a start",
    }
}
