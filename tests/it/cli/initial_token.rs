//! `initial-token`, as an operator types it.

use sallyport::{
    ids::TenantId,
    keys::Keyring,
    secret::{Handle, HandleKind},
    store::{Store, initial_tokens},
};
use serde_json::Value;

use super::apply::{ACME, Site};

impl Site {
    async fn with_acme() -> (Self, TenantId) {
        let site = Self::new().await;
        let file = site.file(ACME);
        site.done(&["apply", &file]);
        let id = sqlx::query_scalar("select id from tenant").fetch_one(&site.db.owner).await.unwrap();
        (site, TenantId(id))
    }

    fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.done(&[args, &["--json"]].concat())).unwrap()
    }

    async fn text(&self, query: &'static str) -> String {
        sqlx::query_scalar(query).fetch_one(&self.db.owner).await.unwrap()
    }
}

#[tokio::test]
async fn a_token_is_made_listed_and_taken_back() {
    let (site, _) = Site::with_acme().await;
    assert_eq!(site.done(&["initial-token", "list", "--tenant", "acme"]), "acme has no initial access tokens\n");
    let made = site.done(&["initial-token", "create", "--tenant", "acme", "--uses", "3", "--note", "build farm"]);
    let lines: Vec<&str> = made.lines().collect();
    let id = lines[0].strip_prefix("made the initial access token ").unwrap().split(' ').next().unwrap();
    assert!(lines[0].contains(" in acme: 3 uses, until 2"), "{made}");
    let token = lines[1].strip_prefix("token: ").unwrap().strip_suffix("   (shown this once)").unwrap();
    Handle::parse(HandleKind::InitialAccessToken, token).unwrap();

    let list = site.done(&["initial-token", "list", "--tenant", "acme"]);
    assert!(list.starts_with(&format!("{id}  3 uses  until 2")) && list.ends_with("  build farm\n"), "{list}");
    assert!(!list.contains(token));

    let revoke = ["initial-token", "revoke", id, "--tenant", "acme"];
    assert_eq!(site.done(&revoke), format!("took back the initial access token {id} in acme\n"));
    assert_eq!(site.fails(&revoke), format!("sallyport: there is no initial access token {id} in this tenant\n"));
    assert_eq!(site.json(&["initial-token", "list", "--tenant", "acme"]), Value::Array(Vec::new()));

    let object = format!("initial_access_token/{id}");
    let changes: Vec<String> = sqlx::query_scalar(
        "select body->>'change' from audit_event where kind = 'admin.changed' and body->>'object' = $1 order by id",
    )
    .bind(object)
    .fetch_all(&site.db.owner)
    .await
    .unwrap();
    assert_eq!(changes, ["created", "removed"]);
}

#[tokio::test]
async fn what_is_printed_works_and_is_nowhere_else() {
    let (site, tenant) = Site::with_acme().await;
    let made = site.json(&["initial-token", "create", "--tenant", "acme", "--expires-in", "30m"]);
    assert_eq!((&made["uses_left"], &made["note"]), (&1.into(), &"".into()));
    let token = made["token"].as_str().unwrap();
    let row = site.text("select t::text from initial_access_token t").await;
    let events = site.text("select string_agg(body::text, ' ') from audit_event").await;
    for secret in [token, &token["sp_ia_".len()..]] {
        assert!(!row.contains(secret) && !events.contains(secret));
    }
    assert!(events.contains(made["id"].as_str().unwrap()), "the events name it: {events}");

    let keyring = Keyring::parse(&site.keys).unwrap();
    let handle = Handle::parse(HandleKind::InitialAccessToken, token).unwrap();
    let mut tx = Store::over(site.db.app.clone()).tenant_tx(tenant).await.unwrap();
    let kept = initial_tokens::all(&mut tx).await.unwrap().remove(0);
    assert_eq!(kept.expires_at.unwrap() - kept.created_at, time::Duration::minutes(30));
    let (hashes, current) = (keyring.lookup(tenant, &handle), keyring.store(tenant, &handle));
    assert!(initial_tokens::use_up(&mut tx, &hashes, &current, kept.created_at).await.unwrap());
    assert!(!initial_tokens::use_up(&mut tx, &hashes, &current, kept.created_at).await.unwrap(), "it was for one use");
    tx.commit().await.unwrap();
    assert!(site.done(&["initial-token", "list", "--tenant", "acme"]).contains("  used up  "));
}

#[tokio::test]
async fn what_makes_no_sense_is_one_line() {
    let (site, _) = Site::with_acme().await;
    let create = |more: &[&str]| site.run(&[&["initial-token", "create", "--tenant", "acme"], more].concat());
    for wrong in [&["--uses", "0"], &["--expires-in", "soon"], &["--uses", "70000"]] {
        let said = create(wrong);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{wrong:?}");
    }
    for (wrong, why) in [
        (&["--expires-in", "367d"], "lives for 366 days at most"),
        (&["--expires-in", "0h"], "for a second at least"),
        (&["--note", "two\nlines"], "one line"),
    ] {
        let said = create(wrong);
        assert_eq!((said.code, said.out.as_str(), said.err.lines().count()), (1, "", 1), "{wrong:?}");
        assert!(said.err.contains(why), "{}", said.err);
    }
    assert_eq!(site.count("select count(*) from initial_access_token").await, 0);

    let nowhere = site.fails(&["initial-token", "list", "--tenant", "nowhere"]);
    assert_eq!(nowhere, "sallyport: there is no tenant \"nowhere\"; there is \"acme\"\n");
    let token = site.json(&["initial-token", "create", "--tenant", "acme"])["token"].as_str().unwrap().to_owned();
    let mistaken = site.fails(&["initial-token", "revoke", &token, "--tenant", "acme"]);
    assert!(!mistaken.contains(&token) && mistaken.contains("`initial-token list` has them"), "{mistaken}");
}
