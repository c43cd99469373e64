//! A moment as people write it: `2026-11-25T21:40:00.123Z` (RFC 3339, UTC).
//!
//! Always true: a date and its day since 1970 are each other's inverse, also before 1970.
//! Not done: no time zones and no leap seconds, like the clock that the milliseconds come from.

const DAY_MS: i64 = 86_400_000;
/// Days from 0000-03-01, where the counting of [`date`] begins, to 1970-01-01.
const EPOCH_DAY: i64 = 719_468;
/// Days in 400 years of the Gregorian calendar.
const DAYS_400: i64 = 146_097;

/// `ms` since 1970.
pub fn utc(ms: i64) -> String {
    let (year, month, day) = date(ms.div_euclid(DAY_MS));
    let ms = ms.rem_euclid(DAY_MS);
    let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", ms % 1000)
}

/// Year, month and day of a day since 1970, in the proleptic Gregorian calendar. Years are counted from March on, so that the leap day is the last one.
pub fn date(day: i64) -> (i64, i64, i64) {
    let day = day + EPOCH_DAY;
    let (era, day) = (day.div_euclid(DAYS_400), day.rem_euclid(DAYS_400));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let is_next_year = month >= 10;
    (era * 400 + year + i64::from(is_next_year), if is_next_year { month - 9 } else { month + 3 }, day)
}

/// The day since 1970 of a date, the other way round; a month or a day that the calendar does not have gives some other day.
pub fn day(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * DAYS_400 + 365 * year + year / 4 - year / 100 + day_of_year - EPOCH_DAY
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_what_date_says() {
        // `date -u -d @SECONDS +%FT%T`
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (1_709_251_199, "2024-02-29T23:59:59.000Z"),
            (1_709_251_200, "2024-03-01T00:00:00.000Z"),
            (1_764_108_000, "2025-11-25T22:00:00.000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.000Z"),
        ] {
            assert_eq!(utc(seconds * 1000), text);
        }
        assert_eq!(utc(1_764_108_000_007), "2025-11-25T22:00:00.007Z");
    }

    #[test]
    fn a_date_is_the_day_that_it_is_the_date_of() {
        for number in (-800_000..800_000).step_by(13) {
            let (year, month, of_month) = date(number);
            assert_eq!(day(year, month, of_month), number, "{year}-{month}-{of_month}");
        }
    }
}
