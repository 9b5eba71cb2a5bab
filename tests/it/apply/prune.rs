//! Pruning removes what `apply` made, where it may, and nothing else.

use sallyport::{
    apply::{Action, Plan, Prune},
    people::{self, NewPerson, Username},
};

use super::{Bench, whole::ACME};

const BARE: &str = "[[tenant]]\nslug = \"acme\"\nname = \"Acme\"\n";
const BETA: &str = "[[tenant]]\nslug = \"beta\"\nname = \"Beta\"\n[[tenant.person]]\nusername = \"bob\"\n";

impl Bench {
    async fn prune(&self, text: &str, prune: Prune) -> Vec<String> {
        removed(&self.apply_pruning(text, prune).await.unwrap().0)
    }

    async fn by_hand(&self, tenant: &str, username: &str) {
        let mut tx = self.store.tenant_tx(self.tenant_id(tenant).await).await.unwrap();
        let new = NewPerson { username: Username::parse(username).unwrap(), display_name: None, password: None };
        people::create(&mut tx, &self.recorder, new).await.unwrap();
        tx.commit().await.unwrap();
    }
}

fn removed(plan: &Plan) -> Vec<String> {
    let removed = plan.changes.iter().filter(|change| change.action == Action::Remove);
    removed.map(|change| format!("{} {}", change.kind.name(), change.name)).collect()
}

#[tokio::test]
async fn nothing_is_removed_without_prune() {
    let bench = Bench::new().await;
    bench.apply(&format!("{ACME}{BETA}")).await;
    let before = bench.dump().await;
    let bare = format!("{BARE}[tenant.settings]\ndefault_server = \"github\"\n");
    assert!(bench.apply(&bare).await.is_empty());
    assert_eq!(bench.dump().await, before);
}

#[tokio::test]
async fn prune_removes_what_the_file_does_not_name_any_more() {
    let bench = Bench::new().await;
    bench.apply(&format!("{ACME}{BETA}")).await;
    let gone = bench.prune(BARE, Prune::Objects).await;
    assert_eq!(gone, ["server acme/github", "server acme/notes", "person acme/ada", "client acme/web"]);
    let kept = "select (select count(*) from server where status <> 'removed') + (select count(*) from client where status <> 'removed')
                     + (select count(*) from person where status <> 'removed')";
    assert_eq!(bench.count(kept).await, 1, "beta's bob, whose tenant the file does not name");
    assert_eq!(
        bench.count("select count(*) from person where status = 'removed' and password_hash is not null").await,
        0
    );
    assert!(bench.prune(BARE, Prune::Objects).await.is_empty());
    let events = bench.events().await;
    assert_eq!(events.iter().filter(|(_, change)| change == "removed").count(), 4);
}

#[tokio::test]
async fn prune_leaves_what_apply_did_not_make() {
    let bench = Bench::new().await;
    bench.apply(ACME).await;
    bench.by_hand("acme", "grace").await;
    // Changing somebody is not making them.
    let with_grace = format!("{ACME}[[tenant.person]]\nusername = \"Grace\"\ndisplay_name = \"Grace Hopper\"\n");
    bench.apply(&with_grace).await;
    assert!(bench.prune(ACME, Prune::ObjectsAndTenants).await.is_empty());
    assert_eq!(bench.count("select count(*) from person where status = 'active'").await, 2);
}

#[tokio::test]
async fn tenants_need_a_second_word() {
    let bench = Bench::new().await;
    bench.apply(&format!("{ACME}{BETA}")).await;
    assert!(bench.prune(ACME, Prune::Objects).await.is_empty());
    assert_eq!(bench.prune(ACME, Prune::ObjectsAndTenants).await, ["tenant beta"]);
    assert_eq!(bench.tenant("beta").await.status, "removed");
    assert!(bench.prune(ACME, Prune::ObjectsAndTenants).await.is_empty());
    // Its issuer is never another's.
    let error = bench.apply_pruning(BETA, Prune::Nothing).await.unwrap_err().to_string();
    assert!(error.contains("tenant beta: was removed"), "{error}");
}

#[tokio::test]
async fn what_comes_back_has_lost_its_grants_sessions_and_password() {
    let bench = Bench::new().await;
    bench.scratch.write("password", "the old password");
    let ada = ACME.replace("username = \"ada\"", "username = \"ada\"\npassword = { file = \"password\" }");
    bench.apply(&ada).await;
    for statement in [
        "insert into access_grant (tenant, id, subject, person, client, server, scopes, created_at)
         select p.tenant, p.id, 'person:' || p.id, p.id, c.id, s.id, '{mcp:read}', now()
           from person p, client c, server s where s.slug = 'github'",
        "insert into consent (tenant, person, client, server, redirect_key, scopes, display_digest, client_name, redirect_uris, given_at)
         select tenant, person, client, server, '', scopes, '', '', '{}', now() from access_grant",
        "insert into session (tenant, id, hash, pepper_id, person, amr, auth_time, expires_at)
         select tenant, id, 'h', 'p', id, '{}', now(), now() from person",
        "insert into person_link (tenant, id, hash, pepper_id, person, purpose, created_at, expires_at)
         select tenant, id, 'h', 'p', id, 'reset', now(), now() from person",
        "insert into api_token (tenant, id, hash, pepper_id, person, note, rights, created_at, expires_at)
         select tenant, id, 'h', 'p', id, 'n', '{*:read}', now(), now() from person",
        "insert into identity_provider (tenant, id, slug, name, issuer, client_id, auth_method, created_at)
         select tenant, id, 'idp', 'i', 'https://idp.example', 'c', 'none', now() from person",
        "insert into person_identity (tenant, provider, subject, person, linked_at) select tenant, id, 's', id, now() from person",
        "insert into person_totp (tenant, person, kek_id, sealed, last_step, created_at) select tenant, id, 'k', 's', 1, now() from person",
        "insert into recovery_code (tenant, person, hash, pepper_id, created_at) select tenant, id, 'h', 'p', now() from person",
        "insert into passkey (tenant, id, person, credential, public_key, alg, sign_count, backed_up, transports, name, created_at)
         select tenant, id, id, 'c', 'k', -7, 0, false, '{}', 'n', now() from person",
    ] {
        sqlx::query(statement).execute(&bench.db.owner).await.unwrap();
    }
    let id = "select id from person";
    let before: uuid::Uuid = sqlx::query_scalar(id).fetch_one(&bench.db.owner).await.unwrap();
    bench.prune(BARE, Prune::Objects).await;
    assert_eq!(
        bench.apply(ACME).await.summary(),
        "1 to create, 1 to change; 0 stay as they are".replace("1 to create", "4 to create")
    );
    let after: uuid::Uuid = sqlx::query_scalar(id).fetch_one(&bench.db.owner).await.unwrap();
    assert_eq!(after, before);
    for left in [
        "select count(*) from access_grant where revoked_at is null",
        "select count(*) from consent where voided_at is null",
        "select count(*) from session where ended_at is null",
        "select count(*) from person where password_hash is not null",
        "select count(*) from person_link",
        "select count(*) from api_token",
        "select count(*) from person_identity",
        "select count(*) from person_totp",
        "select count(*) from recovery_code",
        "select count(*) from passkey",
    ] {
        assert_eq!(bench.count(left).await, 0, "{left}");
    }
    assert!(bench.apply(ACME).await.is_empty());
    assert_eq!(bench.prune(BARE, Prune::Objects).await.len(), 4, "apply made them again");
}
