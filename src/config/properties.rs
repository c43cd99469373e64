//! The text of a properties file, as Java reads it (`java.util.Properties.load`).
//!
//! A line holds a key, then `=`, `:` or blanks, then a value. `#` or `!` begin a line that says nothing. A line that
//! ends with a backslash goes on in the next one, and a backslash takes a character as it is.
//!
//! Always true: any text gives pairs, in the order of its lines; a key that is never followed by `=`, `:` or a value
//! has none.
//! Not done: `\uXXXX`; the file is read as UTF-8.

/// The lines that say something, each put together: keys with their values, in order. A key without a value has none.
pub fn parse(text: &str) -> Vec<(String, Option<String>)> {
    let mut pairs = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let mut whole = line.trim_start().to_string();
        if whole.is_empty() || whole.starts_with(['#', '!']) {
            continue;
        }
        while ends_open(&whole) {
            whole.pop();
            let Some(next) = lines.next() else { break };
            whole.push_str(next.trim_start());
        }
        pairs.push(split(&whole));
    }
    pairs
}

/// Whether the last backslash takes the end of the line.
fn ends_open(line: &str) -> bool {
    line.chars().rev().take_while(|c| *c == '\\').count() % 2 == 1
}

fn split(line: &str) -> (String, Option<String>) {
    let mut key = String::new();
    let mut chars = line.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => key.extend(chars.next().map(|(_, taken)| taken)),
            '=' | ':' => return (key, Some(unescape(&line[at + 1..]))),
            c if c.is_whitespace() => {
                let rest = line[at..].trim_start();
                let value = rest.strip_prefix(['=', ':']).unwrap_or(rest);
                return (key, Some(value).filter(|_| !rest.is_empty()).map(unescape));
            }
            c => key.push(c),
        }
    }
    (key, None)
}

fn unescape(value: &str) -> String {
    let mut text = String::new();
    let mut chars = value.trim().chars();
    while let Some(c) = chars.next() {
        let taken = if c == '\\' { chars.next() } else { Some(c) };
        text.extend(taken);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_java_reads_them() {
        let text = "# comment\n! another\n\n  a=1\nb = 2 \nc: 3\nd 4\nlisteners=PLAINTEXT\\://a:1,\\\n    B://b:2\n\
                    e=\nf\ng==x\nh=back\\\\\ni=7";
        let pairs = parse(text);
        let expected = [
            ("a", Some("1")),
            ("b", Some("2")),
            ("c", Some("3")),
            ("d", Some("4")),
            ("listeners", Some("PLAINTEXT://a:1,B://b:2")),
            ("e", Some("")),
            ("f", None),
            ("g", Some("=x")),
            ("h", Some("back\\")),
            ("i", Some("7")),
        ];
        let expected = expected.map(|(key, value)| (key.to_string(), value.map(str::to_string)));
        assert_eq!(pairs, expected);
    }
}
