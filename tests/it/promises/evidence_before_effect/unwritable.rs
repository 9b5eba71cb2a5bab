//! While evidence cannot be written, nothing is executed; and it goes on by itself once it can.

use super::{Held, change, look, seen, sent, told};
use crate::gateway::world::{BOTH, World};

/// A 503 that says what is true, and when to come back.
async fn assert_refused(request: reqwest::RequestBuilder) {
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "1");
    assert!(!response.headers().contains_key("www-authenticate"));
    let body: serde_json::Value = response.json().await.unwrap();
    assert_eq!(body["id"], 1);
    assert!(body["error"]["message"].as_str().unwrap().contains("It was not executed"), "{body}");
}

async fn until_it_goes_on(world: &World, request: impl Fn() -> reqwest::RequestBuilder) {
    let again = async { while request().send().await.unwrap().status() != 200 {} };
    tokio::time::timeout(std::time::Duration::from_secs(30), again).await.expect("it does not go on");
    assert!(world.app.app.calls.ready().is_ok());
}

/// The database is slow without end: the writer waits, and nobody else for ever.
#[tokio::test]
async fn who_waits_too_long_is_told_what_is_known_of_the_call() {
    let world = World::start().await;
    let (token, narrow) = (world.token(&BOTH).await, world.token(&["mcp:read"]).await);
    for token in [&token, &narrow] {
        assert_eq!(look(&world, token).send().await.unwrap().status(), 200);
    }
    world.app.app.calls.finish().await.unwrap();
    let held = Held::new(&world).await;
    let changes: Vec<_> = (0..8).map(|_| sent(change(&world, &token))).collect();
    let denied = sent(change(&world, &narrow));
    let looks: Vec<_> = (0..8).map(|_| sent(look(&world, &token))).collect();
    world.upstream.asked(10).await;
    for call in changes.into_iter().chain([denied]) {
        let (status, message) = call.await.unwrap();
        assert_eq!(status, 503);
        assert!(message.unwrap().contains("It was not executed"));
    }
    for call in looks {
        let (status, message) = call.await.unwrap();
        assert_eq!(status, 502);
        assert!(message.unwrap().contains("may have been executed"));
    }
    // Whoever comes now is not even let wait.
    assert!(world.app.app.calls.ready().is_err());
    assert_refused(change(&world, &token)).await;
    assert_refused(look(&world, &token)).await;
    assert_eq!(seen(&world), vec!["tools/list"; 10], "what was refused did not leave");

    held.release().await;
    until_it_goes_on(&world, || change(&world, &token)).await;
    let told = told(&world).await;
    let ends =
        |method: &str, end: &str| told.iter().filter(|told| told.text("method") == method && told.end() == end).count();
    assert_eq!(ends("tools/list", "may_have_been_executed"), 8, "each that left is known");
    assert_eq!(ends("tools/list", "answered"), 2);
    assert_eq!(ends("tools/call", "answered"), 1);
    // Those that the writer had taken could not be taken back.
    assert!(
        told.iter().all(|told| ["answered", "may_have_been_executed", "not_executed", "denied"].contains(&told.end()))
    );
    assert_eq!(seen(&world).iter().filter(|method| *method == "tools/call").count(), 1);
}

/// The database answers, and takes no events.
#[tokio::test]
async fn while_the_database_takes_no_events_calls_are_refused_at_once() {
    let world = World::start().await;
    let token = world.token(&BOTH).await;
    assert_eq!(change(&world, &token).send().await.unwrap().status(), 200);
    world.app.app.calls.finish().await.unwrap();
    world
        .change(
            "create function full_disk() returns trigger language plpgsql as
             $$ begin raise exception 'could not extend file' using errcode = 'disk_full'; end $$",
        )
        .await;
    world.change("create trigger full_disk before insert on audit_event execute function full_disk()").await;
    let first = sent(change(&world, &token));
    while world.app.app.calls.ready().is_ok() {
        tokio::task::yield_now().await;
    }
    for _ in 0..20 {
        assert_refused(change(&world, &token)).await;
        assert_refused(look(&world, &token)).await;
    }
    let metrics = world.app.app.metrics.encode().unwrap();
    let value = |name: &str| {
        let line = metrics.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name}: {metrics}"));
        line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()
    };
    assert!(value("sallyport_calls_refused_without_evidence_total ") >= 40.0);
    assert!(value("sallyport_call_event_failures_total ") >= 1.0);
    assert!(value("sallyport_call_events_waiting ") >= 1.0);
    assert!(value("sallyport_call_events_oldest_waiting_seconds ") > 0.0);

    world.change("drop trigger full_disk on audit_event").await;
    // The first may have waited long enough to get through, or not.
    let executed = usize::from(first.await.unwrap().0 == 200);
    until_it_goes_on(&world, || change(&world, &token)).await;
    assert_eq!(seen(&world).len(), 2 + executed);
    let told = told(&world).await;
    assert_eq!(told.iter().filter(|told| told.end() == "answered").count(), 2 + executed);
    assert_eq!(told.iter().filter(|told| told.end() == "not_executed").count() + executed, 1);
    assert_eq!(told.len(), 3);
}
