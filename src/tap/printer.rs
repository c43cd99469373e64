//! The printer: shows a message in one line, for the log of requests and for the output of a failed test.
//!
//! The values only, in wire order, with a blank between: strings quoted, an array or an element of one in brackets,
//! records as their length: `Produce v7 null -1 1500 [["demo" [[0 <records 71 bytes>]]]]`. Other bytes: `<bytes 26>`.
//! With a [`Ruler`] each value has in front of it where in the frame it begins: `Produce v7 20:null 22:-1 24:1500 28:[[32:"demo" ...`.
//!
//! Always true: the line has no line break, whatever a client sent, and is cut soon after [`LINE_MAX`] bytes.
//! Not done: tagged fields are not shown, as nobody keeps them.

use super::ruler::{Ruler, Shape};
use crate::base::{ErrorCode, Result, Uuid};
use crate::wire::records::Records;
use crate::wire::walk::{Element, Message, Versions, Walk};
use std::fmt::{Display, Write};

/// bytes
pub const LINE_MAX: usize = 64 << 10;

/// Writes one line of text.
#[derive(Debug)]
pub struct Printer<'a> {
    line: String,
    version: i16,
    ruler: Option<Ruler<'a>>,
}

/// `name` is the API's, see [`Api::name`](crate::wire::Api::name).
pub fn print(name: &str, version: i16, message: &mut impl Message) -> String {
    print_at(name, version, message, None)
}

/// The same with the places that the ruler gives.
pub fn print_at(name: &str, version: i16, message: &mut impl Message, ruler: Option<Ruler>) -> String {
    let mut printer = Printer { line: format!("{name} v{version}"), version, ruler };
    // A printer never fails, and no other walker takes part.
    let _ = message.walk(&mut printer);
    if printer.is_full() {
        printer.line.push_str(" ...");
    }
    printer.line
}

impl Printer<'_> {
    fn is_full(&self) -> bool {
        self.line.len() > LINE_MAX
    }

    fn blank(&mut self) {
        if !self.line.ends_with('[') {
            self.line.push(' ');
        }
    }

    /// What stands in front of a field.
    fn begin(&mut self, shape: Shape) {
        self.blank();
        if let Some(ruler) = &mut self.ruler {
            // Writing to a String cannot fail.
            let _ = ruler.at().map_or(Ok(()), |at| write!(self.line, "{at}:"));
            ruler.pass(shape);
        }
    }

    /// Something that is not shown.
    fn pass(&mut self, shape: Shape) {
        if let Some(ruler) = &mut self.ruler {
            ruler.pass(shape);
        }
    }

    fn value(&mut self, versions: Versions, shape: Shape, value: impl Display) -> Result<()> {
        if versions.contain(self.version) && !self.is_full() {
            self.begin(shape);
            // Writing to a String cannot fail.
            let _ = write!(self.line, "{value}");
        }
        Ok(())
    }
}

impl Walk for Printer<'_> {
    fn bool(&mut self, versions: Versions, value: &mut bool) -> Result<()> {
        self.value(versions, Shape::Fixed(1), value)
    }

    fn i8(&mut self, versions: Versions, value: &mut i8) -> Result<()> {
        self.value(versions, Shape::Fixed(1), value)
    }

    fn i16(&mut self, versions: Versions, value: &mut i16) -> Result<()> {
        self.value(versions, Shape::Fixed(2), value)
    }

    fn i32(&mut self, versions: Versions, value: &mut i32) -> Result<()> {
        self.value(versions, Shape::Fixed(4), value)
    }

    fn i64(&mut self, versions: Versions, value: &mut i64) -> Result<()> {
        self.value(versions, Shape::Fixed(8), value)
    }

    fn f64(&mut self, versions: Versions, value: &mut f64) -> Result<()> {
        self.value(versions, Shape::Fixed(8), value)
    }

    fn uuid(&mut self, versions: Versions, value: &mut Uuid) -> Result<()> {
        self.value(versions, Shape::Fixed(16), value)
    }

    fn error(&mut self, versions: Versions, code: &mut ErrorCode) -> Result<()> {
        match code.name() {
            "UNLISTED" => self.value(versions, Shape::Fixed(2), format_args!("error {}", code.0)),
            name => self.value(versions, Shape::Fixed(2), name),
        }
    }

    fn string(&mut self, versions: Versions, value: &mut String) -> Result<()> {
        self.value(versions, Shape::Text, format_args!("{value:?}"))
    }

    fn nullable_string(&mut self, versions: Versions, _null: Versions, value: &mut Option<String>) -> Result<()> {
        match value {
            None => self.value(versions, Shape::Text, "null"),
            Some(value) => self.string(versions, value),
        }
    }

    fn bytes(&mut self, versions: Versions, value: &mut Vec<u8>) -> Result<()> {
        self.value(versions, Shape::Block, format_args!("<bytes {}>", value.len()))
    }

    fn records(&mut self, versions: Versions, value: &mut Records) -> Result<()> {
        let shape = match value {
            Records::Stored(_) | Records::Shared(_) => Shape::Apart(value.len()),
            _ => Shape::Block,
        };
        match value {
            Records::Null => self.value(versions, shape, "null"),
            _ => self.value(versions, shape, format_args!("<records {} bytes>", value.len())),
        }
    }

    fn nullable_struct<T: Message + Default>(&mut self, versions: Versions, value: &mut Option<T>) -> Result<()> {
        match value {
            None => self.value(versions, Shape::Fixed(1), "null"),
            Some(value) if versions.contain(self.version) => {
                self.pass(Shape::Fixed(1));
                self.element(value)
            }
            Some(_) => Ok(()),
        }
    }

    fn array<T: Element>(&mut self, versions: Versions, values: &mut Vec<T>) -> Result<()> {
        if versions.contain(self.version) && !self.is_full() {
            self.begin(Shape::Count);
            self.line.push('[');
            for value in values {
                value.visit(self)?;
            }
            self.line.push(']');
        }
        Ok(())
    }

    fn nullable_array<T: Element>(
        &mut self,
        versions: Versions,
        _null: Versions,
        values: &mut Option<Vec<T>>,
    ) -> Result<()> {
        match values {
            None => self.value(versions, Shape::Count, "null"),
            Some(values) => self.array(versions, values),
        }
    }

    fn element<T: Message>(&mut self, value: &mut T) -> Result<()> {
        self.blank();
        self.line.push('[');
        value.walk(self)?;
        self.line.push(']');
        Ok(())
    }

    fn tags(&mut self) -> Result<()> {
        self.pass(Shape::Tags);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::messages::describe_client_quotas::{EntryData, ValueData};
    use crate::wire::messages::describe_topic_partitions::{Cursor, DescribeTopicPartitionsRequest};
    use crate::wire::messages::{DeleteTopicsRequest, FindCoordinatorRequest, FindCoordinatorResponse};

    #[test]
    fn a_client_cannot_break_the_line() {
        let mut request = FindCoordinatorRequest { key: "a\nb\"c\u{1b}".to_string(), ..Default::default() };
        assert_eq!(print("FindCoordinator", 0, &mut request), r#"FindCoordinator v0 "a\nb\"c\u{1b}""#);
    }

    #[test]
    fn a_long_line_is_cut() {
        let topic_names = vec!["x".repeat(999); 1_000];
        let mut request = DeleteTopicsRequest { topic_names, ..Default::default() };
        let line = print("DeleteTopics", 1, &mut request);
        assert!(line.len() < LINE_MAX + 2_000 && line.ends_with(" ..."), "{} bytes", line.len());
    }

    #[test]
    fn codes_print_their_names() {
        let print = |code| {
            let mut response = FindCoordinatorResponse { error_code: ErrorCode(code), ..Default::default() };
            print("FindCoordinator", 0, &mut response)
        };
        assert_eq!(print(0), r#"FindCoordinator v0 NONE 0 "" 0"#);
        assert_eq!(print(15), r#"FindCoordinator v0 COORDINATOR_NOT_AVAILABLE 0 "" 0"#);
        assert_eq!(print(999), r#"FindCoordinator v0 error 999 0 "" 0"#);
    }

    #[test]
    fn a_struct_prints_as_an_element_does_and_a_fraction_as_it_is() {
        let cursor = Some(Cursor { topic_name: "a".to_string(), partition_index: 1 });
        let mut request = DescribeTopicPartitionsRequest { cursor, ..Default::default() };
        assert_eq!(print("Describe", 0, &mut request), r#"Describe v0 [] 2000 ["a" 1]"#);
        let mut entry =
            EntryData { values: vec![ValueData { key: "k".to_string(), value: 0.5 }], ..Default::default() };
        assert_eq!(print("Entry", 0, &mut entry), r#"Entry v0 [] [["k" 0.5]]"#);
    }
}
