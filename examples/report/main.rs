//! Turns the results of a part of bench.sh into tables and pictures.
//!
//! `report table FILE ID` prints one table; `report write FILE PART FOLDER` writes FOLDER/PART.md, with a picture
//! FOLDER/PART-ID.svg for each table.
//!
//! Always true: nothing is measured here, and the same results give the same files.

mod number;
mod picture;
mod plot;
mod results;
mod tables;
mod target;

use std::path::Path;
use std::process::ExitCode;

use results::Results;

pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const USAGE: &str = "Usage: report table FILE ID | report write FILE PART FOLDER";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("report: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["table", file, id] => {
            let results = Results::read(&std::fs::read_to_string(file)?)?;
            println!("\n{}", tables::render(&results, results.table(id)?));
            Ok(())
        }
        ["write", file, part, folder] => {
            let results = Results::read(&std::fs::read_to_string(file)?)?;
            write(&results, part, Path::new(folder))
        }
        _ => Err(USAGE.into()),
    }
}

fn write(results: &Results, part: &str, folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let about: String = results.about.iter().map(|(what, text)| format!("* {what}: {text}\n")).collect();
    let mut text = format!("# bench.sh {part}\n\n{about}");
    for table in &results.tables {
        text += &format!("\n{}", tables::render(results, table));
        if let Some(picture) = plot::svg(table) {
            let name = format!("{part}-{}.svg", table.id);
            std::fs::write(folder.join(&name), picture)?;
            text += &format!("\n![{}]({name})\n", table.title);
        }
    }
    Ok(std::fs::write(folder.join(format!("{part}.md")), text)?)
}
