//! The file of results that a part of bench.sh writes: lines of words, separated by tabs.
//!
//! ```text
//! about  WHAT   TEXT                          the machine, the kernel, the commit, the date, the method
//! table  ID     TITLE  [compared]             compared: its rows with the first of them
//! note   ID     TEXT
//! row    ID     LABEL  GROUP  KEY=VALUE...    what a table shows, in this order, and of which runs
//! run    ID     GROUP  SIDE   KEY=VALUE...    one run: its figures
//! ```
//!
//! Always true: a line names a table that was begun before it; whatever follows the fixed words is KEY=VALUE, several
//! to a word or one.

use std::collections::HashMap;

use crate::Result;

#[derive(Default)]
pub struct Results {
    pub about: Vec<(String, String)>,
    pub tables: Vec<Table>,
}

pub struct Table {
    pub id: String,
    pub title: String,
    /// Whether a row is compared with the first one.
    pub compared: bool,
    pub notes: Vec<String>,
    pub rows: Vec<Row>,
    runs: Vec<Run>,
}

pub struct Row {
    pub label: String,
    pub group: String,
    /// What the row is held against: a metric, a target, a limit.
    pub words: HashMap<String, String>,
}

struct Run {
    group: String,
    side: String,
    figures: HashMap<String, String>,
}

/// What the runs of a group came to, sorted; at least one.
#[derive(Clone, PartialEq, Debug)]
pub struct Sample(Vec<f64>);

impl Sample {
    pub fn median(&self) -> f64 {
        let middle = self.0.len() / 2;
        match self.0.len() % 2 {
            1 => self.0[middle],
            _ => (self.0[middle - 1] + self.0[middle]) / 2.0,
        }
    }

    pub fn low(&self) -> f64 {
        self.0[0]
    }

    pub fn high(&self) -> f64 {
        self.0[self.0.len() - 1]
    }
}

impl Results {
    pub fn read(text: &str) -> Result<Results> {
        let mut results = Results::default();
        for (number, line) in text.lines().enumerate() {
            let words: Vec<&str> = line.split('\t').collect();
            results.add(&words).map_err(|error| format!("line {}: {error}", number + 1))?;
        }
        Ok(results)
    }

    fn add(&mut self, words: &[&str]) -> Result<()> {
        match words {
            ["about", what, text @ ..] => self.about.push((what.to_string(), text.join(" "))),
            ["table", id, title, rest @ ..] => {
                let (id, title, compared) = (id.to_string(), title.to_string(), rest == ["compared"]);
                self.tables
                    .push(Table { id, title, compared, notes: Vec::new(), rows: Vec::new(), runs: Vec::new() });
            }
            ["note", id, text] => self.table_mut(id)?.notes.push(text.to_string()),
            ["row", id, label, group, words @ ..] => {
                let (label, group) = (label.to_string(), group.to_string());
                self.table_mut(id)?.rows.push(Row { label, group, words: pairs(words) });
            }
            ["run", id, group, side, words @ ..] => {
                let (group, side) = (group.to_string(), side.to_string());
                self.table_mut(id)?.runs.push(Run { group, side, figures: pairs(words) });
            }
            _ => return Err("neither about, table, note, row nor run".into()),
        }
        Ok(())
    }

    pub fn table(&self, id: &str) -> Result<&Table> {
        self.tables.iter().find(|table| table.id == id).ok_or_else(|| format!("no table {id}").into())
    }

    fn table_mut(&mut self, id: &str) -> Result<&mut Table> {
        self.tables.iter_mut().find(|table| table.id == id).ok_or_else(|| format!("no table {id}").into())
    }

    /// A figure of a row that was measured without a broker.
    pub fn limit(&self, name: &str, key: &str) -> Option<f64> {
        self.tables.iter().find_map(|table| table.sample(name, "kernel", key)).map(|sample| sample.median())
    }
}

impl Table {
    /// The figures of a key in the runs of a group; `None` if no run has it.
    pub fn sample(&self, group: &str, side: &str, key: &str) -> Option<Sample> {
        let runs = self.runs.iter().filter(|run| run.group == group && run.side == side);
        let mut figures: Vec<f64> = runs.filter_map(|run| run.figures.get(key)?.parse().ok()).collect();
        figures.sort_by(f64::total_cmp);
        (!figures.is_empty()).then_some(Sample(figures))
    }

    /// The only side of a table that compares rows instead of sides.
    pub fn side(&self) -> &str {
        self.runs.first().map_or("", |run| &run.side)
    }
}

fn pairs(words: &[&str]) -> HashMap<String, String> {
    let all = words.iter().flat_map(|word| word.split_whitespace());
    all.filter_map(|word| word.split_once('='))
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_and_its_spread() {
        let text = "table\tt\tT\nrun\tt\tg\ts\tx=3\nrun\tt\tg\ts\tx=1 y=2\nrun\tt\tg\ts\tx=2\nrun\tt\tother\ts\tx=9\n";
        let results = Results::read(text).unwrap();
        let sample = results.table("t").unwrap().sample("g", "s", "x").unwrap();
        assert_eq!((sample.low(), sample.median(), sample.high()), (1.0, 2.0, 3.0));
        assert_eq!(results.table("t").unwrap().sample("g", "s", "z"), None);
    }
}
