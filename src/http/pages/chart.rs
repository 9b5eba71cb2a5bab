//! Charts that the server draws: bars over time, as SVG that needs no script, with the numbers as a table behind them.
//!
//! The picture is stretched to the width that there is, so it has no text in it: that stands around it.

use askama::Template;
use time::{Duration, OffsetDateTime};

use super::console::exact;

/// No chart has fewer bars that are not empty.
const FEWEST: usize = 3;
/// Height of the picture, in its own units.
const HIGH: i64 = 100;
/// Width of a bar and the gap after it.
const WIDE: usize = 10;

/// How long a bar is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// An hour.
    Hour,
    /// A day, in UTC.
    Day,
}

/// Bars over time: what was forwarded, and on it what was denied.
#[derive(Template, Debug, PartialEq, Eq)]
#[template(path = "chart.html")]
pub struct Chart {
    /// What the chart shows, as a finding: `1,204 calls in 24 hours, 12 of them denied`.
    pub title: String,
    /// The bars, oldest first. None where there are too few numbers.
    bars: Vec<Bar>,
    /// The value at the upper edge.
    top: i64,
    /// Drawn small, beside something: without axes.
    small: bool,
}

#[derive(Debug, PartialEq, Eq)]
struct Bar {
    label: String,
    forwarded: i64,
    denied: i64,
    x: usize,
    /// Upper edge and height of both parts.
    forwarded_at: (i64, i64),
    denied_at: (i64, i64),
}

/// Calls in one hour or day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// When it begins.
    pub begins: OffsetDateTime,
    /// Calls that were forwarded.
    pub forwarded: i64,
    /// Calls that were not.
    pub denied: i64,
}

impl Unit {
    pub(super) const fn length(self) -> Duration {
        match self {
            Self::Hour => Duration::HOUR,
            Self::Day => Duration::DAY,
        }
    }

    /// The word in the database.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    /// The beginning of the span that a moment is in.
    pub fn beginning(self, at: OffsetDateTime) -> OffsetDateTime {
        let length = self.length().whole_seconds();
        let seconds = at.unix_timestamp().div_euclid(length) * length;
        OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(at)
    }

    /// Where a chart of so many bars begins that ends now.
    pub fn since(self, now: OffsetDateTime, bars: u16) -> OffsetDateTime {
        self.beginning(now) - self.length() * i32::from(bars.saturating_sub(1))
    }

    pub(super) fn label(self, at: OffsetDateTime) -> String {
        let text = exact(at);
        match self {
            Self::Hour => text.get(..16).unwrap_or_default().replace('T', " "),
            Self::Day => text.get(..10).unwrap_or_default().to_owned(),
        }
    }
}

impl Chart {
    /// The last so many hours or days. Spans that `points` do not have are empty.
    pub fn new(points: &[Point], unit: Unit, bars: u16, now: OffsetDateTime) -> Self {
        let since = unit.since(now, bars);
        let point = |n: u16| {
            let begins = since + unit.length() * i32::from(n);
            let known = points.iter().find(|point| point.begins == begins);
            known.copied().unwrap_or(Point { begins, forwarded: 0, denied: 0 })
        };
        let points: Vec<Point> = (0..bars).map(point).collect();
        let (forwarded, denied): (i64, i64) =
            points.iter().fold((0, 0), |(f, d), point| (f + point.forwarded, d + point.denied));
        let top = nice(points.iter().map(|point| point.forwarded + point.denied).max().unwrap_or_default());
        let many = points.iter().filter(|point| point.forwarded + point.denied > 0).count() >= FEWEST;
        let bars_of = points.iter().enumerate().map(|(n, point)| bar(n, point, unit, top));
        Self {
            title: title(forwarded, denied, unit, bars),
            bars: if many { bars_of.collect() } else { Vec::new() },
            top,
            small: false,
        }
    }

    /// The same, drawn small beside something.
    #[must_use]
    pub fn small(self) -> Self {
        Self { small: true, ..self }
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "templates pass references")]
    fn number(&self, number: &i64) -> String {
        grouped(*number)
    }

    fn width(&self) -> usize {
        self.bars.len() * WIDE
    }

    fn first(&self) -> &str {
        self.bars.first().map_or("", |bar| bar.label.as_str())
    }

    fn last(&self) -> &str {
        self.bars.last().map_or("", |bar| bar.label.as_str())
    }

    fn has_denied(&self) -> bool {
        self.bars.iter().any(|bar| bar.denied > 0)
    }
}

fn bar(n: usize, point: &Point, unit: Unit, top: i64) -> Bar {
    let height = |value: i64| {
        let height = value.saturating_mul(HIGH).checked_div(top).unwrap_or_default();
        // What is there can be seen.
        if value > 0 { height.max(1) } else { 0 }
    };
    let (forwarded, denied) = (height(point.forwarded), height(point.denied));
    Bar {
        label: unit.label(point.begins),
        forwarded: point.forwarded,
        denied: point.denied,
        x: n * WIDE,
        forwarded_at: (HIGH - forwarded, forwarded),
        denied_at: ((HIGH - forwarded - denied).max(0), denied),
    }
}

fn title(forwarded: i64, denied: i64, unit: Unit, bars: u16) -> String {
    let span = match unit {
        Unit::Hour => format!("{bars} hours"),
        Unit::Day => format!("{bars} days"),
    };
    match (forwarded + denied, denied) {
        (0, _) => format!("No calls in {span}"),
        (1, 0) => format!("1 call in {span}"),
        (all, 0) => format!("{} calls in {span}", grouped(all)),
        (all, denied) => format!("{} calls in {span}, {} of them denied", grouped(all), grouped(denied)),
    }
}

/// The next number that is good to read: 1, 2, 5, 10, 20, 50 and so on.
pub(super) fn nice(most: i64) -> i64 {
    let mut step = 1_i64;
    loop {
        for factor in [1, 2, 5] {
            let top = step.saturating_mul(factor);
            if top >= most {
                return top.max(1);
            }
        }
        step = step.saturating_mul(10);
    }
}

/// `1,204`
pub fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut out = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if number < 0 { format!("-{out}") } else { out }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-08-03 10:20 UTC);

    fn at(hour: i64, forwarded: i64, denied: i64) -> Point {
        Point { begins: datetime!(2026-08-03 10:00 UTC) - Duration::hours(hour), forwarded, denied }
    }

    #[test]
    fn a_chart_says_what_it_shows_and_has_all_its_spans() {
        let chart = Chart::new(&[at(0, 1200, 0), at(3, 2, 2), at(23, 1, 0), at(24, 99, 0)], Unit::Hour, 24, NOW);
        assert_eq!(chart.title, "1,205 calls in 24 hours, 2 of them denied");
        assert_eq!((chart.bars.len(), chart.top), (24, 2000));
        assert_eq!((chart.first(), chart.last()), ("2026-08-02 11:00", "2026-08-03 10:00"));
        let drawn = chart.render().unwrap();
        assert!(drawn.contains("<svg") && drawn.contains("<td class=\"number\">1,200</td>"), "{drawn}");
        assert!(!drawn.contains("style=") && !drawn.contains("<script"), "{drawn}");
    }

    #[test]
    fn fewer_than_three_numbers_are_no_chart() {
        let chart = Chart::new(&[at(0, 5, 0), at(1, 5, 0)], Unit::Hour, 24, NOW);
        assert!(!chart.render().unwrap().contains("<svg"));
        assert_eq!(chart.title, "10 calls in 24 hours");
    }

    #[test]
    fn bars_stay_inside_the_picture_and_what_is_there_is_seen() {
        let points = [at(0, i64::MAX / 4, i64::MAX / 4), at(1, 1, 0), at(2, 0, 1)];
        for bar in Chart::new(&points, Unit::Hour, 24, NOW).bars {
            let (top, height) = bar.forwarded_at;
            assert!(top >= 0 && top + height == HIGH && bar.denied_at.0 >= 0, "{bar:?}");
            assert_eq!(bar.forwarded > 0, height > 0);
        }
    }

    #[test]
    fn tops_are_good_to_read() {
        for (most, top) in [(0, 1), (1, 1), (3, 5), (5, 5), (6, 10), (11, 20), (1200, 2000), (2001, 5000)] {
            assert_eq!(nice(most), top);
        }
    }

    #[test]
    fn days_begin_at_midnight() {
        assert_eq!(Unit::Day.since(NOW, 30), datetime!(2026-07-05 0:00 UTC));
        assert_eq!(Unit::Hour.beginning(NOW), datetime!(2026-08-03 10:00 UTC));
    }
}
