//! Words for people.

use time::OffsetDateTime;

/// How long ago, in words: `just now`, `2 minutes ago`, `3 days ago`.
pub fn ago(now: OffsetDateTime, then: OffsetDateTime) -> String {
    let past = now - then;
    let (count, unit) = match past.whole_minutes() {
        ..=0 => return "just now".to_owned(),
        minutes @ 1..=59 => (minutes, "minute"),
        60..=1439 => (past.whole_hours(), "hour"),
        _ => (past.whole_days(), "day"),
    };
    format!("{count} {unit}{} ago", if count == 1 { "" } else { "s" })
}

/// How long from now, in words: `in 2 minutes`, `in 3 days`. What is over is so by now.
pub fn ahead(now: OffsetDateTime, then: OffsetDateTime) -> String {
    let left = then - now;
    let (count, unit) = match left.whole_minutes() {
        _ if left <= time::Duration::ZERO => return "over by now".to_owned(),
        0 => return "in less than a minute".to_owned(),
        minutes @ 1..=119 => (minutes, "minute"),
        120..=2879 => (left.whole_hours(), "hour"),
        _ => (left.whole_days(), "day"),
    };
    format!("in {count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// What the operating system says went wrong, as a part of a sentence: `connection refused`.
pub fn why(error: &std::io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error ").next().unwrap_or_default();
    let mut letters = text.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use time::{Duration, macros::datetime};

    use super::*;

    #[test]
    fn the_past_reads_like_speech() {
        let now = datetime!(2026-08-03 10:00 UTC);
        for (past, words) in [
            (Duration::seconds(5), "just now"),
            (Duration::minutes(1), "1 minute ago"),
            (Duration::minutes(59), "59 minutes ago"),
            (Duration::hours(1), "1 hour ago"),
            (Duration::hours(49), "2 days ago"),
            (Duration::seconds(-5), "just now"),
        ] {
            assert_eq!(ago(now, now - past), words);
        }
    }

    #[test]
    fn the_future_reads_like_speech() {
        let now = datetime!(2026-08-03 10:00 UTC);
        for (left, words) in [
            (Duration::ZERO, "over by now"),
            (Duration::seconds(-5), "over by now"),
            (Duration::seconds(59), "in less than a minute"),
            (Duration::minutes(1), "in 1 minute"),
            (Duration::minutes(119), "in 119 minutes"),
            (Duration::hours(2), "in 2 hours"),
            (Duration::hours(47), "in 47 hours"),
            (Duration::days(90), "in 90 days"),
        ] {
            assert_eq!(ahead(now, now + left), words);
        }
    }

    #[test]
    fn trouble_has_no_number() {
        let refused = std::io::Error::from_raw_os_error(rustix::io::Errno::CONNREFUSED.raw_os_error());
        assert_eq!(why(&refused), "connection refused");
    }
}
