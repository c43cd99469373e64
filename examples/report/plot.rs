//! The bars of a table.
//!
//! A table of loads shows its first column; one that compares two brokers shows how many times Kafka's figure sendlog
//! reached, with a mark at the target.

use crate::number::{brief, ratio};
use crate::picture::{self, Bar, BLUE};
use crate::results::{Row, Table};
use crate::tables::{compares_brokers, first_column, more_is_better, times_kafka};
use crate::target::Target;

const ORANGE: &str = "#c77d3a";

/// `None` for a table without figures.
pub fn svg(table: &Table) -> Option<String> {
    let bars = if compares_brokers(table) { broker_bars(table) } else { row_bars(table) };
    if bars.is_empty() {
        return None;
    }
    let shown = match compares_brokers(table) {
        true => "times Kafka's figure; blue: sendlog is ahead; dashes: the target",
        false => first_column(table)?.1,
    };
    Some(picture::svg(&table.title, shown, &bars, compares_brokers(table)))
}

fn row_bars(table: &Table) -> Vec<Bar> {
    let Some((key, _)) = first_column(table) else { return Vec::new() };
    let bar = |row: &Row| {
        let sample = table.sample(&row.group, table.side(), key)?;
        let (value, low, high) = (sample.median(), sample.low(), sample.high());
        Some(Bar { label: row.label.clone(), figure: brief(value), color: BLUE, value, low, high, mark: None })
    };
    table.rows.iter().filter_map(bar).collect()
}

fn broker_bars(table: &Table) -> Vec<Bar> {
    let bar = |row: &Row| {
        let value = times_kafka(table, row)?;
        let target = row.words.get("target").and_then(|text| Target::parse(text));
        let mark = target.and_then(|target| target.times_kafka());
        let ahead = value >= 1.0 && more_is_better(row) || value <= 1.0 && !more_is_better(row);
        let color = if ahead { BLUE } else { ORANGE };
        Some(Bar { label: row.label.clone(), figure: ratio(value), color, value, low: value, high: value, mark })
    };
    table.rows.iter().filter_map(bar).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::Results;

    fn picture(text: &str) -> String {
        svg(Results::read(text).unwrap().table("t").unwrap()).unwrap()
    }

    #[test]
    fn a_bar_is_as_long_as_its_figure() {
        let text = "table\tt\tT\nrow\tt\ta\ta\nrow\tt\tb\tb\nrun\tt\ta\ts\tMB/s=50\nrun\tt\tb\ts\tMB/s=100\n";
        let picture = picture(text);
        assert!(picture.contains("width=\"396.6\"") && picture.contains("width=\"793.2\""), "{picture}");
    }

    #[test]
    fn a_ratio_starts_at_one_and_shows_its_target() {
        let text = "table\tt\tT\nrow\tt\t<a>\ta\tmetric=MB/s\ttarget=x>=10\n\
                    run\tt\ta\tkafka\tMB/s=1\nrun\tt\ta\tsendlog\tMB/s=100\n";
        let picture = picture(text);
        // From 1 to 100 on an axis of two decades: all of it; the target lies in the middle.
        assert!(picture.contains("width=\"779.6\"") && picture.contains("M430.2"), "{picture}");
        assert!(picture.contains("&lt;a&gt;"), "{picture}");
    }
}
