//! Tables as Markdown, padded so that they can be read in a terminal too.
//!
//! Two kinds: one with a row for each load, which may be compared with the first of them, and one that compares two
//! brokers row by row. The second one is used when rows name a metric.
//!
//! Always true: a figure is the median of its runs, what stands in brackets the lowest and the highest; a column that no
//! row has a figure for is left out.

use crate::number::{brief, ratio};
use crate::results::{Results, Row, Sample, Table};
use crate::target::Target;

/// Key, heading. The first one that a table has is shown with its spread, and compared.
const COLUMNS: &[(&str, &str)] = &[
    ("open_ms", "ms to open"),
    ("answered_ms", "ms to answer"),
    ("connected_ms", "ms to connect"),
    ("woken_ms", "ms to wake all"),
    ("records/s", "records/s"),
    ("MB/s", "MB/s"),
    ("wire_MB/s", "wire MB/s"),
    ("pieces/s", "pieces/s"),
    ("p50_us", "p50"),
    ("p99_us", "p99"),
    ("p99.9_us", "p99.9"),
    ("max_us", "max"),
    ("cpu_s/GB", "CPU s/GB"),
    ("cpu_us/piece", "CPU us each"),
    ("caller_ns", "caller ns"),
    ("client_user_ns", "client user ns"),
    ("client_system_ns", "client system ns"),
    ("broker_ns", "broker ns"),
    ("syscalls/k", "syscalls/k"),
    ("rss_max_MB", "max RSS MB"),
    ("beyond_MB", "MB beyond"),
];
const SIDES: [(&str, &str); 2] = [("kafka", "Apache Kafka"), ("sendlog", "sendlog")];

/// Title, table and notes.
pub fn render(results: &Results, table: &Table) -> String {
    let cells = if compares_brokers(table) { brokers(results, table) } else { rows(results, table) };
    let notes: String = table.notes.iter().map(|note| format!("\n{note}\n")).collect();
    format!("## {}\n\n{}{notes}", table.title, markdown(&cells))
}

pub fn compares_brokers(table: &Table) -> bool {
    table.rows.iter().any(|row| row.words.contains_key("metric"))
}

/// Key and heading of the first column that a table has figures for.
pub fn first_column(table: &Table) -> Option<(&'static str, &'static str)> {
    columns(table).next()
}

fn columns(table: &Table) -> impl Iterator<Item = (&'static str, &'static str)> + '_ {
    let has = |key: &str| table.rows.iter().any(|row| table.sample(&row.group, table.side(), key).is_some());
    COLUMNS.iter().copied().filter(move |(key, _)| has(key))
}

/// Of a row's metric: throughput is, times and memory are not.
pub fn more_is_better(row: &Row) -> bool {
    row.words
        .get("metric")
        .is_some_and(|metric| ["records/s", "MB/s", "wire_MB/s"].contains(&metric.as_str()))
}

/// sendlog's median of a row's metric, compared with Kafka's.
pub fn times_kafka(table: &Table, row: &Row) -> Option<f64> {
    let metric = row.words.get("metric")?;
    let [kafka, sendlog] = SIDES.map(|(side, _)| table.sample(&row.group, side, metric));
    Some(sendlog?.median() / kafka?.median())
}

/// The first row of cells is the heading.
fn rows(results: &Results, table: &Table) -> Vec<Vec<String>> {
    let columns: Vec<_> = columns(table).collect();
    let Some((first_key, _)) = columns.first() else { return Vec::new() };
    let first = table.rows.first().and_then(|row| table.sample(&row.group, table.side(), first_key));
    let has_limits = table.rows.iter().any(|row| row.words.keys().any(|key| key.starts_with("limit")));

    let mut heading: Vec<String> = columns.iter().map(|(_, heading)| heading.to_string()).collect();
    if table.compared {
        heading.insert(1, "ratio".to_string());
    }
    heading.insert(0, String::new());
    if has_limits {
        heading.push("of its limit".to_string());
    }
    let mut cells = vec![heading];
    for row in &table.rows {
        let sample = |key: &str| table.sample(&row.group, table.side(), key);
        let mut line: Vec<String> = columns
            .iter()
            .map(|(key, _)| sample(key).map_or(String::new(), |all| brief(all.median())))
            .collect();
        line[0] = sample(first_key).map_or("-".to_string(), |all| with_spread(&all));
        if table.compared {
            let pair = first.as_ref().zip(sample(first_key));
            line.insert(1, pair.map_or(String::new(), |(first, this)| ratio(this.median() / first.median())));
        }
        line.insert(0, row.label.clone());
        if has_limits {
            line.push(share_of_limit(results, table, row, table.side()));
        }
        cells.push(line);
    }
    cells
}

fn brokers(results: &Results, table: &Table) -> Vec<Vec<String>> {
    let heading = ["load", SIDES[0].1, SIDES[1].1, "ratio", "target", "reached", "of its limit"];
    let mut cells = vec![heading.map(str::to_string).to_vec()];
    for row in &table.rows {
        let metric = row.words.get("metric").map_or("", String::as_str);
        let samples = SIDES.map(|(side, _)| table.sample(&row.group, side, metric));
        let figure = samples[1].as_ref().map(Sample::median);
        let shown = samples.map(|sample| sample.map_or("-".to_string(), |all| with_spread(&all)));
        let times = times_kafka(table, row);
        let target = row.words.get("target").and_then(|text| Target::parse(text));
        let reached = target.as_ref().and_then(|target| target.reached(times, figure));
        let reached = reached.map_or("", |reached| if reached { "yes" } else { "no" });
        let limit = match metric {
            "records/s" | "wire_MB/s" => share_of_limit(results, table, row, SIDES[1].0),
            _ => String::new(),
        };
        let [kafka, sendlog] = shown;
        let target = target.map_or(String::new(), |target| target.to_string());
        let times = times.map_or(String::new(), ratio);
        cells.push(vec![row.label.clone(), kafka, sendlog, times, target, reached.to_string(), limit]);
    }
    cells
}

/// Both in bytes on the wire, or both in requests.
fn share_of_limit(results: &Results, table: &Table, row: &Row, side: &str) -> String {
    let share = |word: &str, ours: &str, its: &str| {
        let name = row.words.get(word)?;
        let measured = table.sample(&row.group, side, ours)?.median();
        let wanted = row.words.get("share>").map_or(String::new(), |least| format!(", {least} wanted"));
        Some(format!("{:.2} of {name}{wanted}", measured / results.limit(name, its)?))
    };
    let wire = share("limit", "wire_MB/s", "wire_MB/s");
    wire.or_else(|| share("limit-pieces", "requests/s", "pieces/s")).unwrap_or_default()
}

fn with_spread(sample: &Sample) -> String {
    match sample.low() == sample.high() {
        true => brief(sample.median()),
        false => format!("{} ({} - {})", brief(sample.median()), brief(sample.low()), brief(sample.high())),
    }
}

/// The first column to the left, the others to the right.
fn markdown(cells: &[Vec<String>]) -> String {
    let Some(heading) = cells.first() else { return String::new() };
    let width = |column: usize| cells.iter().map(|line| line[column].chars().count()).max().unwrap_or(0).max(2);
    let widths: Vec<usize> = (0..heading.len()).map(width).collect();
    let line = |cells: &[String]| {
        let padded = cells.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match column {
            0 => format!("| {cell:<width$} "),
            _ => format!("| {cell:>width$} "),
        });
        padded.collect::<String>() + "|\n"
    };
    let ruler = widths.iter().enumerate().map(|(column, width)| match column {
        0 => format!("|{}", "-".repeat(width + 2)),
        _ => format!("|{}:", "-".repeat(width + 1)),
    });
    let ruler = ruler.collect::<String>() + "|\n";
    let body: String = cells[1..].iter().map(|cells| line(cells)).collect();
    line(heading) + &ruler + &body
}
