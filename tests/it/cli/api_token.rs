//! `api-token`, as an operator types it.

use sallyport::secret::{Handle, HandleKind};
use serde_json::Value;

use super::apply::{ACME, Site};

#[tokio::test]
async fn a_token_is_made_listed_and_taken_back() {
    let site = Site::new().await;
    let file = site.file(ACME);
    site.done(&["apply", &file]);
    site.done(&["person", "invite", "vera", "--tenant", "acme"]);
    let create = ["api-token", "create", "--tenant", "acme", "--person", "vera", "--right", "*:read"];
    assert!(site.fails(&create).contains("\"vera\" is neither an administrator nor an auditor"));
    let appoint = "update person set roles = '{person,auditor}' where username = 'vera'";
    sqlx::query(appoint).execute(&site.db.owner).await.unwrap();
    assert_eq!(site.done(&["api-token", "list", "--tenant", "acme"]), "acme has no tokens of the admin API\n");

    let made = site.done(&[&create[..], &["--note", "weekly report", "--expires-in", "7d"]].concat());
    let lines: Vec<&str> = made.lines().collect();
    let id = lines[0].strip_prefix("made the token ").unwrap().split(' ').next().unwrap();
    assert!(lines[0].contains(" for vera in acme: *:read, until 2"), "{made}");
    let token = lines[1].strip_prefix("token: ").unwrap().strip_suffix("   (shown this once)").unwrap();
    Handle::parse(HandleKind::ApiToken, token).unwrap();

    let list = site.done(&["api-token", "list", "--tenant", "acme"]);
    assert!(list.contains(id) && list.contains("never used") && list.contains("weekly report"), "{list}");
    assert!(!list.contains("sp_ap_"), "{list}");
    site.done(&["api-token", "revoke", id, "--tenant", "acme"]);
    let list: Value = serde_json::from_str(&site.done(&["api-token", "list", "--tenant", "acme", "--json"])).unwrap();
    assert!(list[0]["revoked_at"].is_string() && list[0].get("token").is_none(), "{list}");
    assert!(site.fails(&["api-token", "revoke", id, "--tenant", "acme"]).contains("that could be taken back"));
    // A token in the place of its id is not repeated.
    assert!(site.fails(&["api-token", "revoke", token, "--tenant", "acme"]).contains("this is no id of a token"));
    assert!(site.fails(&[&create[..], &["--expires-in", "366d"]].concat()).contains("365 days at most"));
    assert!(site.fails(&[&create[..], &["--right", "clients:suspend:x"]].concat()).contains("is no right"));
}
