//! Figures as people read them: three digits that count, and a letter for thousands and millions.

pub fn brief(value: f64) -> String {
    let (exact, value) = (value, rounded(value));
    match value.abs() {
        size if size >= 1e9 => digits(value / 1e9) + " G",
        size if size >= 1e6 => digits(value / 1e6) + " M",
        size if size >= 1e4 => digits(value / 1e3) + " k",
        size if size >= 1e3 => format!("{exact:.0}"),
        _ => digits(value),
    }
}

pub fn ratio(value: f64) -> String {
    digits(rounded(value)) + "x"
}

/// To three digits, so that 9.999 has as many behind its point as 10.
fn rounded(value: f64) -> f64 {
    format!("{value:.2e}").parse().unwrap_or(value)
}

fn digits(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 0.1 || size == 0.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits() {
        let figures = [13_600_000.0, 16_234.0, 1_234.4, 672.3, 43.21, 7.0, 0.75, 0.053, 0.0].map(brief);
        assert_eq!(figures, ["13.6 M", "16.2 k", "1234", "672", "43.2", "7.00", "0.75", "0.053", "0.00"]);
        assert_eq!([9_999_600.0, 999_950.0, 9.999, 99.99].map(brief), ["10.0 M", "1.00 M", "10.0", "100"]);
    }
}
