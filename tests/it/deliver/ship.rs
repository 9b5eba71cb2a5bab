//! Events to collectors over HTTP.

use std::sync::{Arc, Mutex};

use axum::{body::Body, response::Response};
use futures_util::stream;
use sallyport::{
    audit::{
        log::Origin,
        view::{cef, ocsf},
    },
    config::{ShipFormat, ShipKind},
    deliver::Pace,
    ids::TenantId,
    store::{
        audit_log::PLATFORM,
        audit_ship::{self, Place},
    },
};
use serde_json::{Value, json};

use super::{
    SECRET, all, courier, happen,
    receiver::{Receiver, Seen, answer},
    shipping, target, trouble,
};
use crate::{audit::sequence::settled, harness::app::TestApp};

/// The lines that the views make of a log, in order.
async fn lines(app: &TestApp, log: TenantId, format: ShipFormat) -> Vec<String> {
    let mut tx = app.app.store.tenant_tx(log).await.unwrap();
    let entries = audit_ship::entries(&mut tx, Place { epoch: 1, next: 0 }, 10_000).await.unwrap().unwrap();
    let line = |(index, event): &(u64, _)| match format {
        ShipFormat::Cef => cef::line(&entries.origin, *index, event),
        _ => ocsf::line(&entries.origin, *index, event),
    };
    entries.events.iter().map(line).collect()
}

/// Documents as Elasticsearch gets them: action and document, two lines each.
fn documents(seen: &Seen) -> Vec<(Value, Value)> {
    let lines: Vec<Value> = seen.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    lines.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect()
}

/// The bulk API's answer, with a status for each document.
fn bulk(seen: &Seen, status: impl Fn(usize) -> u16) -> Response {
    let count = documents(seen).len();
    let items: Vec<Value> = (0..count).map(|n| json!({ "create": { "status": status(n) } })).collect();
    let errors = (0..count).any(|n| status(n) >= 300);
    answer(200, json!({ "took": 1, "errors": errors, "items": items }).to_string())
}

pub(super) fn elastic() -> Receiver {
    Receiver::start(|seen| bulk(seen, |_| 201))
}

/// Indexes of one log in the order in which they came, over all requests.
pub(super) fn indexes(receiver: &Receiver, origin: &Origin) -> Vec<u64> {
    let seen = receiver.seen();
    let ids = seen.iter().flat_map(documents).map(|(action, _)| action["create"]["_id"].as_str().unwrap().to_owned());
    ids.filter_map(|id| id.split_once('#').filter(|(log, _)| *log == origin.as_str())?.1.parse().ok()).collect()
}

pub(super) fn origin(app: &TestApp, log: TenantId) -> Origin {
    Origin::of(&app.app.config.public_url, log, 1)
}

#[tokio::test]
async fn splunk_gets_every_entry_once_in_order() {
    let receiver = Receiver::start(|_| answer(200, r#"{"text":"Success","code":0}"#));
    let url = receiver.url("/services/collector/event");
    let (app, tenant) = shipping(target(ShipKind::SplunkHec, ShipFormat::Ocsf, &url)).await;
    let size = happen(&app, tenant, 600).await;
    let platform = happen_to_platform(&app).await;
    assert_eq!(all(&app.app).await, size + platform);
    let seen = receiver.seen();
    assert!(seen.iter().all(|seen| seen.headers["authorization"] == format!("Splunk {SECRET}").as_str()));
    let events: Vec<Value> =
        seen.iter().flat_map(|seen| seen.body.lines().map(|line| serde_json::from_str(line).unwrap())).collect();
    for log in [tenant, PLATFORM] {
        let name = origin(&app, log);
        let of_log: Vec<&Value> = events.iter().filter(|event| event["source"] == name.as_str()).collect();
        let expected: Vec<Value> =
            lines(&app, log, ShipFormat::Ocsf).await.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(of_log.iter().map(|event| event["event"].clone()).collect::<Vec<_>>(), expected);
        assert!(of_log.iter().all(|event| event["sourcetype"] == "sallyport:ocsf" && event["time"].is_number()));
    }
    // Nothing new, nothing sent.
    let requests = receiver.seen().len();
    assert_eq!(all(&app.app).await, 0);
    assert_eq!(receiver.seen().len(), requests);
    // What happens next comes next.
    happen(&app, tenant, 2).await;
    assert_eq!(all(&app.app).await, 2);
}

async fn happen_to_platform(app: &TestApp) -> u64 {
    settled(app, PLATFORM).await;
    let mut tx = app.app.store.tenant_tx(PLATFORM).await.unwrap();
    sallyport::store::audit_log::head(&mut tx).await.unwrap().unwrap().size
}

#[tokio::test]
async fn loki_gets_lines_of_cef() {
    let receiver = Receiver::start(|_| answer(204, ""));
    let mut to = target(ShipKind::Loki, ShipFormat::Cef, &receiver.url("/loki/api/v1/push"));
    to.remote.user = Some("tenant1".to_owned());
    let (app, tenant) = shipping(to).await;
    happen(&app, tenant, 5).await;
    all(&app.app).await;
    let seen = receiver.seen();
    let stream = seen.iter().map(|seen| serde_json::from_str::<Value>(&seen.body).unwrap()["streams"][0].clone());
    let stream = stream.filter(|stream| stream["stream"]["log"] == origin(&app, tenant).as_str()).last().unwrap();
    let got: Vec<&str> = stream["values"].as_array().unwrap().iter().map(|value| value[1].as_str().unwrap()).collect();
    assert_eq!(got, lines(&app, tenant, ShipFormat::Cef).await);
    assert!(seen[0].headers["authorization"].to_str().unwrap().starts_with("Basic "));
}

#[tokio::test]
async fn a_refusal_and_a_broken_answer_are_tried_again_and_say_no_secret() {
    let receiver = elastic();
    let (app, tenant) = shipping(target(ShipKind::ElasticBulk, ShipFormat::Json, &receiver.url("/_bulk"))).await;
    let size = happen(&app, tenant, 20).await;
    // A hostile one says to us what we said to it.
    receiver.once(|seen| answer(503, format!("{:?}", seen.headers)));
    assert_eq!(trouble(&app.app).await, "it did not accept it: status 503");
    receiver.once(|seen| answer(200, format!("{:?}", seen.headers)));
    assert_eq!(trouble(&app.app).await, "its answer cannot be right: it is none of the bulk API");
    receiver.once(|_| answer(200, r#"{"items":[]}"#));
    assert!(trouble(&app.app).await.starts_with("its answer cannot be right: it is about 0 entries"));
    receiver.once(|_| {
        let endless = stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b'x'; 65_536]));
        answer(200, Body::from_stream(endless))
    });
    assert!(trouble(&app.app).await.starts_with("its answer cannot be right: it has more than"));
    receiver.once(|_| Response::builder().status(307).header("location", "/elsewhere").body(Body::empty()).unwrap());
    assert_eq!(trouble(&app.app).await, "it did not accept it: status 307");
    let failed = receiver.seen().len();
    assert_eq!(all(&app.app).await, size);
    let seen = receiver.seen();
    let documents: Vec<_> = seen[failed..].iter().flat_map(documents).collect();
    assert_eq!(documents.len() as u64, size);
    let (action, document) = &documents[3];
    let name = origin(&app, tenant);
    assert_eq!(action["create"], json!({ "_index": "sallyport-audit", "_id": format!("{name}#3") }));
    assert_eq!((&document["index"], &document["event"]["version"]), (&json!(3), &json!(1)));
    assert!(document["@timestamp"].is_string());
    let metrics = app.app.metrics.encode().unwrap();
    for line in ["behind{kind=\"ship\",target=\"siem\"} 0", "failures_total{kind=\"ship\",target=\"siem\"} 5"] {
        assert!(metrics.contains(&format!("sallyport_audit_delivery_{line}")), "{line} in {metrics}");
    }
}

#[tokio::test]
async fn entries_that_elastic_refuses_are_sent_again_from_the_first_of_them_on() {
    let receiver = elastic();
    let (app, tenant) = shipping(target(ShipKind::ElasticBulk, ShipFormat::Ocsf, &receiver.url("/_bulk"))).await;
    let size = happen(&app, tenant, 10).await;
    // 409: it has this one already. What comes after the one that is refused may be there or not.
    receiver.once(|seen| {
        bulk(seen, |n| match n {
            2 => 409,
            4 => 429,
            _ => 201,
        })
    });
    assert_eq!(trouble(&app.app).await, "it did not accept it: status 429 of the entry after 4 that it has");
    all(&app.app).await;
    let expected: Vec<u64> = (0..size).chain(4..size).collect();
    assert_eq!(indexes(&receiver, &origin(&app, tenant)), expected);
}

#[tokio::test]
async fn what_was_on_its_way_when_a_process_ended_comes_again_and_nothing_is_lost() {
    let receiver = elastic();
    let (app, tenant) = shipping(target(ShipKind::ElasticBulk, ShipFormat::Ocsf, &receiver.url("/_bulk"))).await;
    let size = happen(&app, tenant, 10).await;
    let held = receiver.hold("");
    let dying = app.sibling().await;
    let task =
        tokio::spawn(async move { courier(&dying).round(&dying, &mut Pace::default()).await.map(|round| round.sent) });
    receiver.asked(1).await;
    // The receiver has it all, and the process ends before it knows.
    task.abort();
    assert!(task.await.is_err());
    drop(held);
    // It may live: nobody else sends until its time is over.
    assert_eq!(all(&app.app).await, 0);
    let over = "update audit_shipment set held_until = now() - interval '1 second'";
    sqlx::query(over).execute(&app.db.owner).await.unwrap();
    assert_eq!(all(&app.app).await, size);
    let expected: Vec<u64> = (0..size).chain(0..size).collect();
    assert_eq!(indexes(&receiver, &origin(&app, tenant)), expected);
}

#[tokio::test]
async fn two_processes_send_nothing_twice() {
    let receiver = elastic();
    let (app, tenant) = shipping(target(ShipKind::ElasticBulk, ShipFormat::Ocsf, &receiver.url("/_bulk"))).await;
    let size = happen(&app, tenant, 2_000).await;
    let sibling = app.sibling().await;
    let (one, other) = tokio::join!(all_of(&app.app, size), all_of(&sibling, size));
    assert!(one + other >= size, "{one} {other}");
    let expected: Vec<u64> = (0..size).collect();
    assert_eq!(indexes(&receiver, &origin(&app, tenant)), expected);
}

/// Rounds until everything has been sent, by whomever.
async fn all_of(app: &sallyport::app::App, size: u64) -> u64 {
    let mut sent = 0;
    for _ in 0..size {
        let round = courier(app).round(app, &mut Pace::default()).await.unwrap();
        assert!(round.troubles.is_empty(), "{:?}", round.troubles);
        sent += round.sent;
        let names = [courier(app).name().to_owned()];
        if app.store.shipments_behind(courier(app).kind(), &names).await.unwrap().is_empty() {
            break;
        }
    }
    sent
}

#[tokio::test]
async fn a_receiver_that_takes_its_time_holds_no_connection_and_no_transaction() {
    let receiver = elastic();
    let (app, tenant) = shipping(target(ShipKind::ElasticBulk, ShipFormat::Ocsf, &receiver.url("/_bulk"))).await;
    happen(&app, tenant, 10).await;
    let held = receiver.hold("");
    let slow = app.app.clone();
    let task =
        tokio::spawn(async move { courier(&slow).round(&slow, &mut Pace::default()).await.map(|round| round.sent) });
    receiver.asked(1).await;
    let open: i64 = sqlx::query_scalar(
        "select count(*) from pg_stat_activity where datname = current_database() and usename = 'sallyport_app'
            and state like 'idle in transaction%'",
    )
    .fetch_one(&app.db.owner)
    .await
    .unwrap();
    assert_eq!(open, 0);
    // The log goes on meanwhile.
    let size = happen(&app, tenant, 5).await;
    drop(held);
    let sent = task.await.unwrap().unwrap();
    all(&app.app).await;
    assert!(sent < size + 5, "what came later is sent later");
    assert_eq!(indexes(&receiver, &origin(&app, tenant)), (0..size).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_target_that_is_not_there_is_said_to_be_away() {
    let (app, tenant) = shipping(target(ShipKind::Loki, ShipFormat::Ocsf, "http://127.0.0.1:1/push")).await;
    happen(&app, tenant, 1).await;
    assert!(trouble(&app.app).await.starts_with("it was not reached: "));
}

/// One log is refused each time, by a collector that takes those of others.
#[tokio::test]
async fn a_log_that_is_refused_keeps_no_other_waiting() {
    let unwanted = Arc::new(Mutex::new("nothing".to_owned()));
    let refused = unwanted.clone();
    let receiver = Receiver::start(move |seen| {
        let is = seen.body.contains(&*refused.lock().unwrap());
        if is { answer(400, "") } else { answer(200, r#"{"text":"Success","code":0}"#) }
    });
    let (app, bad) = shipping(target(ShipKind::SplunkHec, ShipFormat::Ocsf, &receiver.url("/event"))).await;
    let others = [app.tenant("one").await.id, app.tenant("two").await.id];
    for log in [bad, others[0], others[1]] {
        happen(&app, log, 5).await;
    }
    happen_to_platform(&app).await;
    let mut pace = Pace::default();
    *unwanted.lock().unwrap() = origin(&app, bad).to_string();
    let round = courier(&app.app).round(&app.app, &mut pace).await.unwrap();
    assert_eq!((round.troubles.len(), round.troubles[0].0, round.away), (1, bad, false));
    for log in [others[0], others[1], PLATFORM] {
        let name = origin(&app, log).to_string();
        assert!(receiver.seen().iter().any(|seen| seen.body.contains(&name)), "{log}");
    }
    let round = courier(&app.app).round(&app.app, &mut pace).await.unwrap();
    assert_eq!((round.troubles.len(), round.waiting), (0, 1), "it waits, and is not sent at once again");
}

/// Nobody is there: not each log is tried, and another one first each time.
#[tokio::test]
async fn of_a_collector_that_is_away_not_every_log_is_tried() {
    let (app, tenant) = shipping(target(ShipKind::ElasticBulk, ShipFormat::Ocsf, "http://127.0.0.1:9/_bulk")).await;
    happen_to_platform(&app).await;
    let mut logs = vec![tenant];
    for slug in ["one", "two", "three"] {
        logs.push(app.tenant(slug).await.id);
    }
    for log in &logs {
        happen(&app, *log, 1).await;
    }
    logs.push(PLATFORM);
    let mut pace = Pace::default();
    let mut firsts = std::collections::BTreeSet::new();
    for _ in 0..logs.len() {
        let round = courier(&app.app).round(&app.app, &mut pace).await.unwrap();
        assert_eq!((round.troubles.len(), round.away), (3, true));
        firsts.insert(round.troubles[0].0.to_string());
    }
    assert_eq!(firsts.len(), logs.len());
    assert!(pace.pause() > std::time::Duration::from_secs(10));
}
