//! Grants in the console, and the kill switch.

use crate::{
    console::clients::administrator,
    harness::{app::TestApp, console::csrf, flow::Flow},
};

#[tokio::test]
async fn one_grant_is_revoked_everywhere() {
    let app = TestApp::start().await;
    let (tenant, browser) = administrator(&app).await;
    let flow = Flow::new(&app, &tenant);
    let (one, other) = (flow.client().await, flow.client().await);
    let (mine, others) = (flow.tokens(&one).await, flow.tokens(&other).await);
    let list = browser.get("/console/t/acme/grants").await.body;
    assert_eq!(list.matches("/console/t/acme/grants/").count(), 2, "{list}");
    let id: String = sqlx::query_scalar("select id::text from access_grant where client = $1")
        .bind(&one.id)
        .fetch_one(&app.db.owner)
        .await
        .unwrap();
    let path = format!("/console/t/acme/grants/{id}/revoke");
    let page = browser.get(&path).await.body;
    let done = browser.post(&path, &[("csrf", &csrf(&page))]).await;
    assert!(!flow.accepts(&mine.access).await);
    assert!(flow.accepts(&others.access).await);
    let shown = browser.get(done.location()).await.body;
    assert!(shown.contains("Revoked 1 grant: refused everywhere after"), "{shown}");
    // It is over, and can still be looked at.
    let page = browser.get(&format!("/console/t/acme/grants/{id}")).await.body;
    assert!(page.contains("class=\"state stopped\">Ended") && !page.contains(&path), "{page}");
    assert_eq!(browser.get(&path).await.status, 404);
    let ended = browser.get("/console/t/acme/grants?state=ended").await.body;
    assert!(ended.contains(&format!("/console/t/acme/grants/{id}\"")), "{ended}");
    assert_eq!(ended.matches("/console/t/acme/grants/").count(), 1, "{ended}");
    let list = browser.get("/console/t/acme/grants").await.body;
    assert!(!list.contains(&format!("/console/t/acme/grants/{id}\"")), "{list}");
    assert_eq!(list.matches("/console/t/acme/grants/").count(), 1, "{list}");
}

/// A grant leads to all that it joins, by their names, and says until when it goes.
#[tokio::test]
async fn a_grant_leads_to_person_client_and_server() {
    let app = TestApp::start().await;
    let (tenant, browser) = administrator(&app).await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    flow.tokens(&client).await;
    let (person, server) = (tenant.person.id, "/console/t/acme/servers/demo");
    let list = browser.get("/console/t/acme/grants").await.body;
    let id: String = sqlx::query_scalar("select id::text from access_grant").fetch_one(&app.db.owner).await.unwrap();
    let page = browser.get(&format!("/console/t/acme/grants/{id}")).await.body;
    assert!(page.contains(&format!("href=\"/console/t/acme/clients/{}\"", client.id)), "{page}");
    for shown in [&list, &page] {
        for href in [format!("/console/t/acme/people/{person}"), server.to_owned()] {
            assert!(shown.contains(&format!("href=\"{href}\"")), "{href}: {shown}");
        }
    }
    assert!(page.contains("They are asked again") && page.contains("in 90 days"), "{page}");
}

#[tokio::test]
async fn the_kill_switch_says_how_much_it_is_and_takes_just_that() {
    let app = TestApp::start().await;
    let (tenant, browser) = administrator(&app).await;
    let flow = Flow::new(&app, &tenant);
    let (one, other) = (flow.client().await, flow.client().await);
    let (mine, others) = (flow.tokens(&one).await, flow.tokens(&other).await);
    let path = format!("/console/t/acme/revoke?client={}", one.id);
    let page = browser.get(&path).await.body;
    assert!(page.contains("Revoke 1 grant?"), "{page}");
    let token = csrf(&page);
    let fields =
        |count: &'static str| [("csrf", token.clone()), ("client", one.id.clone()), ("count", count.to_owned())];
    let post = async |fields: &[(&str, String)]| {
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        browser.post("/console/t/acme/revoke", &fields).await
    };
    // What was typed is not what there is.
    assert_eq!(post(&fields("2")).await.status, 409);
    assert_eq!(post(&fields("")).await.status, 409);
    assert!(flow.accepts(&mine.access).await);
    // What is nobody's must not be everybody's.
    let nobody = [("csrf", token.clone()), ("client", "c_nobody".to_owned()), ("count", "2".to_owned())];
    assert_eq!(post(&nobody).await.status, 404);
    let nobody = [("csrf", token.clone()), ("person", "x".to_owned()), ("count", "2".to_owned())];
    assert_eq!(post(&nobody).await.status, 404);
    assert!(flow.accepts(&mine.access).await && flow.accepts(&others.access).await);

    let done = post(&fields("1")).await;
    assert!(done.location().contains("done=revoked&n=1"), "{}", done.location());
    assert!(!flow.accepts(&mine.access).await);
    assert!(flow.accepts(&others.access).await);
    // And everything.
    let page = browser.get("/console/t/acme/revoke").await.body;
    assert!(page.contains("Revoke 1 grant?"), "{page}");
    let all = [("csrf", csrf(&page)), ("count", "1".to_owned())];
    post(&all).await;
    assert!(!flow.accepts(&others.access).await);
    // Nothing is asked where there is nothing.
    let page = browser.get("/console/t/acme/revoke").await.body;
    assert!(page.contains("There is nothing to revoke") && !page.contains("name=\"count\""), "{page}");
    assert_eq!(post(&[("csrf", token.clone()), ("count", "0".to_owned())]).await.status, 409);
}
