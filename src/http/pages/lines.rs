//! Charts of one or two values over time, as steps: a span without a value is a gap. Drawn as [`super::Chart`] is, without text in the
//! picture.

use askama::Template;
use time::{Duration, OffsetDateTime};

use super::{Unit, chart::nice, grouped};

/// No chart has fewer values.
const FEWEST: usize = 3;
/// Height of the picture, in its own units, and what is kept free at both edges so that lines are seen whole.
const HIGH: i64 = 100;
const EDGE: i64 = 2;
/// Width of a span.
const WIDE: i64 = 10;

/// Values over time.
#[derive(Template, Debug, PartialEq, Eq)]
#[template(path = "lines.html")]
pub struct Lines {
    /// What the chart shows, as a finding.
    title: String,
    /// What the values are.
    names: Vec<String>,
    /// Those of the axis, from the top down.
    axis: Vec<String>,
    /// Where each line goes. None where there are too few values.
    paths: Vec<String>,
    rows: Vec<Row>,
    /// When the first and the last span begin.
    ends: (String, String),
    width: i64,
}

#[derive(Debug, PartialEq, Eq)]
struct Row {
    label: String,
    /// As they are read; empty: none.
    values: Vec<String>,
}

/// The values of one hour or day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Values {
    /// When it begins.
    pub begins: OffsetDateTime,
    /// One for each line.
    pub values: Vec<i64>,
}

/// What values stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Numbers of something: where there is nothing, it is none.
    Count,
    /// Steps that have names, from the lowest up.
    Steps(&'static [&'static str]),
}

impl Scale {
    fn text(self, value: i64) -> String {
        match self {
            Self::Count => grouped(value),
            Self::Steps(names) => usize::try_from(value)
                .ok()
                .and_then(|step| names.get(step))
                .map_or_else(String::new, |name| (*name).to_owned()),
        }
    }

    /// The value at the upper edge.
    fn top(self, known: &[Values]) -> i64 {
        match self {
            Self::Count => nice(known.iter().flat_map(|span| &span.values).copied().max().unwrap_or_default()),
            Self::Steps(names) => i64::try_from(names.len()).unwrap_or(i64::MAX).saturating_sub(1).max(1),
        }
    }

    fn axis(self, top: i64) -> Vec<String> {
        match self {
            Self::Count => vec![grouped(top), grouped(0)],
            Self::Steps(names) => names.iter().rev().map(|name| (*name).to_owned()).collect(),
        }
    }
}

impl Lines {
    /// The last so many hours or days.
    pub fn new(
        title: String,
        (names, scale): (&[&str], Scale),
        known: &[Values],
        (unit, spans): (Unit, u16),
        now: OffsetDateTime,
    ) -> Self {
        let since = unit.since(now, spans);
        let length: Duration = unit.length();
        let begins = (0..spans).map(|n| since + length * i32::from(n));
        let found: Vec<(OffsetDateTime, Option<&Values>)> =
            begins.map(|begins| (begins, known.iter().find(|span| span.begins == begins))).collect();
        let top = scale.top(known);
        let values = |line: usize| -> Vec<Option<i64>> {
            let value = |span: &Option<&Values>| span.and_then(|span| span.values.get(line).copied());
            let none = (scale == Scale::Count).then_some(0);
            found.iter().map(|(_, span)| value(span).or(none)).collect()
        };
        let seen: Vec<_> = found.iter().filter_map(|(begins, span)| span.map(|span| (*begins, span))).collect();
        let row = |(begins, span): &(OffsetDateTime, &Values)| Row {
            label: unit.label(*begins),
            values: span.values.iter().map(|value| scale.text(*value)).collect(),
        };
        Self {
            title,
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            axis: scale.axis(top),
            paths: if seen.len() < FEWEST {
                Vec::new()
            } else {
                (0..names.len()).map(|line| path(&values(line), top)).collect()
            },
            rows: seen.iter().map(row).collect(),
            ends: (unit.label(since), unit.label(unit.beginning(now))),
            width: i64::from(spans) * WIDE,
        }
    }
}

/// Steps from left to right, with gaps.
fn path(values: &[Option<i64>], top: i64) -> String {
    let mut path = String::new();
    let mut joined = false;
    for (n, value) in (0_i64..).zip(values) {
        let Some(value) = value else {
            joined = false;
            continue;
        };
        let room = HIGH - 2 * EDGE;
        let y = HIGH - EDGE - value.saturating_mul(room).checked_div(top).unwrap_or_default().clamp(0, room);
        let step = if joined { format!("V{y}") } else { format!("M{} {y}", n * WIDE) };
        path.push_str(&format!("{step}H{}", (n + 1) * WIDE));
        joined = true;
    }
    path
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-08-03 10:20 UTC);
    const STEPS: Scale = Scale::Steps(&["10 ms", "1 s", "longer"]);

    fn at(hours: i64, values: &[i64]) -> Values {
        Values { begins: datetime!(2026-08-03 10:00 UTC) - Duration::hours(hours), values: values.to_vec() }
    }

    fn drawn(known: &[Values], scale: Scale) -> Lines {
        Lines::new("Found".to_owned(), (&["Half", "Most"], scale), known, (Unit::Hour, 4), NOW)
    }

    #[test]
    fn a_span_without_a_value_is_a_gap() {
        let lines = drawn(&[at(3, &[0, 1]), at(1, &[0, 2]), at(0, &[1, 2])], STEPS);
        assert_eq!(lines.paths, ["M0 98H10M20 98H30V50H40", "M0 50H10M20 2H30V2H40"]);
        assert_eq!(lines.axis, ["longer", "1 s", "10 ms"]);
        assert_eq!(lines.ends, ("2026-08-03 07:00".to_owned(), "2026-08-03 10:00".to_owned()));
        let page = lines.render().unwrap();
        assert!(page.contains("<td class=\"number\">longer</td>") && !page.contains("style="), "{page}");
    }

    #[test]
    fn where_nothing_was_counted_it_is_none() {
        let lines = drawn(&[at(3, &[5, 1]), at(2, &[0, 0]), at(0, &[4, 4])], Scale::Count);
        assert_eq!(lines.paths.first().map(String::as_str), Some("M0 2H10V98H20V98H30V22H40"));
        assert_eq!(lines.axis, ["5", "0"]);
    }

    #[test]
    fn fewer_than_three_values_are_no_chart() {
        let lines = drawn(&[at(3, &[5, 1]), at(0, &[4, 4])], Scale::Count);
        assert!(lines.paths.is_empty() && !lines.render().unwrap().contains("<svg"));
    }

    #[test]
    fn lines_stay_inside_the_picture() {
        let known = [at(3, &[i64::MAX, 1]), at(2, &[-5, 0]), at(0, &[9, 77])];
        for scale in [Scale::Count, STEPS] {
            for path in drawn(&known, scale).paths {
                let numbers = path.split(['M', 'H', 'V', ' ']).filter(|text| !text.is_empty());
                assert!(numbers.map(|text| text.parse::<i64>().unwrap()).all(|n| (0..=HIGH).contains(&n)), "{path}");
            }
        }
    }
}
