//! How Java writes things down: numbers with a fraction, and moments (`java.util.Formatter`, `java.text.SimpleDateFormat`).
//!
//! Always true: what is written is what Java writes.
//! Not done: names of months and days, eras, time zones: what a date format asks for of these is refused. Times are UTC.

use crate::base::date;
use crate::cli::remote::Failure;

const DAY_MS: i64 = 86_400_000;

/// `%.4f` and the like.
pub fn float(number: f64, digits: usize) -> String {
    match number {
        _ if number.is_nan() => String::from("NaN"),
        _ if number.is_infinite() => String::from(if number > 0.0 { "Infinity" } else { "-Infinity" }),
        _ => format!("{number:.digits$}"),
    }
}

/// A pattern such as `yyyy-MM-dd HH:mm:ss:SSS`.
#[derive(Clone, Debug)]
pub struct DateFormat(Vec<Part>);

#[derive(Clone, PartialEq, Eq, Debug)]
enum Part {
    Text(String),
    /// One of `yMdHmsS`, and how often it stands there.
    Field(char, usize),
}

impl DateFormat {
    pub fn parse(pattern: &str) -> Result<DateFormat, Failure> {
        let mut parts: Vec<Part> = Vec::new();
        let mut rest = pattern.chars().peekable();
        while let Some(c) = rest.next() {
            match c {
                '\'' if rest.next_if_eq(&'\'').is_some() => parts.push(Part::Text(String::from('\''))),
                '\'' => {
                    let text: String = std::iter::from_fn(|| rest.next_if(|c| *c != '\'')).collect();
                    if rest.next().is_none() {
                        return Err(Failure::Usage(String::from("--date-format: Unterminated quote")));
                    }
                    parts.push(Part::Text(text));
                }
                'y' | 'M' | 'd' | 'H' | 'm' | 's' | 'S' => {
                    let count = 1 + std::iter::from_fn(|| rest.next_if_eq(&c)).count();
                    if c == 'M' && count > 2 {
                        return Err(Failure::Usage(String::from(
                            "--date-format: names of months are not known here; write MM",
                        )));
                    }
                    parts.push(Part::Field(c, count));
                }
                c if c.is_ascii_alphabetic() => {
                    return Err(Failure::Usage(format!(
                        "--date-format: '{c}' is not known here; there are y M d H m s S"
                    )))
                }
                c => parts.push(Part::Text(String::from(c))),
            }
        }
        Ok(DateFormat(parts))
    }

    /// `ms` since 1970.
    pub fn format(&self, ms: i64) -> String {
        let (year, month, day) = date(ms.div_euclid(DAY_MS));
        let in_day = ms.rem_euclid(DAY_MS);
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Field('y', 2) => format!("{:02}", year.rem_euclid(100)),
            Part::Field(field, width) => {
                let number = match field {
                    'y' => year,
                    'M' => month,
                    'd' => day,
                    'H' => in_day / 3_600_000,
                    'm' => in_day / 60_000 % 60,
                    's' => in_day / 1000 % 60,
                    _ => in_day % 1000,
                };
                format!("{number:0width$}")
            }
        };
        self.0.iter().map(part).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_the_pattern_says() {
        // `SimpleDateFormat` with the time zone UTC.
        for (pattern, text) in [
            ("yyyy-MM-dd HH:mm:ss:SSS", "2026-11-06 03:08:09:007"),
            ("yy/M/d H:m:s.S", "26/11/6 3:8:9.7"),
            ("yyyyMMdd'T'HHmmss", "20261106T030809"),
            ("HH 'o''clock'", "03 o'clock"),
            ("''yyyy''", "'2026'"),
        ] {
            let format = DateFormat::parse(pattern).map_err(|_| pattern);
            assert_eq!(format.unwrap().format(1_793_934_489_007), text, "{pattern}");
        }
        assert!(["EEE", "MMM", "yyyy z", "'open"].iter().all(|pattern| DateFormat::parse(pattern).is_err()));
    }

    #[test]
    fn what_is_no_number_is_written_as_java_does() {
        let shown = [f64::NAN, f64::INFINITY, -f64::INFINITY, 1.0 / 3.0].map(|number| float(number, 4));
        assert_eq!(shown, ["NaN", "Infinity", "-Infinity", "0.3333"]);
    }
}
