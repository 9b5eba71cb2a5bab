//! Secrets: never a literal, and never in a plan, an error, or the database.

use sallyport::{
    apply::{ApplyError, Prune},
    secret::{Entropy, Handle, HandleKind},
};

use super::{Bench, read};
use crate::harness::scratch::Scratch;

const CANARY: &str = "canary-horse-battery";

/// Whatever could be printed of an error.
fn said(text: &str) -> String {
    let mistakes = read(text, &Scratch::new().path("")).unwrap_err();
    format!("{mistakes}\n{mistakes:?}\n{:?}", ApplyError::from(mistakes.clone()))
}

fn person(password: &str) -> String {
    format!(
        "[[tenant]]\nslug = \"acme\"\nname = \"Acme\"\n[[tenant.person]]\nusername = \"ada\"\npassword = {password}\n"
    )
}

#[test]
fn a_literal_is_refused_and_not_repeated() {
    let text = said(&person(&format!("\"{CANARY}\"")));
    assert!(text.contains("acme.toml:6: person acme/ada: password is written here in clear"), "{text}");
    assert!(text.contains("{ file = "), "{text}");
    let secret = format!(
        "[[tenant]]\nslug = \"acme\"\nname = \"Acme\"\n[[tenant.client]]\nid = \"web\"\nname = \"Web\"\nauth_method = \"client_secret_post\"\nredirect_uris = [\"https://a.example/\"]\nsecret = \"{CANARY}\"\n"
    );
    assert!(said(&secret).contains("secret is written here in clear"));
    for text in [
        person(&format!("\"{CANARY}\"")),
        secret,
        // In the wrong member, of the wrong type, and in what is no TOML at all.
        person(&format!("{{ env = \"{CANARY}\" }}")),
        person(&format!("{{ hash = \"{CANARY}\" }}")),
        person(&format!("{{ clear = \"{CANARY}\" }}")),
        person(&format!("{{ env = \"A\", hash = \"{CANARY}\" }}")),
        person(&format!("[\"{CANARY}\"]")),
        person(&format!("\"{CANARY}")),
        person(&format!("\"{CANARY}\" x")),
        format!("{}client_secret = \"{CANARY}\"", person("{ env = \"SALLYPORT_NOT_SET\" }")),
        format!("{}roles = [\"{CANARY}\"]", person("{ env = \"SALLYPORT_NOT_SET\" }")),
    ] {
        assert!(!said(&text).contains("canary"), "{}", said(&text));
    }
}

#[test]
fn a_missing_secret_is_named_by_its_place() {
    let text = said(&person("{ env = \"SALLYPORT_NOT_SET\" }"));
    assert!(
        text.contains("acme.toml:6: person acme/ada: password is missing: the variable SALLYPORT_NOT_SET"),
        "{text}"
    );
    assert!(said(&person("{ file = \"nowhere.txt\" }")).contains("nowhere.txt"));
}

/// A document with one secret of each kind, and these secrets.
fn with_secrets(bench: &Bench, password: &str) -> (String, String) {
    let handle = Handle::generate(HandleKind::ClientSecret, &Entropy::system()).unwrap();
    bench.scratch.write("password", &format!("{password}\n"));
    bench.scratch.write("secret", handle.expose());
    let client = "[[tenant.client]]\nid = \"web\"\nname = \"Web\"\nauth_method = \"client_secret_basic\"\n\
                  redirect_uris = [\"https://a.example/cb\"]\nsecret = { file = \"secret\" }\n";
    (format!("{}{client}", person("{ file = \"password\" }")), handle.expose().to_owned())
}

#[tokio::test]
async fn no_secret_is_in_a_plan_or_in_the_database() {
    let bench = Bench::new().await;
    let (text, secret) = with_secrets(&bench, CANARY);
    let document = bench.read(&text).unwrap();
    let prepared = bench.prepare(&text, Prune::Nothing).await.unwrap();
    let plan = prepared.plan();
    let shown = format!("{plan}\n{plan:?}\n{}\n{document:?}", serde_json::to_string(plan).unwrap());
    assert!(shown.contains("password"), "{shown}");
    prepared.commit().await.unwrap();
    let dump = format!("{:?}", bench.dump().await);
    for text in [shown, dump] {
        assert!(!text.contains("canary") && !text.contains(&secret) && !text.contains("sp_cs_"), "{text}");
    }
    let hash: String = sqlx::query_scalar("select password_hash from person").fetch_one(&bench.db.owner).await.unwrap();
    let again = bench.prepare(&text, Prune::Nothing).await.unwrap();
    assert!(!format!("{}", again.plan()).contains(&hash));
}

#[tokio::test]
async fn a_secret_that_stays_is_no_change_and_another_one_is() {
    let bench = Bench::new().await;
    let (text, _) = with_secrets(&bench, CANARY);
    bench.apply(&text).await;
    assert!(bench.apply(&text).await.is_empty());

    let (text, _) = with_secrets(&bench, "another canary");
    let plan = bench.apply(&text).await;
    let fields: Vec<_> = plan.changes.iter().flat_map(|change| &change.fields).collect();
    assert_eq!(fields.len(), 2, "{plan}");
    for (field, name) in fields.iter().zip(["password", "secret"]) {
        let words = (field.name.as_str(), field.old.as_deref(), field.new.as_deref());
        assert_eq!(words, (name, Some("set"), Some("changed")));
    }
    assert!(bench.apply(&text).await.is_empty());
}

#[tokio::test]
async fn without_a_password_in_the_file_the_one_in_use_stays() {
    let bench = Bench::new().await;
    let (text, _) = with_secrets(&bench, CANARY);
    bench.apply(&text).await;
    let before = bench.dump().await;
    assert!(bench.apply(&text.replace("password = { file = \"password\" }\n", "")).await.is_empty());
    assert_eq!(bench.dump().await, before);
}

#[tokio::test]
async fn a_new_password_ends_sessions() {
    let bench = Bench::new().await;
    let (text, _) = with_secrets(&bench, CANARY);
    bench.apply(&text).await;
    sqlx::query(
        "insert into session (tenant, id, hash, pepper_id, person, amr, auth_time, expires_at)
         select tenant, id, 'h', 'p', id, '{}', now(), now() from person",
    )
    .execute(&bench.db.owner)
    .await
    .unwrap();
    assert!(bench.apply(&text).await.is_empty());
    assert_eq!(bench.count("select count(*) from session where ended_at is null").await, 1);
    let (text, _) = with_secrets(&bench, "another canary");
    bench.apply(&text).await;
    assert_eq!(bench.count("select count(*) from session where ended_at is null").await, 0);
}
