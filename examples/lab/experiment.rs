//! What an experiment is, and what comes out of it.
//!
//! Always true: an answer is one of the choices, or there is none.
//! Not done: no expected figures.

use crate::number::brief;
use crate::table::Table;
use crate::Result;

pub struct Experiment {
    pub name: &'static str,
    pub title: &'static str,
    pub question: &'static str,
    /// What may be predicted.
    pub choices: &'static [&'static str],
    /// Data that lies in memory anyway (tmpfs) would show nothing.
    pub needs_disk: bool,
    pub run: fn(&Lab) -> Result<Findings>,
}

#[derive(Default)]
pub struct Findings {
    /// None where all of it was skipped.
    pub tables: Vec<Table>,
    /// Which of the choices came true; none if it was skipped, or if the runs contradict each other.
    pub answer: Option<usize>,
    /// What happened and why, in paragraphs.
    pub why: Vec<String>,
    /// What was not tried, and for what reason.
    pub skipped: Vec<String>,
}

impl Findings {
    /// None of it can be tried.
    pub fn skipped(reason: impl Into<String>) -> Findings {
        Findings { skipped: vec![reason.into()], ..Findings::default() }
    }

    pub fn is_undecided(&self) -> bool {
        self.answer.is_none() && self.skipped.is_empty()
    }
}

/// How much is done.
pub struct Lab {
    pub is_short: bool,
}

impl Lab {
    /// Runs of each row, of which the median counts.
    pub fn rounds(&self) -> usize {
        self.pick(3, 1)
    }

    pub fn pick<T>(&self, long: T, short: T) -> T {
        if self.is_short {
            short
        } else {
            long
        }
    }
}

/// Of a whole that is 100.
pub fn percent(figure: f64) -> String {
    format!("{figure:.0} %")
}

pub fn time(us: f64) -> String {
    match us {
        us if us < 1000.0 => format!("{} us", brief(us)),
        us => format!("{} ms", brief(us / 1e3)),
    }
}

/// The first bound that a figure lies below, as a choice; the last one if there is none.
pub fn step(figure: f64, bounds: &[f64]) -> usize {
    bounds.iter().position(|bound| figure < *bound).unwrap_or(bounds.len())
}
