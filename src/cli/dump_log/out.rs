//! How what was found is printed: lines for people, or an object on each line (JSON Lines).
//!
//! Always true: each thing that is found is one row with a name, fields and a sentence; both formats come from it.
//! Whoever closes our stdout wants no more: nothing is said about that, and the reading ends.
//! Not done: no totals over files but the count of what is damaged.

use std::fmt::Display;
use std::io::Write;
use std::path::Path;

use crate::base::quoted;

/// Bytes that are gathered before they are written.
const BUFFER: usize = 64 << 10;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Text,
    Json,
}

pub struct Out {
    format: Format,
    damage_only: bool,
    damages: u64,
    text: String,
    file: String,
    /// Rows of the open file were printed already.
    has_heading: bool,
    is_closed: bool,
    into: Box<dyn Write>,
}

/// What a row says beside its sentence: names as they are in JSON.
pub struct Fields(String);

impl Fields {
    pub fn new() -> Fields {
        Fields(String::new())
    }

    pub fn number(mut self, name: &str, number: impl Display) -> Fields {
        self.0 += &format!(",\"{name}\":{number}");
        self
    }

    pub fn text(mut self, name: &str, text: &str) -> Fields {
        self.0 += &format!(",\"{name}\":{}", quoted(text));
        self
    }

    /// Fields of their own under a name; null without.
    pub fn object(self, name: &str, fields: Option<Fields>) -> Fields {
        let object = fields.map_or("null".to_string(), Fields::into_object);
        self.number(name, object)
    }

    pub fn into_object(self) -> String {
        format!("{{{}}}", self.0.trim_start_matches(','))
    }
}

impl Out {
    pub fn new(format: Format, damage_only: bool) -> Out {
        Out::into(format, damage_only, Box::new(std::io::stdout()))
    }

    pub fn into(format: Format, damage_only: bool, into: Box<dyn Write>) -> Out {
        let (text, file) = (String::new(), String::new());
        Out { format, damage_only, damages: 0, text, file, has_heading: false, is_closed: false, into }
    }

    /// What follows was found in this file.
    pub fn open(&mut self, path: &Path) {
        self.file = path.display().to_string();
        self.has_heading = false;
    }

    /// One thing that was found, and is as it should be.
    pub fn row(&mut self, row: &str, fields: Fields, sentence: &str) {
        if !self.damage_only {
            self.print(row, fields, sentence);
        }
    }

    /// One thing that is not as it should be.
    pub fn damage(&mut self, row: &str, fields: Fields, sentence: &str) {
        self.damages += 1;
        self.print(row, fields.number("damaged", true), sentence);
    }

    /// What all of the file comes to.
    pub fn summary(&mut self, fields: Fields, sentence: &str) {
        self.print("file", fields, sentence);
        if self.format == Format::Text && !self.damage_only {
            self.text.push('\n');
        }
    }

    /// The names of columns, for people.
    pub fn columns(&mut self, columns: &str) {
        if self.format == Format::Text && !self.damage_only {
            self.heading();
            self.text += &format!("{columns}\n");
        }
    }

    pub fn damages(&self) -> u64 {
        self.damages
    }

    /// Nobody reads on.
    pub fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Writes what is left; how many damaged things there were.
    pub fn finish(mut self) -> u64 {
        self.write();
        self.damages
    }

    fn print(&mut self, row: &str, Fields(fields): Fields, sentence: &str) {
        match self.format {
            Format::Text => {
                self.heading();
                self.text += &format!("{sentence}\n");
            }
            Format::Json => {
                let file = quoted(&self.file);
                self.text += &format!("{{\"file\":{file},\"row\":\"{row}\"{fields}}}\n");
            }
        }
        if self.text.len() >= BUFFER {
            self.write();
        }
    }

    fn heading(&mut self) {
        if !self.has_heading {
            self.has_heading = true;
            self.text += &format!("{}\n", self.file);
        }
    }

    fn write(&mut self) {
        self.is_closed |= self.into.write_all(self.text.as_bytes()).is_err();
        self.text.clear();
    }
}
