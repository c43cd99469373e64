//! What a row of the comparison is meant to reach.
//!
//! ```text
//! x>=3     at least three times Kafka's figure
//! x<=0.4   at most 0.4 times Kafka's figure
//! <=10     at most 10, whatever Kafka's figure
//! ```

use std::fmt;

pub struct Target {
    of_kafka: bool,
    at_least: bool,
    value: f64,
}

impl Target {
    pub fn parse(text: &str) -> Option<Target> {
        let (of_kafka, bound) = match text.strip_prefix('x') {
            Some(bound) => (true, bound),
            None => (false, text),
        };
        let at_least = bound.starts_with(">=");
        let value = bound.strip_prefix(">=").or(bound.strip_prefix("<="))?.parse().ok()?;
        Some(Target { of_kafka, at_least, value })
    }

    /// `None` for a bound that does not depend on Kafka's figure.
    pub fn times_kafka(&self) -> Option<f64> {
        self.of_kafka.then_some(self.value)
    }

    /// `None` when the figure it is about is missing.
    pub fn reached(&self, times_kafka: Option<f64>, figure: Option<f64>) -> Option<bool> {
        let measured = if self.of_kafka { times_kafka? } else { figure? };
        Some(if self.at_least { measured >= self.value } else { measured <= self.value })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let bound = if self.at_least { "at least" } else { "at most" };
        write!(f, "{bound} {}{}", self.value, if self.of_kafka { "x" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_of_the_ratio_and_of_the_figure() {
        let reached = |text: &str| Target::parse(text).unwrap().reached(Some(2.0), Some(5.0)).unwrap();
        assert!(reached("x>=2") && !reached("x>=3") && reached("x<=2.5") && !reached("x<=1"));
        assert!(reached("<=5") && !reached("<=4") && reached(">=5"));
        assert!(Target::parse("=3").is_none() && Target::parse("x>=").is_none());
    }
}
