//! Calls over time, for pages.

use time::Duration;

use super::Desk;
use crate::{
    http::pages::{
        Chart, Point, Unit,
        console::{Cell, Section},
        grouped,
    },
    ids::GrantId,
    store::{
        StoreError, TenantTx,
        usage::{self, Latency, Span, Whose},
    },
};

/// Upper ends of the spans of time by which answers are counted, in milliseconds.
const ENDS: [&str; 8] = ["10 ms", "30 ms", "100 ms", "300 ms", "1 s", "3 s", "10 s", "longer than 10 s"];
/// Days on the page of an object.
const DAYS: u16 = 30;

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
    Ok(Section::new("Calls", "").chart(chart(desk, tx, of, (Unit::Day, DAYS)).await?))
}

/// Under these grants.
pub(super) fn under(grants: Vec<GrantId>) -> Whose {
    Whose { grants: Some(grants), ..Whose::default() }
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
    let all: i64 = buckets.iter().sum();
    let mut seen = 0;
    for (count, end) in buckets.iter().zip(ENDS) {
        seen += count;
        if seen * 100 >= all * percent {
            return end;
        }
    }
    "longer than 10 s"
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
