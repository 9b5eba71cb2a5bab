//! Strangers grow the audit log by a few rows a minute, whatever they do.

use std::{collections::BTreeSet, time::Duration};

use reqwest::StatusCode;
use sallyport::{
    access,
    app::routes::{self, Guard, Route},
    audit::Refused,
    http::address::ClientAddress,
};

use super::{platform_refusals, refusals_of, tally};
use crate::harness::{
    app::{TestApp, TestTenant},
    flow::{Flow, oauth_error},
};

async fn behind_a_proxy() -> (TestApp, TestTenant) {
    let app = TestApp::start_with(|config| config.http.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()]).await;
    let tenant = app.tenant("acme").await;
    (app, tenant)
}

/// A call without a token, from an address.
async fn knock(app: &TestApp, http: &reqwest::Client, address: &str) {
    let request = http.post(app.url("/t/acme/mcp/demo")).header("x-forwarded-for", address);
    assert_eq!(request.send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn what_is_refused_is_one_event_for_each_source_and_writing() {
    let (app, acme) = behind_a_proxy().await;
    let http = app.browser();
    for address in ["192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"]
    {
        knock(&app, &http, address).await;
        app.clock.advance(Duration::from_secs(1));
    }
    let before = app.app.store.audit_recent(acme.id, 100).await.unwrap();
    assert!(before.iter().all(|event| event.kind != "bearer.refused"), "nothing is written by a request");

    let mut events = refusals_of(&app, acme.id).await;
    events.sort_by_key(|event| event.body["first"].as_str().unwrap().to_owned());
    let counts: Vec<_> = events.iter().map(|event| event.body["count"].as_u64().unwrap()).collect();
    assert_eq!(counts, [3, 1, 2, 1], "an IPv4 address, another, an IPv6 network, another");
    let first = &events[0].body;
    assert_eq!((&first["reason"], first.get("sources")), (&"absent".into(), None));
    assert_eq!(
        (first["first"].as_str(), first["last"].as_str()),
        (Some("2026-08-03T10:00:00Z"), Some("2026-08-03T10:00:02Z"))
    );
    assert_eq!(events[0].request_id, None);
    let sources: BTreeSet<_> = events.iter().map(|event| event.body["source"].to_string()).collect();
    assert_eq!(sources.len(), 4);
    let rows: Vec<String> =
        sqlx::query_scalar("select e::text from audit_event e").fetch_all(&app.db.owner).await.unwrap();
    assert!(rows.iter().all(|row| !row.contains("192.0.2") && !row.contains("2001:db8")), "no address in clear");

    assert_eq!(refusals_of(&app, acme.id).await.len(), 4, "what was written is not written again");
}

#[tokio::test]
async fn a_source_keeps_its_name_at_a_tenant_and_has_another_elsewhere() {
    let (app, acme) = behind_a_proxy().await;
    let other = app.tenant("other").await;
    let http = app.browser();
    let mut names = Vec::new();
    for _ in 0..2 {
        knock(&app, &http, "192.0.2.1").await;
        app.clock.advance(Duration::from_secs(24 * 3600));
        names.push(refusals_of(&app, acme.id).await[0].body["source"].as_str().unwrap().to_owned());
    }
    assert_eq!(names[0], names[1]);
    let (key, hash) = names[0].split_once(':').unwrap();
    assert!(app.key_file.contains(&format!("\"{key}\"")) && hash.len() == 32, "{}", names[0]);

    let request = http.post(app.url("/t/other/mcp/demo")).header("x-forwarded-for", "192.0.2.1");
    assert_eq!(request.send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    assert_ne!(refusals_of(&app, other.id).await[0].body["source"], names[0].as_str(), "tenants do not compare notes");
}

#[tokio::test]
async fn of_a_flood_only_its_size_is_written() {
    let (app, acme) = behind_a_proxy().await;
    let http = app.browser();
    for number in 0..130 {
        knock(&app, &http, &format!("198.51.100.{number}")).await;
    }
    // As many as a botnet has, without the HTTP.
    for number in 0..20_000_u32 {
        let from = ClientAddress(std::net::Ipv4Addr::from_bits(0x0a00_0000 + number).into());
        app.app.refused(Some(acme.id), Refused::Bearer("absent"), from);
    }
    let events = refusals_of(&app, acme.id).await;
    assert_eq!(events.len(), 21);
    assert_eq!(tally(&events), [("bearer.refused absent".to_owned(), 20_130)].into());
    let others: Vec<_> = events.iter().filter(|event| event.body["source"] == "others").collect();
    assert_eq!(others.len(), 1);
    assert_eq!(others[0].body["count"], 20_110);
    assert_eq!(others[0].body["sources"], 1_000, "so many at least");
}

#[tokio::test]
async fn what_leads_to_no_tenant_is_the_platforms() {
    let app = TestApp::start().await;
    let http = app.browser();
    let mut asked = 0;
    // Whoever looks after tenants is at the platform: the path names what they look after.
    let of_tenant = |route: &&Route| {
        route.path.contains("{tenant}") && !matches!(route.guard, Guard::Api(access::Page::Tenants, _))
    };
    for route in routes::public().iter().filter(of_tenant) {
        let path = route.path.replace("{tenant}", "nobody").replace("{server}", "demo").replace("{client_id}", "c");
        let request = http.request(route.method.clone(), app.url(&path));
        let request = if route.method == reqwest::Method::POST { request.form(&[("a", "b")]) } else { request };
        assert_eq!(request.send().await.unwrap().status(), StatusCode::NOT_FOUND, "{} {path}", route.method);
        asked += 1;
    }
    let events = platform_refusals(&app).await;
    assert_eq!(events.len(), 1);
    assert_eq!(tally(&events), [("request.refused unknown_tenant".to_owned(), asked)].into());
}

#[tokio::test]
async fn failed_logins_are_counted_by_account() {
    let (app, acme) = behind_a_proxy().await;
    let flow = Flow::new(&app, &acme);
    let html = flow.get("/t/acme/login").await.text().await.unwrap();
    let csrf = crate::harness::flow::hidden(&html, "csrf");
    for (username, address) in [("ada", "192.0.2.1"), ("ADA", "192.0.2.1"), ("ada", "192.0.2.2"), ("eve", "192.0.2.1")]
    {
        let form = [("csrf", csrf.as_str()), ("username", username), ("password", "wrong password")];
        let request = flow.http.post(app.url("/t/acme/login")).header("origin", &app.base);
        let response = request.header("x-forwarded-for", address).form(&form).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::FORBIDDEN);
    }
    let events = refusals_of(&app, acme.id).await;
    let ada = acme.person.id.to_string();
    let mut counts: Vec<_> = events
        .iter()
        .map(|event| (event.body["person"] == ada.as_str(), event.body["count"].as_u64().unwrap()))
        .collect();
    counts.sort_unstable();
    assert_eq!(counts, [(false, 1), (true, 1), (true, 2)], "by account and source");
}

#[tokio::test]
async fn a_code_that_is_replayed_for_ever_is_an_event_once() {
    let (app, acme) = behind_a_proxy().await;
    let flow = Flow::new(&app, &acme);
    let client = flow.client().await;
    let code = flow.code(&client).await;
    assert_eq!(flow.redeem(&client, &code).await.status(), StatusCode::OK);
    for _ in 0..5 {
        assert_eq!(oauth_error(flow.redeem(&client, &code).await).await.1, "invalid_grant");
    }
    assert_eq!(
        tally(&refusals_of(&app, acme.id).await),
        [("token.refused authorization_code invalid_grant".to_owned(), 5)].into()
    );
    let events = app.app.store.audit_recent(acme.id, 100).await.unwrap();
    for kind in ["code.replayed", "family.revoked"] {
        assert_eq!(events.iter().filter(|event| event.kind == kind).count(), 1, "{kind}");
    }
}

#[tokio::test]
async fn the_numbers_of_the_process_show_it() {
    let (app, acme) = behind_a_proxy().await;
    knock(&app, &app.browser(), "192.0.2.1").await;
    let numbers = app.app.metrics.encode().unwrap();
    assert!(numbers.contains("sallyport_refused_total{kind=\"bearer.refused\"} 1\n"), "{numbers}");
    assert!(numbers.contains("sallyport_refused_events_waiting 0\n"), "{numbers}");
    refusals_of(&app, acme.id).await;
}
