//! Which names are meant: patterns separated by commas, `*` for any letters and `?` for one.
//!
//! Always true: a name is matched as a whole; a list without a pattern matches nothing.
//! Not done: no regular expressions, for which a library would be needed; nothing excludes.

pub struct Patterns(Vec<String>);

impl Patterns {
    pub fn parse(text: &str) -> Patterns {
        Patterns(text.split(',').map(|one| one.trim().to_string()).filter(|one| !one.is_empty()).collect())
    }

    pub fn match_name(&self, name: &str) -> bool {
        self.0.iter().any(|pattern| is_like(pattern.as_bytes(), name.as_bytes()))
    }
}

/// Tries the letters behind the last `*` at the first place, then at each later one: never more than the two lengths' product.
fn is_like(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut again: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                again = Some((p + 1, n));
                p += 1;
            }
            Some(letter) if *letter == b'?' || *letter == name[n] => (p, n) = (p + 1, n + 1),
            _ => {
                let Some((after_star, from)) = again else { return false };
                again = Some((after_star, from + 1));
                (p, n) = (after_star, from + 1);
            }
        }
    }
    pattern[p..].iter().all(|letter| *letter == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_whole_names() {
        for (patterns, name, expected) in [
            ("*", "anything", true),
            ("", "anything", false),
            ("orders", "orders", true),
            ("orders", "orders-1", false),
            ("orders-*", "orders-", true),
            ("*-orders", "eu-orders", true),
            ("*-orders", "eu-orders-1", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("x, orders-?", "orders-7", true),
            ("**", "", true),
        ] {
            assert_eq!(Patterns::parse(patterns).match_name(name), expected, "{patterns} {name}");
        }
    }
}
