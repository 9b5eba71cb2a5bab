//! What was done in one's name.

use serde_json::json;

use crate::{
    audit::sequence::settled,
    harness::{
        app::TestApp,
        browser::TestBrowser,
        flow::{Flow, hidden},
    },
    jobs::usage::{call, granted},
};
use sallyport::jobs::usage;

const HISTORY: &str = "/t/acme/account/history";

fn deeds(page: &str) -> Vec<&str> {
    page.split("<strong>").skip(1).map(|rest| rest.split("</strong>").next().unwrap()).collect()
}

/// The address of the part before.
fn older(page: &str) -> String {
    let at = page.find("rel=\"next\"").unwrap();
    let href = page[..at].rsplit("href=\"").next().unwrap().split('"').next().unwrap();
    href.replace("&#38;", "&").replace("&amp;", "&")
}

#[tokio::test]
async fn a_person_sees_what_was_done_in_their_name() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    flow.tokens(&client).await;
    let family: uuid::Uuid = sqlx::query_scalar("select id from family").fetch_one(&app.db.owner).await.unwrap();
    app.clock.advance(std::time::Duration::from_secs(60));
    call(&app, &tenant, family.into(), &client.id, Some(("answered", 5))).await;
    app.clock.advance(std::time::Duration::from_secs(60));
    call(&app, &tenant, family.into(), &client.id, Some(("revoked", 5))).await;
    app.clock.advance(std::time::Duration::from_secs(60));
    call(&app, &tenant, family.into(), &client.id, None).await;
    settled(&app, tenant.id).await;
    usage::round(&app.app).await.unwrap();

    let account = flow.get("/t/acme/account").await.text().await.unwrap();
    assert!(account.contains("last used 1 minute ago"), "the denied call is no use: {account}");
    let page = flow.get(HISTORY).await.text().await.unwrap();
    assert_eq!(deeds(&page)[..3], ["A call was not allowed", "A program asked a server", "A program asked a server"]);
    assert!(deeds(&page).contains(&"You allowed a program to act for you") && deeds(&page).contains(&"You logged in"));
    for words in ["Test client", "Server demo", "answered", "cut off: taken back meanwhile"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    let calls = flow.get(&format!("{HISTORY}?show=calls")).await.text().await.unwrap();
    assert_eq!(deeds(&calls).len(), 3, "{calls}");
    let logins = flow.get(&format!("{HISTORY}?show=logins")).await.text().await.unwrap();
    assert!(deeds(&logins).contains(&"You logged in") && !logins.contains("Test client"), "{logins}");

    // What a grant did stays to be seen after it was taken back.
    let grant = hidden(&account, "grant");
    let form = [("csrf", &*hidden(&account, "csrf")), ("grant", &grant)];
    app.clock.advance(std::time::Duration::from_secs(60));
    flow.post("/t/acme/account/revoke", &form).await;
    let page = flow.get(&format!("{HISTORY}?grant={grant}")).await.text().await.unwrap();
    assert_eq!(deeds(&page)[0], "You took back what a program could do");
    assert_eq!(deeds(&page).len(), 5, "no login is a grant's: {page}");
}

#[tokio::test]
async fn nobody_sees_what_others_did() {
    let app = TestApp::start().await;
    let mut tenant = app.tenant("acme").await;
    let (family, grant, client) = granted(&app, &tenant).await;
    call(&app, &tenant, family, &client, None).await;
    tenant.person = app.person(tenant.id, "grace").await;
    let other = TestBrowser::new(&app);
    assert_eq!(other.get(HISTORY).await.status, 303, "a stranger logs in first");
    other.log_in(&tenant, &tenant.person).await;
    for path in [HISTORY.to_owned(), format!("{HISTORY}?grant={grant}")] {
        let page = other.get(&path).await.body;
        assert!(!page.contains("Test client") && !page.contains("not allowed<"), "{page}");
    }
    for odd in ["?before=x", "?grant=x", "?show=x", "?before=00000000-0000-0000-0000-000000000000"] {
        assert_eq!(other.get(&format!("{HISTORY}{odd}")).await.status, 200, "{odd}");
    }
    assert_eq!(other.get(&format!("{HISTORY}?show=a&show=b")).await.status, 400);
}

/// A busy tenant's log has many events between two of one's own.
#[tokio::test]
async fn the_log_is_looked_through_part_by_part() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let browser = TestBrowser::new(&app);
    browser.log_in(&tenant, &tenant.person).await;
    let insert = "insert into audit_event (tenant, id, at, kind, version, body)
        select $1, ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, now(), 'logout', 1, $2
          from generate_series($3::int, $4::int) n";
    let add = async |body: serde_json::Value, from: i32, to: i32| {
        sqlx::query(insert).bind(tenant.id.0).bind(body).bind(from).bind(to).execute(&app.db.owner).await.unwrap();
    };
    let mine = json!({ "person": tenant.person.id });
    add(mine.clone(), 1, 2).await;
    add(json!({ "person": uuid::Uuid::nil() }), 3, 60_000).await;
    add(mine, 60_001, 60_045).await;
    let first = browser.get(HISTORY).await.body;
    assert_eq!(deeds(&first).len(), 30, "{first}");
    let second = browser.get(&older(&first)).await.body;
    assert!((15..30).contains(&deeds(&second).len()), "{second}");
    let third = browser.get(&older(&second)).await.body;
    assert_eq!(deeds(&third), ["You logged out"; 2], "{third}");
    assert!(!third.contains("rel=\"next\""), "that is the beginning: {third}");
}
