//! Bytes and times as people read them.
//!
//! Always true: a time is UTC, in the proleptic Gregorian calendar.
//! Not done: no rounding that hides: below 1 KiB bytes are exact.

use crate::base::date;

const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
const DAY_MS: i64 = 86_400_000;

/// `512.0 MiB`
pub fn bytes(bytes: u64) -> String {
    let mut amount = bytes as f64;
    let mut unit = 0;
    while amount >= 1024.0 && unit + 1 < UNITS.len() {
        amount /= 1024.0;
        unit += 1;
    }
    match unit {
        0 => format!("{bytes} B"),
        _ => format!("{amount:.1} {}", UNITS[unit]),
    }
}

/// `2026-11-26 12:00:00`; a time that no calendar of ours has is told in ms.
pub fn time(ms: i64) -> String {
    let (days, in_day) = (ms.div_euclid(DAY_MS), ms.rem_euclid(DAY_MS) / 1000);
    let (year, month, day) = date(days);
    if !(0..=9999).contains(&year) {
        return format!("{ms} ms after 1970");
    }
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}", in_day / 3600, in_day / 60 % 60, in_day % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        for (ms, text) in [
            (0, "1970-01-01 00:00:00"),
            (951_782_399_999, "2000-02-28 23:59:59"),
            (951_782_400_000, "2000-02-29 00:00:00"),
            (1_709_251_199_000, "2024-02-29 23:59:59"),
            (1_792_411_200_000, "2026-10-19 12:00:00"),
            (4_107_542_400_000, "2100-03-01 00:00:00"),
            (-1, "1969-12-31 23:59:59"),
            (i64::MAX, "9223372036854775807 ms after 1970"),
        ] {
            assert_eq!(time(ms), text);
        }
    }

    #[test]
    fn bytes_have_the_unit_that_keeps_them_short() {
        for (count, text) in
            [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (1 << 30, "1.0 GiB"), (1 << 52, "4096.0 TiB")]
        {
            assert_eq!(bytes(count), text);
        }
    }
}
