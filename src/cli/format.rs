//! How `consume` prints a record: a format string as kcat has it, or a JSON object on each line.
//!
//! ```text
//! %t topic    %p partition    %o offset    %T timestamp in ms    %h headers, name=value, ...
//! %k key      %K its length   %s value     %S its length, -1 if it is null            %% a percent sign
//! \n newline  \t tab          \r return    \0 NUL     \\ backslash     \x41 a byte in hexadecimal
//! ```
//!
//! Always true: keys and values come out byte for byte in a format string; in JSON bytes that are no UTF-8 are replaced.
//! Not done: no schemas: bytes are bytes.

use std::io::Write;

use crate::base::quoted;
use crate::client::{Batch, ConsumerRecord};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Field {
    Topic,
    Partition,
    Offset,
    Timestamp,
    Headers,
    Key,
    KeyLength,
    Value,
    ValueLength,
    /// What Kafka's consumer prints: the kind of timestamp, and headers with a colon.
    TimestampType,
    KafkaHeaders,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Part {
    Bytes(Vec<u8>),
    Field(Field),
}

#[derive(Debug)]
pub struct RecordFormat {
    /// None: JSON.
    parts: Option<Vec<Part>>,
    /// What stands for a key or a value that is null.
    null: &'static [u8],
}

/// What Kafka's console consumer can be asked to print, each as a property.
#[derive(Default)]
pub struct KafkaPrints {
    pub timestamp: bool,
    pub partition: bool,
    pub offset: bool,
    pub headers: bool,
    pub key: bool,
    pub no_value: bool,
    pub key_separator: String,
    pub line_separator: String,
}

impl RecordFormat {
    /// `json`, or a format string; the error is what is wrong with it.
    pub fn parse(text: &str) -> Result<RecordFormat, String> {
        match text {
            "json" => Ok(RecordFormat { parts: None, null: b"" }),
            _ => Ok(RecordFormat { parts: Some(parse(text)?), null: b"" }),
        }
    }

    /// A record as Kafka's console consumer prints it (Kafka's `DefaultMessageFormatter`).
    pub fn of_kafka(prints: &KafkaPrints) -> RecordFormat {
        let text = |text: &str| Part::Bytes(text.as_bytes().to_vec());
        let mut columns: Vec<Vec<Part>> = Vec::new();
        let mut column = |is_wanted, parts| columns.extend(Some(parts).filter(|_| is_wanted));
        let timestamp = vec![Part::Field(Field::TimestampType), text(":"), Part::Field(Field::Timestamp)];
        column(prints.timestamp, timestamp);
        column(prints.partition, vec![text("Partition:"), Part::Field(Field::Partition)]);
        column(prints.offset, vec![text("Offset:"), Part::Field(Field::Offset)]);
        column(prints.headers, vec![Part::Field(Field::KafkaHeaders)]);
        column(prints.key, vec![Part::Field(Field::Key)]);
        column(!prints.no_value, vec![Part::Field(Field::Value)]);
        let mut parts = columns.join(&text(&prints.key_separator));
        parts.push(text(&prints.line_separator));
        RecordFormat { parts: Some(parts), null: b"null" }
    }

    /// Adds what is printed of a record.
    pub fn print(&self, out: &mut Vec<u8>, batch: &Batch, record: &ConsumerRecord) {
        // Writing to a Vec cannot fail.
        let _ = match &self.parts {
            None => out.write_all(json(batch, record).as_bytes()),
            Some(parts) => parts.iter().try_for_each(|part| match part {
                Part::Bytes(bytes) => out.write_all(bytes),
                Part::Field(field) => self.print_field(out, *field, batch, record),
            }),
        };
    }
}

impl RecordFormat {
    fn print_field(
        &self,
        out: &mut Vec<u8>,
        field: Field,
        batch: &Batch,
        record: &ConsumerRecord,
    ) -> std::io::Result<()> {
        let length = |bytes: Option<&[u8]>| bytes.map_or(-1, |bytes| bytes.len() as i64);
        match field {
            Field::Topic => out.write_all(batch.topic().as_bytes()),
            Field::Partition => write!(out, "{}", batch.partition()),
            Field::Offset => write!(out, "{}", record.offset),
            Field::Timestamp => write!(out, "{}", record.timestamp_ms),
            Field::TimestampType => match batch.header().is_log_append_time() {
                true => out.write_all(b"LogAppendTime"),
                false => out.write_all(b"CreateTime"),
            },
            Field::Key => out.write_all(record.key.unwrap_or(self.null)),
            Field::KeyLength => write!(out, "{}", length(record.key)),
            Field::Value => out.write_all(record.value.unwrap_or(self.null)),
            Field::ValueLength => write!(out, "{}", length(record.value)),
            Field::Headers => self.print_headers(out, record, b"="),
            Field::KafkaHeaders if record.headers.count() == 0 => out.write_all(b"NO_HEADERS"),
            Field::KafkaHeaders => self.print_headers(out, record, b":"),
        }
    }

    fn print_headers(&self, out: &mut Vec<u8>, record: &ConsumerRecord, separator: &[u8]) -> std::io::Result<()> {
        record.headers.enumerate().try_for_each(|(number, (name, value))| {
            out.write_all(if number > 0 { b"," } else { b"" })?;
            out.write_all(name)?;
            out.write_all(separator)?;
            out.write_all(value.unwrap_or(self.null))
        })
    }
}

fn parse(text: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut bytes = Vec::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '%' => match rest.next() {
                Some('%') => bytes.push(b'%'),
                Some(letter) => {
                    let field = field(letter).ok_or_else(|| format!("%{letter} stands for nothing"))?;
                    parts.push(Part::Bytes(std::mem::take(&mut bytes)));
                    parts.push(Part::Field(field));
                }
                None => return Err(String::from("there is nothing behind the last %")),
            },
            '\\' => bytes.push(match rest.next() {
                Some('n') => b'\n',
                Some('t') => b'\t',
                Some('r') => b'\r',
                Some('0') => 0,
                Some('\\') => b'\\',
                Some('x') => {
                    let digits: String = rest.by_ref().take(2).collect();
                    u8::from_str_radix(&digits, 16).map_err(|_| format!("\\x{digits} is no byte"))?
                }
                other => return Err(format!("\\{} stands for nothing", other.unwrap_or(' '))),
            }),
            other => bytes.extend(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    parts.push(Part::Bytes(bytes));
    parts.retain(|part| *part != Part::Bytes(Vec::new()));
    Ok(parts)
}

fn field(letter: char) -> Option<Field> {
    match letter {
        't' => Some(Field::Topic),
        'p' => Some(Field::Partition),
        'o' => Some(Field::Offset),
        'T' => Some(Field::Timestamp),
        'h' => Some(Field::Headers),
        'k' => Some(Field::Key),
        'K' => Some(Field::KeyLength),
        's' => Some(Field::Value),
        'S' => Some(Field::ValueLength),
        _ => None,
    }
}

fn json(batch: &Batch, record: &ConsumerRecord) -> String {
    let text = |bytes: &[u8]| quoted(&String::from_utf8_lossy(bytes));
    let perhaps = |bytes: Option<&[u8]>| bytes.map_or(String::from("null"), text);
    let headers = record.headers;
    let headers: Vec<String> = headers
        .map(|(name, value)| format!("{{\"name\":{},\"value\":{}}}", text(name), perhaps(value)))
        .collect();
    format!(
        "{{\"topic\":{},\"partition\":{},\"offset\":{},\"timestamp\":{},\"key\":{},\"value\":{},\"headers\":[{}]}}\n",
        quoted(batch.topic()),
        batch.partition(),
        record.offset,
        record.timestamp_ms,
        perhaps(record.key),
        perhaps(record.value),
        headers.join(",")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn format_strings_are_read_or_refused() {
        let bytes = |text: &str| Part::Bytes(text.as_bytes().to_vec());
        let parts = parse("%k\\t%s\\x41%%ä\\n").unwrap();
        assert_eq!(parts, [Part::Field(Field::Key), bytes("\t"), Part::Field(Field::Value), bytes("A%ä\n")]);
        for (text, says) in [("%q", "%q"), ("100%", "last %"), ("\\q", "\\q"), ("\\xzz", "\\xzz"), ("\\", "\\")] {
            assert!(parse(text).unwrap_err().contains(says), "{text}");
        }
    }
}
