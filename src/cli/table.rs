//! What a command found, printed as a table for people or as an object on each line (JSON Lines).
//!
//! Always true: both formats come from the same rows; a column's heading is its name in JSON.
//! Not done: nothing is cut to the width of a terminal.

use crate::base::{one_line, quoted};

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Text,
    Json,
}

/// What a row says in a column.
pub enum Cell {
    Text(String),
    Number(i64),
    Numbers(Vec<i32>),
    Truth(bool),
    /// Keys with values: an object.
    Pairs(Vec<(String, String)>),
    /// `-`, or null.
    Nothing,
}

impl From<&str> for Cell {
    fn from(text: &str) -> Cell {
        Cell::Text(text.to_string())
    }
}

impl<T: Into<i64>> From<Option<T>> for Cell {
    fn from(number: Option<T>) -> Cell {
        number.map_or(Cell::Nothing, |number| Cell::Number(number.into()))
    }
}

/// Columns, of which the last ones may be for JSON alone.
pub struct Table {
    columns: Vec<&'static str>,
    shown: usize,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    pub fn new(columns: &[&'static str]) -> Table {
        Table { columns: columns.to_vec(), shown: columns.len(), rows: Vec::new() }
    }

    /// More columns, that people are told in other words.
    pub fn and_json(mut self, columns: &[&'static str]) -> Table {
        self.columns.extend(columns);
        self
    }

    pub fn row(&mut self, cells: Vec<Cell>) {
        debug_assert_eq!(cells.len(), self.columns.len(), "a cell for each column");
        self.rows.push(cells);
    }

    pub fn print(&self, format: Format) -> String {
        match format {
            Format::Text => self.text(),
            Format::Json => self.rows.iter().map(|row| format!("{{{}}}\n", self.members(row))).collect(),
        }
    }

    fn text(&self) -> String {
        let headings = self.columns[..self.shown].iter().map(|column| column.replace('_', " "));
        let rows = self.rows.iter().map(|row| row[..self.shown].iter().map(Cell::text).collect::<Vec<_>>());
        columns(&std::iter::once(headings.collect()).chain(rows).collect::<Vec<_>>())
    }

    fn members(&self, row: &[Cell]) -> String {
        let member = |(column, cell): (&&str, &Cell)| format!("\"{column}\":{}", cell.json());
        self.columns.iter().zip(row).map(member).collect::<Vec<_>>().join(",")
    }
}

impl Cell {
    fn text(&self) -> String {
        match self {
            Cell::Text(text) if text.is_empty() => String::from("-"),
            Cell::Text(text) => one_line(text),
            Cell::Number(number) => number.to_string(),
            Cell::Numbers(numbers) if numbers.is_empty() => String::from("-"),
            Cell::Numbers(numbers) => numbers.iter().map(i32::to_string).collect::<Vec<_>>().join(","),
            Cell::Truth(true) => String::from("yes"),
            Cell::Truth(false) => String::from("no"),
            Cell::Pairs(pairs) => {
                pairs.iter().map(|(name, value)| one_line(&format!("{name}={value}"))).collect::<Vec<_>>().join(" ")
            }
            Cell::Nothing => String::from("-"),
        }
    }

    fn json(&self) -> String {
        match self {
            Cell::Text(text) => quoted(text),
            Cell::Number(number) => number.to_string(),
            Cell::Numbers(numbers) => format!("{numbers:?}").replace(' ', ""),
            Cell::Truth(truth) => truth.to_string(),
            Cell::Pairs(pairs) => {
                let members = pairs.iter().map(|(name, value)| format!("{}:{}", quoted(name), quoted(value)));
                format!("{{{}}}", members.collect::<Vec<_>>().join(","))
            }
            Cell::Nothing => String::from("null"),
        }
    }
}

/// Rows of text, each column as wide as its widest cell; the last one ends where its text ends.
pub fn columns(rows: &[Vec<String>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..count).map(|column| width(column).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_formats_say_the_same() {
        let mut table = Table::new(&["topic", "in_sync", "offset"]).and_json(&["configs"]);
        let configs = vec![("a.b".to_string(), "\"1\"".to_string())];
        table.row(vec!["orders".into(), Cell::Numbers(vec![1, 2]), Cell::Number(7), Cell::Pairs(configs)]);
        table.row(vec!["o\n".into(), Cell::Numbers(vec![]), Cell::Nothing, Cell::Pairs(vec![])]);
        assert_eq!(table.print(Format::Text), "topic   in sync  offset\norders  1,2      7\no\\n     -        -\n");
        assert_eq!(
            table.print(Format::Json),
            "{\"topic\":\"orders\",\"in_sync\":[1,2],\"offset\":7,\"configs\":{\"a.b\":\"\\\"1\\\"\"}}\n\
             {\"topic\":\"o\\u000a\",\"in_sync\":[],\"offset\":null,\"configs\":{}}\n"
        );
    }
}
