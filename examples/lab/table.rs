//! A table, as text that reads well in a terminal and as Markdown, and its first column of figures as bars.
//!
//! Always true: a figure is the median of its runs; in brackets, the lowest and the highest.
//! Not done: no axis, each bar carries its figure.

use crate::number::brief;
use crate::picture::{self, Bar, BLUE};

pub struct Table {
    /// In the name of its plot.
    pub id: &'static str,
    pub title: String,
    /// The first one is what the plot shows.
    pub columns: Vec<&'static str>,
    pub rows: Vec<(String, Vec<Cell>)>,
}

pub enum Cell {
    /// Of which the median is shown; at least one.
    Runs(Vec<f64>),
    Count(u64),
    Text(String),
}

impl From<f64> for Cell {
    fn from(figure: f64) -> Cell {
        Cell::Runs(vec![figure])
    }
}

impl From<u64> for Cell {
    fn from(count: u64) -> Cell {
        Cell::Count(count)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Cell {
        Cell::Text(text.to_string())
    }
}

impl Cell {
    fn text(&self) -> String {
        match self {
            Cell::Runs(runs) => brief(median(runs)),
            Cell::Count(count) if *count < 1000 => count.to_string(),
            Cell::Count(count) => brief(*count as f64),
            Cell::Text(text) => text.clone(),
        }
    }

    /// With the lowest and the highest run.
    fn with_spread(&self) -> String {
        match self {
            Cell::Runs(runs) if runs.len() > 1 => {
                let (low, high) = spread(runs);
                format!("{} ({} - {})", self.text(), brief(low), brief(high))
            }
            _ => self.text(),
        }
    }

    fn bar(&self, label: &str) -> Option<Bar> {
        let runs = match self {
            Cell::Runs(runs) => runs.clone(),
            Cell::Count(count) => vec![*count as f64],
            Cell::Text(_) => return None,
        };
        let (low, high) = spread(&runs);
        let (label, figure) = (label.to_string(), self.text());
        Some(Bar { label, figure, color: BLUE, value: median(&runs), low, high, mark: None })
    }
}

pub fn median(runs: &[f64]) -> f64 {
    let mut sorted = runs.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() % 2 {
        1 => sorted[middle],
        _ => (sorted[middle - 1] + sorted[middle]) / 2.0,
    }
}

fn spread(runs: &[f64]) -> (f64, f64) {
    runs.iter().fold((f64::MAX, f64::MIN), |(low, high), run| (low.min(*run), high.max(*run)))
}

impl Table {
    pub fn new(id: &'static str, title: impl Into<String>, columns: &[&'static str]) -> Table {
        Table { id, title: title.into(), columns: columns.to_vec(), rows: Vec::new() }
    }

    pub fn row(&mut self, label: impl Into<String>, cells: Vec<Cell>) {
        self.rows.push((label.into(), cells));
    }

    pub fn markdown(&self) -> String {
        let heading = [String::new()].into_iter().chain(self.columns.iter().map(|column| column.to_string()));
        let mut lines: Vec<Vec<String>> = vec![heading.collect()];
        for (label, cells) in &self.rows {
            let shown = |(column, cell): (usize, &Cell)| if column == 0 { cell.with_spread() } else { cell.text() };
            lines.push([label.clone()].into_iter().chain(cells.iter().enumerate().map(shown)).collect());
        }
        let letters = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..=self.columns.len()).map(letters).collect();
        let is_text = |column: usize| {
            column == 0 || self.rows.iter().all(|(_, cells)| matches!(cells[column - 1], Cell::Text(_)))
        };
        let mut text = String::new();
        for (number, line) in lines.iter().enumerate() {
            for (column, (cell, width)) in line.iter().zip(&widths).enumerate() {
                text += &if is_text(column) { format!("| {cell:<width$} ") } else { format!("| {cell:>width$} ") };
            }
            text += "|\n";
            if number == 0 {
                let rules = widths.iter().enumerate();
                text += &rules.map(|(column, width)| rule(*width, is_text(column))).collect::<String>();
                text += "|\n";
            }
        }
        text
    }

    fn bars(&self) -> Vec<Bar> {
        self.rows.iter().filter_map(|(label, cells)| cells.first()?.bar(label)).collect()
    }

    /// `None` for a table of words.
    pub fn svg(&self) -> Option<String> {
        let bars = self.bars();
        (!bars.is_empty()).then(|| picture::svg(&self.title, self.columns[0], &bars, false))
    }

    /// The same for a terminal.
    pub fn drawn(&self) -> String {
        const LENGTH: f64 = 50.0;
        let bars = self.bars();
        let (shares, is_logarithmic) = picture::shares(&bars);
        let width = bars.iter().map(|bar| bar.label.chars().count()).max().unwrap_or(0);
        let mut text = String::new();
        for (bar, share) in bars.iter().zip(shares) {
            let length = ((share * LENGTH).round() as usize).max(usize::from(bar.value > 0.0));
            text += &format!("  {:>width$} {} {}\n", bar.label, "█".repeat(length), bar.figure);
        }
        if is_logarithmic {
            text += &format!("  {:>width$} ({}, logarithmic)\n", "", self.columns[0]);
        }
        text
    }
}

fn rule(width: usize, is_text: bool) -> String {
    match is_text {
        true => format!("|{}", "-".repeat(width + 2)),
        false => format!("|{}:", "-".repeat(width + 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_shows_medians_and_the_spread_of_its_first_column() {
        let mut table = Table::new("t", "T", &["MB/s", "what"]);
        table.row("one", vec![Cell::Runs(vec![30.0, 10.0, 20.0]), "slow".into()]);
        table.row("three", vec![200u64.into(), "fast".into()]);
        let wanted = "|       |               MB/s | what |
|-------|-------------------:|------|
| one   | 20.0 \
                      (10.0 - 30.0) | slow |
| three |                200 | fast |
";
        assert_eq!(table.markdown(), wanted);
        assert!(table.drawn().contains(&format!("    one {} 20.0\n", "█".repeat(5))), "{}", table.drawn());
        assert!(table.svg().unwrap().contains(">200</text>"));
    }
}
