//! Calls over time, for pages.

use time::{Duration, OffsetDateTime};

use super::{Desk, overview::amount};
use crate::{
    http::pages::{
        Chart, Lines, Point, Scale, Unit, Values,
        console::{Cell, Section},
        grouped,
    },
    ids::GrantId,
    store::{
        StoreError, TenantTx,
        usage::{self, Active, Answers, Latency, Span, Whose},
    },
};

/// Upper ends of the spans of time by which answers are counted, in milliseconds.
const ENDS: [&str; 8] = ["10 ms", "30 ms", "100 ms", "300 ms", "1 s", "3 s", "10 s", "longer than 10 s"];
/// The same on the axis of a chart.
const MARKS: [&str; 8] = ["10 ms", "30 ms", "100 ms", "300 ms", "1 s", "3 s", "10 s", "longer"];
/// Days on the page of an object.
const DAYS: u16 = 30;
/// Hours on the first page.
const HOURS: u16 = 24;

/// The last hours or days.
pub(super) async fn chart(
    desk: &Desk,
    tx: &mut TenantTx,
    of: &Whose,
    (unit, bars): (Unit, u16),
) -> Result<Chart, StoreError> {
    let now = desk.visit.app.clock.now();
    let spans = usage::spans(tx, of, unit.word(), unit.since(now, bars)).await?;
    let point = |span: &Span| Point { begins: span.begins, forwarded: span.forwarded, denied: span.denied };
    Ok(Chart::new(&spans.iter().map(point).collect::<Vec<_>>(), unit, bars, now))
}

/// The part of an object's page that says how much it is used.
pub(super) async fn section(desk: &Desk, tx: &mut TenantTx, of: &Whose) -> Result<Section, StoreError> {
    Ok(Section::new("Calls", "New ones are counted within half a minute.")
        .chart(chart(desk, tx, of, (Unit::Day, DAYS)).await?))
}

/// Under these grants.
pub(super) fn under(grants: Vec<GrantId>) -> Whose {
    Whose { grants: Some(grants), ..Whose::default() }
}

/// How long answers took, hour by hour, and how many clients and grants were used, day by day.
pub(super) async fn lines(desk: &Desk, tx: &mut TenantTx) -> Result<Vec<Lines>, StoreError> {
    let now = desk.visit.app.clock.now();
    let answers = usage::answers(tx, Unit::Hour.since(now, HOURS)).await?;
    let active = usage::active(tx, Unit::Day.since(now, DAYS)).await?;
    Ok(vec![answering(&answers, now), being_active(&active, now)])
}

fn answering(answers: &[Answers], now: OffsetDateTime) -> Lines {
    let step = |buckets: &[i64], percent| i64::try_from(step(buckets, percent)).unwrap_or_default();
    let known: Vec<Values> = answers
        .iter()
        .map(|hour| Values { begins: hour.begins, values: vec![step(&hour.buckets, 50), step(&hour.buckets, 95)] })
        .collect();
    let mut all = [0_i64; ENDS.len()];
    for hour in answers {
        all.iter_mut().zip(&hour.buckets).for_each(|(sum, count)| *sum += count);
    }
    let title = if answers.is_empty() {
        format!("No answers in {HOURS} hours")
    } else {
        let (half, most) = (within(&all, 50), within(&all, 95));
        format!("Half of the answers within {half}, 95 of 100 within {most}, in {HOURS} hours")
    };
    Lines::new(title, (&["Half within", "95 of 100 within"], Scale::Steps(&MARKS)), &known, (Unit::Hour, HOURS), now)
}

fn being_active(active: &[Active], now: OffsetDateTime) -> Lines {
    let known: Vec<Values> = active
        .iter()
        .filter_map(|day| Some(Values { begins: day.day?, values: vec![day.clients, day.grants] }))
        .collect();
    let all = active.iter().find(|day| day.day.is_none());
    let title = match all {
        Some(all) if all.clients > 0 => format!(
            "{} and {} in use in {DAYS} days",
            amount(all.clients, "client", "clients"),
            amount(all.grants, "grant", "grants")
        ),
        _ => format!("No client in use in {DAYS} days"),
    };
    Lines::new(title, (&["Clients", "Grants"], Scale::Count), &known, (Unit::Day, DAYS), now)
}

/// How servers answered in the last day.
pub(super) async fn servers(desk: &Desk, tx: &mut TenantTx) -> Result<Section, StoreError> {
    let since = desk.visit.app.clock.now() - Duration::DAY;
    let latencies = usage::latencies(tx, since).await?;
    let row = |latency: &Latency| {
        let server = desk.visit.tenant.server_by_id(latency.server)?;
        let calls: i64 = latency.buckets.iter().sum();
        (calls > 0).then(|| {
            vec![
                Cell::link(server.name.clone(), desk.at(&format!("servers/{}", server.slug))),
                Cell::Text(within(&latency.buckets, 50).to_owned()),
                Cell::Text(within(&latency.buckets, 95).to_owned()),
                Cell::Text(grouped(calls)),
            ]
        })
    };
    let rows: Vec<_> = latencies.iter().filter_map(row).collect();
    let section = Section::new(
        "How servers answered",
        "In the last 24 hours: half of the answers, and 95 of 100, took no longer than this.",
    );
    Ok(if rows.is_empty() {
        section
    } else {
        section.table(&["Server", "Half within", "95 of 100 within", "Answers"], rows)
    })
}

/// By when so many of a hundred answers had ended.
fn within(buckets: &[i64], percent: i64) -> &'static str {
    ENDS.get(step(buckets, percent)).copied().unwrap_or("longer than 10 s")
}

/// The span of time in which so many of a hundred answers had ended.
fn step(buckets: &[i64], percent: i64) -> usize {
    let all: i64 = buckets.iter().sum();
    let mut seen = 0;
    let ended = buckets.iter().position(|count| {
        seen += count;
        seen * 100 >= all * percent
    });
    ended.unwrap_or(ENDS.len() - 1)
}

#[cfg(test)]
mod tests {
    use super::within;

    #[test]
    fn most_answers_end_within_the_time_that_is_said() {
        assert_eq!(within(&[50, 49, 0, 0, 0, 0, 0, 1], 50), "10 ms");
        assert_eq!(within(&[50, 49, 0, 0, 0, 0, 0, 1], 95), "30 ms");
        assert_eq!(within(&[0, 0, 0, 0, 0, 0, 0, 1], 50), "longer than 10 s");
    }
}
