//! The operations listener.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use sallyport::http::{
    metrics::Metrics,
    operations::{Check, router},
};
use serde_json::{Value, json};

use crate::harness::web::{Web, client, limits};

async fn get(web: &Web, path: &str) -> (u16, String) {
    let answer = client().get(web.url(path)).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test]
async fn ready_says_which_check_fails() {
    let well = Arc::new(AtomicBool::new(true));
    let asked = well.clone();
    let store = Check::new("store", move || {
        let well = asked.load(Ordering::SeqCst);
        async move { if well { Ok(()) } else { Err("the database does not answer") } }
    });
    let keys = Check::new("keys", || async { Ok::<_, String>(()) });
    let web =
        Web::serve(router(Arc::new(Metrics::new()), vec![store, keys], || json!("here")), &limits(), Duration::ZERO);

    let (status, body) = get(&web, "/readyz").await;
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (status, body),
        (200, json!({ "ready": true, "checks": { "store": "ok", "keys": "ok" }, "node": "here" }))
    );

    well.store(false, Ordering::SeqCst);
    let (status, body) = get(&web, "/readyz").await;
    let body: Value = serde_json::from_str(&body).unwrap();
    let checks = json!({ "store": "the database does not answer", "keys": "ok" });
    assert_eq!((status, body), (503, json!({ "ready": false, "checks": checks, "node": "here" })));
    assert_eq!(get(&web, "/healthz").await, (200, "ok\n".to_owned()), "the process itself is well");
}

#[tokio::test]
async fn a_check_that_hangs_is_a_check_that_fails() {
    let hangs = Check::new("store", || async { std::future::pending::<Result<(), String>>().await });
    let web = Web::serve(router(Arc::new(Metrics::new()), vec![hangs], Default::default), &limits(), Duration::ZERO);
    let (status, body) = get(&web, "/readyz").await;
    assert_eq!(status, 503);
    assert!(body.contains("no answer within 2 seconds"), "{body}");
}

#[tokio::test]
async fn other_parts_have_metrics_of_their_own() {
    let metrics = Arc::new(Metrics::new());
    let counter = prometheus_client::metrics::counter::Counter::<u64>::default();
    metrics.register(|registry| registry.register("swaps", "Tokens swapped", counter.clone()));
    counter.inc_by(7);
    let web = Web::serve(router(metrics, Vec::new(), Default::default), &limits(), Duration::ZERO);
    let (status, body) = get(&web, "/metrics").await;
    assert_eq!(status, 200);
    assert!(body.contains("\nsallyport_swaps_total 7\n") && body.ends_with("# EOF\n"), "{body}");
}
