//! What the lab says and asks in a terminal.
//!
//! Always true: nothing is asked where nobody can answer; an empty line is no prediction.
//! Not done: no colours.

use std::io::{stdin, stdout, IsTerminal, Write};

use crate::experiment::{Experiment, Findings};
use crate::Result;

const WIDTH: usize = 100;

pub fn can_ask() -> bool {
    stdin().is_terminal() && stdout().is_terminal()
}

/// Shows the question and what may be predicted.
pub fn pose(number: usize, experiment: &Experiment) {
    println!("\n==== {number} {} ====\n\n{}\n", experiment.title, wrapped(experiment.question));
    for (index, choice) in experiment.choices.iter().enumerate() {
        println!("  {}  {choice}", letter(index));
    }
    println!();
}

/// A prediction, or none.
pub fn ask(choices: usize) -> Result<Option<usize>> {
    loop {
        print!("Your prediction ({} to {}, or Enter for none): ", letter(0), letter(choices - 1));
        stdout().flush()?;
        let mut line = String::new();
        let is_end = stdin().read_line(&mut line)? == 0;
        let answer = line.trim().to_lowercase();
        let found = (0..choices).find(|index| answer == letter(*index).to_string());
        if is_end || answer.is_empty() || found.is_some() {
            return Ok(found);
        }
    }
}

pub fn show(experiment: &Experiment, findings: &Findings, predicted: Option<usize>, machine: &str) {
    progress("");
    println!("{}", wrapped(machine));
    for table in &findings.tables {
        println!("\n{}\n\n{}\n{}", table.title, table.markdown(), table.drawn());
    }
    for reason in &findings.skipped {
        println!("{}\n", wrapped(&format!("Skipped: {reason}")));
    }
    if findings.is_undecided() {
        println!("No verdict: the runs contradict each other. Try again on a machine that is less busy.\n");
    }
    if let Some(answer) = findings.answer {
        let right = match predicted {
            Some(choice) if choice == answer => "As you predicted: ".to_string(),
            Some(choice) => format!("You predicted {}; here it is ", letter(choice)),
            None => "Here it is ".to_string(),
        };
        println!("{}\n", wrapped(&format!("{right}{}, {}.", letter(answer), experiment.choices[answer])));
    }
    findings.why.iter().for_each(|paragraph| println!("{}\n", wrapped(paragraph)));
}

/// A line that the next one replaces, for whoever waits at a terminal.
pub fn progress(what: &str) {
    if std::io::stderr().is_terminal() {
        eprint!("\r\x1b[K{what}");
    }
}

pub fn letter(index: usize) -> char {
    char::from(b'a' + index as u8)
}

fn wrapped(text: &str) -> String {
    let (mut all, mut length) = (String::new(), 0);
    for word in text.split_whitespace() {
        let letters = word.chars().count();
        if length > 0 && length + 1 + letters > WIDTH {
            all.push('\n');
            length = 0;
        } else if length > 0 {
            all.push(' ');
            length += 1;
        }
        all += word;
        length += letters;
    }
    all
}
