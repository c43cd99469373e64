//! Writes JSON (RFC 8259) for the page and for tools.
//!
//! Always true: commas stand where they belong; a string comes out escaped, whatever is in it.
//! Not done: nothing reads JSON here.

use std::fmt::{Display, Write};

use crate::base::quoted;

#[derive(Default)]
pub struct Json {
    text: String,
}

impl Json {
    pub fn finish(self) -> String {
        self.text
    }

    /// A comma, unless this is the first of its list or belongs to a name.
    fn separate(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with(['{', '[', ':']) {
            self.text.push(',');
        }
    }

    pub fn object(&mut self, fill: impl FnOnce(&mut Json)) {
        self.separate();
        self.text.push('{');
        fill(self);
        self.text.push('}');
    }

    pub fn array<T>(&mut self, items: impl IntoIterator<Item = T>, mut each: impl FnMut(&mut Json, T)) {
        self.separate();
        self.text.push('[');
        items.into_iter().for_each(|item| each(self, item));
        self.text.push(']');
    }

    pub fn numbers(&mut self, numbers: impl IntoIterator<Item = u64>) {
        self.array(numbers, |json, number| json.number(number));
    }

    /// The name of what is written next.
    pub fn field(&mut self, name: &str) -> &mut Json {
        self.string(name);
        self.text.push(':');
        self
    }

    /// A number, `true`, `false` or `null`: what is written the same way in Rust.
    pub fn number(&mut self, number: impl Display) {
        self.separate();
        // Writing to a String cannot fail.
        let _ = write!(self.text, "{number}");
    }

    pub fn string(&mut self, text: &str) {
        self.separate();
        self.text += &quoted(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_stand_where_they_belong() {
        let mut json = Json::default();
        json.object(|json| {
            json.field("a").number(1);
            json.field("b").array([1, 2], |json, n| json.object(|json| json.field("n").number(n)));
            json.field("c").object(|_| ());
            json.field("d").string("x");
            json.field("e").numbers([]);
        });
        assert_eq!(json.finish(), r#"{"a":1,"b":[{"n":1},{"n":2}],"c":{},"d":"x","e":[]}"#);
    }

    #[test]
    fn a_string_stays_a_string_whatever_is_in_it() {
        let mut json = Json::default();
        json.array(["\"],[", "\\", "\n\u{0}", "<script>ü", "{", ""], |json, text| json.string(text));
        assert_eq!(json.finish(), r#"["\"],[","\\","\u000a\u0000","<script>ü","{",""]"#);
    }
}
