//! The page of the lab: what a run found goes between two marks of it, and plots beside it.
//!
//! ```text
//! <!-- lab: NAME -->
//! everything in here is written by a run
//! <!-- end -->
//! ```
//!
//! Always true: what stands outside of the marks is not touched; an experiment that found nothing leaves its part as it is.
//! Not done: the page is never made; its prose is written by hand.

use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use sendlog::base::utc;

use crate::experiment::{Experiment, Findings, Lab};
use crate::terminal::letter;
use crate::Result;

const END: &str = "<!-- end -->";

pub fn write(folder: &Path, number: usize, experiment: &Experiment, findings: &Findings, machine: &str) -> Result<()> {
    if findings.tables.is_empty() {
        return Ok(());
    }
    let path = folder.join("README.md");
    let page = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let old = part(&page, experiment.name)?;
    let mut new = format!("{}\n\n", experiment.question);
    for (index, choice) in experiment.choices.iter().enumerate() {
        new += &format!("* {}: {choice}\n", letter(index));
    }
    new += &format!("\n```sh\nmake lab-{number}    # or make lab-{}\n```\n\n{machine}\n", experiment.name);
    for table in &findings.tables {
        new += &format!("\n**{}**\n\n{}", table.title, table.markdown());
        if let Some(picture) = table.svg() {
            let name = format!("{}-{}.svg", experiment.name, table.id);
            std::fs::write(folder.join(&name), picture)?;
            new += &format!("\n![{}]({name})\n", table.title);
        }
    }
    findings.skipped.iter().for_each(|reason| new += &format!("\nSkipped: {reason}\n"));
    if findings.is_undecided() {
        new += "\n**In this run: no verdict, the runs contradict each other.**\n";
    }
    if let Some(answer) = findings.answer {
        new += &format!("\n**In this run: {}, {}.**\n", letter(answer), experiment.choices[answer]);
    }
    findings.why.iter().for_each(|paragraph| new += &format!("\n{paragraph}\n"));
    let range = old.as_ptr() as usize - page.as_ptr() as usize;
    Ok(std::fs::write(&path, format!("{}{new}{}", &page[..range], &page[range + old.len()..]))?)
}

/// What stands between the marks of an experiment.
pub fn part<'a>(page: &'a str, name: &str) -> Result<&'a str> {
    let mark = format!("<!-- lab: {name} -->\n");
    let found = page.split_once(&mark).and_then(|(_, rest)| Some(rest.split_once(END)?.0));
    found.ok_or_else(|| format!("the page has no part between {} and {END}", mark.trim()).into())
}

/// Where this was measured, in a line.
pub fn machine(lab: &Lab, scratch: &Path) -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease");
    let kernel = kernel.trim().split('-').next().unwrap_or_default().to_string();
    let file_system = file_system(scratch);
    let load = read("/proc/loadavg");
    let load = load.split_whitespace().next().unwrap_or("?");
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
    format!(
        "Measured on {processors} processors, Linux {kernel}, data on {file_system}, {}, with a load average \
         of {load} when it began{}.",
        &utc(now_ms)[..10],
        lab.pick("", "; each row once, for a moment: the figures mean little")
    )
}

/// The kind of file system that the scratch data lies on.
pub fn file_system(scratch: &Path) -> String {
    let output = Command::new("df").arg("--output=fstype").arg(scratch).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().nth(1).map_or("an unknown file system", str::trim).to_string()
}
