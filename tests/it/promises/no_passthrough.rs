//! Promise 1: no byte of a client's token reaches an upstream, a log, a trace, an audit record or an error.
//!
//! Every secret of a real flow is a canary. It is used as it should be, used wrongly, and put where it does not belong, on
//! every route and on every path of a call; then all that left the application or was written down is searched for it. Two
//! things are as designed and not looked for: what a client writes into its own message goes on to the upstream in that
//! message, and an answer that hands a secret out holds it.

mod calls;
mod misuse;
mod process;
pub(super) mod scene;

use std::time::Duration;

use axum::{Router, routing::get};
use http::HeaderMap;
use sallyport::{clock::Clock, config::Config, http::edge::Edge, http::metrics::Metrics, secret::Entropy};

use self::scene::Scene;
use crate::harness::{
    canary::Canaries,
    log::Log,
    web::{Web, client, limits},
};

#[tokio::test]
async fn no_secret_is_in_upstream_traffic_logs_traces_audit_dump_metrics_or_errors() {
    let mut scene = Scene::start().await;
    calls::all(&mut scene).await;
    misuse::all(&mut scene).await;
    scene.world.app.app.store.close().await;
    scene.goes_wrong("a call without a database", scene.world.call(&scene.cold)).await;
    misuse::of_client_endpoints(&mut scene).await;
    scene.search().await;
}

/// No input is known that makes a handler panic, so one is made that does, with all it can know in its message.
#[tokio::test]
async fn a_panic_tells_nothing_of_the_request() {
    let log = Log::listen();
    let config = Config::dev("nowhere".as_ref(), sallyport::config::Listen::parse("localhost:1234").unwrap());
    let metrics = std::sync::Arc::new(Metrics::new());
    let edge = Edge::new(&config, metrics.clone(), Clock::system(), Entropy::system());
    let panics = get(|headers: HeaderMap| async move {
        if !headers.is_empty() {
            panic!("{headers:?}")
        }
    });
    let web = Web::serve(edge.around(Router::new().route("/panic", panics)), &limits(), Duration::ZERO);

    let token = Entropy::system().text::<36>().unwrap();
    let mut canaries = Canaries::default();
    canaries.add("the token", &format!("sp_at_{token}"));
    let request = client().get(web.url(&format!("/panic?access_token=sp_at_{token}"))).header("host", "localhost:1234");
    let answer = request.bearer_auth(format!("sp_at_{token}")).send().await.unwrap();
    assert_eq!(answer.status(), 500);
    canaries.assert_absent("the answer", format!("{:?} {}", answer.headers().clone(), answer.text().await.unwrap()));
    assert!(log.text().contains("a handler panicked"));
    canaries.assert_absent("the log", log.text());
    canaries.assert_absent("the metrics", metrics.encode().unwrap());
}
