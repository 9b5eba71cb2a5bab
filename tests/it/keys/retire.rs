//! Retired by force: ends exactly what was said, everywhere, with evidence.

use sallyport::{
    keys::{KeyFile, KeyKind, generate_key_file, rotation::retire::would_end},
    secret::{Handle, HandleKind},
};
use serde_json::{Value, json};

use super::{counts, held, retired, rotate};
use crate::{
    gateway::world::{BOTH, World},
    harness::{
        app::TestApp,
        flow::{Flow, TestClient, Tokens, oauth_error},
    },
};

async fn platform_events(app: &TestApp, kind: &str) -> Vec<Value> {
    sqlx::query_scalar("select body from platform_event where kind = $1 order by at, id")
        .bind(kind)
        .fetch_all(&app.db.owner)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_pepper_by_force_ends_what_it_holds_and_nothing_else() {
    let app = TestApp::start().await;
    let (tenant, other) = (app.tenant("acme").await, app.tenant("other").await);
    let (flow, elsewhere) = (Flow::new(&app, &tenant), Flow::new(&app, &other));
    let client = flow.client().await;
    let hosted = flow.client_with(&["https://hosted.example/cb"], true).await;
    // Two that are seen after the rotation, one of them by its refresh token alone; two that are not.
    let (seen, refreshed, unseen) =
        (flow.tokens(&client).await, flow.tokens(&client).await, flow.tokens(&hosted).await);
    let far = elsewhere.tokens(&elsewhere.client().await).await;

    let pepper = rotate(&app, KeyKind::Pepper).await;
    assert!(flow.accepts(&seen.access).await);
    let seen = Tokens { refresh: refresh(&flow, &client, &seen.refresh).await.refresh, ..seen };
    let fresh = refresh(&flow, &client, &refreshed.refresh).await;
    assert!(flow.accepts(&unseen.access).await && elsewhere.accepts(&far.access).await, "and moved, in their caches");
    let emptied = async {
        // What was accepted moves in the background; `refreshed.access` was not presented.
        while counts(&held(&app, KeyKind::Pepper, &pepper.old).await)[0] != ("access_token", 1, 0) {}
    };
    tokio::time::timeout(super::LONG, emptied).await.unwrap();

    let said =
        would_end(&app.app.store, &app.app.keyring, &app.recorder(), (KeyKind::Pepper, &pepper.old)).await.unwrap();
    let expected = [
        ("access_token", 1, 0),
        ("authorization_code", 0, 4),
        ("client_secret", 1, 0),
        ("refresh_token", 2, 0),
        ("session", 2, 0),
    ];
    assert_eq!(counts(&said), expected);
    let done = retired(&app, &app.app.keyring, KeyKind::Pepper, &pepper.old, true).await.unwrap();
    assert_eq!(counts(&done.ended), expected);

    // What had moved in families that live goes on.
    assert!(flow.accepts(&seen.access).await && flow.accepts(&fresh.access).await);
    refresh(&flow, &client, &seen.refresh).await;
    refresh(&flow, &client, &fresh.refresh).await;
    // A family whose refresh token had not moved ends whole, its access token in the cache included.
    for (flow, tokens) in [(&flow, &unseen), (&elsewhere, &far), (&flow, &refreshed)] {
        assert!(!flow.accepts(&tokens.access).await);
    }
    assert_eq!(
        oauth_error(flow.refresh(&hosted, &unseen.refresh).await).await,
        (401.try_into().unwrap(), "invalid_client".to_owned())
    );
    assert_ne!(flow.get("/t/acme/account").await.status(), 200, "logged out");
    assert!(!app.app.keyring.has(KeyKind::Pepper, &pepper.old));

    let events = app.app.store.audit_recent(tenant.id, 1000).await.unwrap();
    let of = |kind: &str| events.iter().filter(|event| event.kind == kind).map(|event| &event.body).collect::<Vec<_>>();
    assert_eq!(of("family.revoked").len(), 1);
    assert_eq!(of("family.revoked")[0]["reason"], "key_retired");
    let ended = json!({
        "key_id": pepper.old, "access_tokens": 1, "authorizations": 6, "sessions": 1, "client_secrets": 1,
        "server_secrets": 0, "registration_tokens": 0, "initial_access_tokens": 0, "links": 0, "recovery_codes": 0,
        "api_tokens": 0,
    });
    assert_eq!(of("handles.ended"), [&ended]);
    let retired = json!({ "key_kind": "pepper", "key_id": pepper.old, "forced": true });
    assert_eq!(platform_events(&app, "key.retired").await, [retired]);
}

/// What a wrong clock, or a count that forgot something, did not count.
#[tokio::test]
async fn by_force_every_process_hears_of_it_whatever_was_counted() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let tokens = flow.tokens(&flow.client().await).await;
    let pepper = rotate(&app, KeyKind::Pepper).await;
    let uncounted = "create or replace function key_values(at timestamptz)
        returns table (kind text, key_id text, what text, live bigint, spent bigint)
        language sql as $$ select '', '', '', 0::bigint, 0::bigint where false $$";
    sqlx::query(uncounted).execute(&app.db.owner).await.unwrap();
    assert!(retired(&app, &app.app.keyring, KeyKind::Pepper, &pepper.old, true).await.unwrap().ended.is_empty());
    assert!(!flow.accepts(&tokens.access).await);
    let entries = app.app.store.authority_after(0).await.unwrap();
    assert_eq!(entries.last().unwrap().entry, "tenant");
    let families = "select count(*) from family where revoked_at is null";
    assert_eq!(sqlx::query_scalar::<_, i64>(families).fetch_one(&app.db.owner).await.unwrap(), 0);
}

async fn refresh(flow: &Flow<'_>, client: &TestClient, token: &str) -> Tokens {
    let answer = flow.refresh(client, token).await;
    assert_eq!(answer.status(), 200);
    Tokens::read(&answer.json().await.unwrap())
}

#[tokio::test]
async fn a_key_encryption_key_by_force_gives_every_tenant_keys_that_sign() {
    let world = World::start().await;
    let app = &world.app;
    let token = world.token(&BOTH).await;
    assert_eq!(world.call(&token).send().await.unwrap().status(), 200);
    let before = world.upstream.last().jwt().to_owned();
    let kek = rotate(app, KeyKind::Kek).await;
    let done = retired(app, &app.app.keyring, KeyKind::Kek, &kek.old, true).await.unwrap();
    assert_eq!(counts(&done.ended), [("signing_key", 2, 0)]);
    assert_eq!(held(app, KeyKind::Kek, &kek.old).await, []);

    assert_eq!(world.call(&token).send().await.unwrap().status(), 200);
    let kid = |jwt: &str| jsonwebtoken::decode_header(jwt).unwrap().kid.unwrap();
    assert_ne!(kid(world.upstream.last().jwt()), kid(&before));
    let url = format!("{}/jwks.json", world.tenant.issuer);
    let keys: Value = app.browser().get(url).send().await.unwrap().json().await.unwrap();
    let kids: Vec<&str> = keys["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap()).collect();
    assert_eq!(kids.len(), 2);
    assert!(kids.contains(&kid(world.upstream.last().jwt()).as_str()) && !kids.contains(&kid(&before).as_str()));
}

/// The key file is gone, and there is no copy: with another one everything begins anew, and nothing old opens.
#[tokio::test]
async fn a_lost_key_file_is_mended_by_force_key_by_key() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    let tokens = flow.tokens(&client).await;
    let lost: Vec<(KeyKind, String)> = KeyKind::ALL.map(|kind| (kind, app.app.keyring.in_use(kind))).into();

    let other = KeyFile::parse(&generate_key_file(&app.app.entropy).unwrap()).unwrap();
    let keyring = other.keyring().unwrap();
    let refused = app.app.store.check_keys(&keyring, &app.recorder()).await.unwrap_err().to_string();
    assert!(refused.contains("the key file lacks the"), "{refused}");
    for (kind, id) in &lost {
        let unforced = retired(&app, &keyring, *kind, id, false).await.unwrap_err();
        assert!(unforced.contains("is in use"), "{unforced}");
        let done = retired(&app, &keyring, *kind, id, true).await.unwrap();
        assert_eq!(done.replaced_by, Some(keyring.in_use(*kind)));
        assert!(retired(&app, &keyring, *kind, id, true).await.unwrap().already);
    }
    let there = app.sibling_with(&other.render()).await;
    assert_eq!(there.tenant("acme").await.unwrap().unwrap().signing.published().len(), 2);
    // The process that still has the old keys makes nothing more with them.
    let handle = Handle::parse(HandleKind::AccessToken, &tokens.access).unwrap();
    assert!(app.app.node.admit(tenant.id, &app.app.keyring.current_hash(tenant.id, &handle)).is_none());
    assert_eq!(flow.refresh(&client, &tokens.refresh).await.status(), 503, "no word that a client acts on");
    let reasons: Vec<String> =
        sqlx::query_scalar("select revoke_reason from family").fetch_all(&app.db.owner).await.unwrap();
    assert_eq!(reasons, ["key_retired"]);
    let in_use = platform_events(&app, "key.in_use").await;
    for kind in KeyKind::ALL {
        let event = json!({ "key_kind": kind.name(), "key_id": keyring.in_use(kind) });
        assert!(in_use.contains(&event), "{in_use:?}");
    }
    assert_eq!(in_use.len(), 8);
}

/// Whoever adds a column for a hash or a sealed value counts it, too: an uncounted one would die unseen.
#[tokio::test]
async fn every_column_that_names_a_key_is_counted_and_fenced() {
    let app = TestApp::start().await;
    let columns: Vec<(String, String)> = sqlx::query_as(
        "select table_name::text, column_name::text from information_schema.columns
          where table_schema = 'public' and (column_name like '%pepper_id' or column_name like '%kek_id') order by 1, 2",
    )
    .fetch_all(&app.db.owner)
    .await
    .unwrap();
    assert!(columns.len() >= 9, "{columns:?}");
    let body: String = sqlx::query_scalar(
        "select string_agg(prosrc, ' ') from pg_proc where proname in ('key_values', 'server_secret_values', 'person_link_values',
            'identity_provider_values', 'second_factor_values', 'api_token_values')",
    )
    .fetch_one(&app.db.owner)
    .await
    .unwrap();
    for (table, column) in &columns {
        let counted = format!(" {table} ");
        assert!(
            body.contains(&counted) && body.contains(column.as_str()),
            "key_values does not count {table}.{column}"
        );
        let fenced: i64 = sqlx::query_scalar(
            "select count(*) from pg_trigger t join pg_proc p on p.oid = t.tgfoid
              where t.tgrelid = $1::regclass and p.proname like '%_fence'",
        )
        .bind(table)
        .fetch_one(&app.db.owner)
        .await
        .unwrap();
        assert_eq!(fenced, 1, "nothing keeps values from being stored in {table}.{column} under a retired key");
    }
}
