//! The first page: what needs attention, and charts.

use sallyport::{
    ids::EventId,
    jobs::usage,
    store::audit::{self, EventRow},
};
use serde_json::json;

use crate::{
    audit::sequence::settled,
    console::clients::administrator,
    harness::{app::TestApp, browser::TestBrowser, console::csrf},
    jobs::usage::{call, granted},
};

async fn attention(browser: &TestBrowser) -> String {
    let page = browser.get("/console/t/acme").await.body;
    let (_, rest) = page.split_once("Needs attention").unwrap_or_default();
    rest.split_once("</section>").unwrap_or_default().0.to_owned()
}

#[tokio::test]
async fn what_fails_waits_or_is_old_is_said_first() {
    let app = TestApp::start().await;
    let (tenant, browser) = administrator(&app).await;
    let (family, _, client) = granted(&app, &tenant).await;
    assert!(!attention(&browser).await.contains("got no answer"));
    for n in 0..8 {
        let end = if n % 2 == 0 { "not_executed" } else { "answered" };
        call(&app, &tenant, family, &client, Some((end, 5))).await;
    }
    call(&app, &tenant, family, &client, Some(("broken_off", 5))).await;
    for (reason, count) in [("unreachable", 2), ("token", 1), ("iss", 1), ("said", 70), ("state", 70)] {
        let body = json!({ "reason": reason, "source": "a", "count": count });
        let id = EventId::new(&app.clock, &app.app.entropy).unwrap();
        let row =
            EventRow { id, at: app.clock.now(), kind: "provider.refused".into(), version: 1, request_id: None, body };
        let mut tx = app.app.store.tenant_tx(tenant.id).await.unwrap();
        audit::insert_batch(&mut tx, &[row]).await.unwrap();
        tx.commit().await.unwrap();
    }
    settled(&app, tenant.id).await;
    usage::round(&app.app).await.unwrap();
    let path = "/console/t/acme/servers/-/new";
    let token = csrf(&browser.get(path).await.body);
    let fields = [("csrf", &*token), ("name", "New one"), ("slug", "new-one"), ("upstream", "http://127.0.0.1:9/mcp")];
    assert_eq!(browser.post(path, &fields).await.status, 303);
    let old = "update signing_key set active_at = active_at - interval '400 days' where status = 'active'";
    sqlx::query(old).execute(&app.db.owner).await.unwrap();
    let said = attention(&browser).await;
    for words in [
        "Of 9 calls to ",
        "5 got no answer",
        "4 logins at an identity provider failed",
        "Nobody has said yet what is accepted of what New one offers",
        "A key has signed for 400 days",
        "only one administrator",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    // A day later it is no news.
    let earlier = "update usage_hour set hour = hour - interval '2 days'";
    sqlx::query(earlier).execute(&app.db.owner).await.unwrap();
    assert!(!attention(&browser).await.contains("got no answer"));
}

#[tokio::test]
async fn it_draws_how_long_answers_took_and_what_was_in_use() {
    let app = TestApp::start().await;
    let (tenant, browser) = administrator(&app).await;
    let (family, _, client) = granted(&app, &tenant).await;
    for millis in [5, 50, 2_000] {
        for _ in 0..2 {
            call(&app, &tenant, family, &client, Some(("answered", millis))).await;
        }
        // What was denied is no use of a grant, and no answer.
        call(&app, &tenant, family, "c_other", None).await;
        app.clock.advance(std::time::Duration::from_secs(3600));
    }
    settled(&app, tenant.id).await;
    usage::round(&app.app).await.unwrap();
    let page = browser.get("/console/t/acme").await.body;
    for words in ["Half of the answers within 100 ms, 95 of 100 within 3 s", "1 client and 1 grant in use in 30 days"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    let (_, chart) = page.split_once("Half of the answers").unwrap();
    let (chart, _) = chart.split_once("</figure>").unwrap();
    assert!(chart.contains("class=\"line of1\"") && chart.contains(">3 s</td>"), "{chart}");
}
