//! `client list`, `show`, `approve`, `suspend`, `resume` and `remove`, as an operator types them, beside a process that
//! serves.

use std::time::Instant;

use sallyport::cluster::LONGEST_WAIT;
use serde_json::{Value, json};

use super::grant::Site;
use crate::{
    cluster::silent_node,
    harness::{
        app::TestTenant,
        flow::{CALLBACK, Flow, TestClient, oauth_error},
    },
};

async fn registered(site: &Site, tenant: &TestTenant, name: &str, uri: &str) -> String {
    let body = json!({ "client_name": name, "redirect_uris": [uri], "token_endpoint_auth_method": "none" });
    let url = format!("{}/register", tenant.issuer);
    let answer: Value = site.app.http().post(url).json(&body).send().await.unwrap().json().await.unwrap();
    answer["client_id"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

fn json_of(site: &Site, args: &[&str]) -> Value {
    serde_json::from_str(&site.done(&[args, &["--json"]].concat())).unwrap()
}

fn holder(id: &str) -> TestClient {
    TestClient { id: id.to_owned(), secret: None, redirect_uri: CALLBACK.to_owned() }
}

#[tokio::test]
async fn clients_of_one_software_are_one_line_unless_all_are_asked_for() {
    let site = Site::new().await;
    assert_eq!(site.done(&["client", "list"]), "no client in all tenants\n");
    let (acme, other) = (site.app.tenant("acme").await, site.app.tenant("other").await);
    let mut editors = Vec::new();
    for port in 1..4 {
        editors.push(registered(&site, &acme, "Editor", &format!("http://localhost:{port}/cb")).await);
    }
    let bank = registered(&site, &acme, "Bank\u{202e}", "https://bank.example/cb").await;
    let elsewhere = registered(&site, &other, "Editor", "http://localhost/cb").await;

    let list = site.done(&["client", "list", "--tenant", "acme"]);
    let lines: Vec<&str> = list.lines().collect();
    assert_eq!(lines.len(), 3, "{list}");
    assert!(lines[0].starts_with("CLIENT ") && lines[0].ends_with("  LAST USED  GRANTS"), "{list}");
    assert!(lines[1].starts_with(&editors[2]) && lines[1].contains("  Editor \u{d7}3  active"), "{list}");
    assert!(lines[2].starts_with(&bank) && lines[2].contains("  never") && !list.contains('\u{202e}'), "{list}");
    let all = site.done(&["client", "list", "--tenant", "acme", "--all"]);
    assert_eq!(all.lines().count(), 5, "{all}");
    assert!(editors.iter().all(|id| all.contains(id.as_str())) && !all.contains(&elsewhere));
    assert_eq!(site.done(&["client", "list"]).lines().count(), 4);

    let read = json_of(&site, &["client", "list"]);
    let software =
        |id: &str| read.as_array().unwrap().iter().find(|row| row["client_id"] == id).unwrap()["software"].clone();
    assert_eq!(software(&editors[0]), software(&editors[2]));
    assert_eq!(software(&editors[0]), software(&elsewhere));
    assert_ne!(software(&editors[0]), software(&bank));
    assert_eq!(
        site.done(&["client", "list", "--pending", "--tenant", "acme"]),
        "no client waits for an approval in acme\n"
    );
    let missing = site.fails(&["client", "list", "--tenant", "nowhere"]);
    assert!(missing.contains("there is no tenant \"nowhere\""), "{missing}");
}

#[tokio::test]
async fn a_waiting_client_is_found_by_the_beginning_of_its_id_and_allowed() {
    let site = Site::new().await;
    let tenant = site.app.tenant("acme").await;
    site.app.settings(&tenant, json!({ "registration": "approval" })).await;
    let id = registered(&site, &tenant, "Editor", CALLBACK).await;
    let second = registered(&site, &tenant, "Editor", CALLBACK).await;
    let pending = json_of(&site, &["client", "list", "--pending"]);
    let ids: Vec<&str> = pending.as_array().unwrap().iter().map(|row| row["client_id"].as_str().unwrap()).collect();
    assert_eq!(ids, [&id, &second]);
    let show = site.done(&["client", "show", &id]);
    assert!(show.contains("status         pending: it waits for `sallyport client approve`\n"), "{show}");

    let several = site.fails(&["client", "approve", "c_"]);
    assert!(several.starts_with("sallyport: \"c_\" is the beginning of several ids: c_"), "{several}");
    let none = site.fails(&["client", "approve", "c_nothing"]);
    assert_eq!(none, "sallyport: there is no client \"c_nothing\" here; `sallyport client list` has their ids\n");
    let unproved = site.fails(&["client", "approve", &id, "--remember"]);
    assert!(unproved.contains("say --unproved as well"), "{unproved}");
    let beginning = &id[..id.len() - 1];
    let beginning = if second.starts_with(beginning) { id.as_str() } else { beginning };
    assert_eq!(site.done(&["client", "approve", beginning]), format!("approved {id} in acme\n"));
    Flow::new(&site.app, &tenant).tokens(&holder(&id)).await;
    let remembered = site.done(&["client", "approve", &second, "--remember", "--unproved"]);
    assert_eq!(
        remembered,
        format!("approved {second} in acme\nlater registrations of this software are approved at once\n")
    );
    let third = registered(&site, &tenant, "Editor", CALLBACK).await;
    Flow::new(&site.app, &tenant).tokens(&holder(&third)).await;
    assert_eq!(json_of(&site, &["client", "show", &third])["remembered"], true);
    assert_eq!(json_of(&site, &["client", "show", &third])["grants"], 1);

    let approved = site.app.app.store.audit_recent(tenant.id, 1000).await.unwrap();
    let approved: Vec<_> = approved.iter().filter(|event| event.kind == "client.approved").collect();
    assert_eq!(approved.len(), 2);
    assert!(
        approved.iter().all(|event| event.body["actor"] == json!({ "kind": "command", "command": "client approve" }))
    );
}

#[tokio::test]
async fn what_is_suspended_or_removed_is_dead_when_the_command_returns() {
    let site = Site::new().await;
    let tenant = site.app.tenant("acme").await;
    let flow = Flow::new(&site.app, &tenant);
    let client = flow.client().await;
    let held = flow.tokens(&client).await;
    assert!(flow.accepts(&held.access).await);
    // A node that does not answer has had its last lease when the command returns.
    silent_node(&site.app.db.owner).await;
    let began = Instant::now();
    let said = site.done(&["client", "suspend", &client.id, "--reason", "under review"]);
    assert!(began.elapsed() >= LONGEST_WAIT, "{:?}", began.elapsed());
    assert_eq!(
        said,
        format!("suspended {} in acme: nothing of it is accepted until `sallyport client resume`\n", client.id)
    );
    assert!(!flow.accepts(&held.access).await);
    let show = site.done(&["client", "show", &client.id]);
    assert!(show.contains("  suspended since 2") && show.contains(": under review\n"), "{show}");
    assert!(site.done(&["client", "list"]).contains("  suspended  "));

    let said = site.done(&["client", "resume", &client.id, "--tenant", "acme"]);
    assert_eq!(said, format!("resumed {} in acme: it is active as before\n", client.id));
    assert!(flow.accepts(&held.access).await);
    assert_eq!(flow.refresh(&client, &held.refresh).await.status(), 200);

    let unasked = site.fails(&["client", "remove", &client.id]);
    assert!(
        unasked.contains("(Test client) from acme with 1 grant.") && unasked.contains("nothing was changed"),
        "{unasked}"
    );
    silent_node(&site.app.db.owner).await;
    let began = Instant::now();
    assert_eq!(site.done(&["client", "remove", &client.id, "--yes"]), format!("removed {} from acme\n", client.id));
    assert!(began.elapsed() >= LONGEST_WAIT, "{:?}", began.elapsed());
    assert_eq!(oauth_error(flow.refresh(&client, &held.refresh).await).await.1, "invalid_client");
    assert!(site.fails(&["client", "show", &client.id]).contains("there is no client"));

    sqlx::query("update client set status = 'active', origin = 'configured'")
        .execute(&site.app.db.owner)
        .await
        .unwrap();
    assert!(site.fails(&["client", "remove", &client.id, "--yes"]).contains("take it out of the file"));
    site.done(&["client", "suspend", &client.id]);
    assert!(site.fails(&["client", "approve", &client.id]).contains("is suspended"));
}
