//! Login through a real identity provider, in a real browser.

use rcgen::{CertifiedKey, generate_simple_self_signed};

use super::{New, pictures};
use crate::{
    clients::real::{free_port, program},
    harness::{db::TestDb, process, scratch::Scratch},
};

const PASSWORD: &str = "seven green umbrellas";

/// A tenant whose people come from that provider: those of its own domain, and whoever linked an account there.
fn document(issuer: &str) -> String {
    let provider = |slug: &str, name: &str, settings: &str| {
        format!(
            "[[tenant.provider]]\nslug = \"{slug}\"\nname = \"{name}\"\nissuer = \"{issuer}\"\nclient_id = \"{slug}\"\n\
             auth_method = \"client_secret_post\"\nclient_secret = {{ file = \"secret\" }}\nsettings = {{ scopes = [\"profile\", \"email\", \
             \"groups\"], {settings} }}\n"
        )
    };
    let roles = "roles = [{ claim = \"groups\", value = \"ops\", role = \"administrator\" }]";
    let staff = format!("accounts = \"create\", email_domains = [\"northwind.example\"], {roles}");
    format!(
        "[[tenant]]\nslug = \"northwind\"\nname = \"Northwind\"\n\
         [[tenant.person]]\nusername = \"ada\"\npassword = {{ file = \"password\" }}\n\
         [[tenant.server]]\nslug = \"tools\"\nname = \"Tools\"\nupstream = \"http://127.0.0.1:9/mcp\"\n{}{}",
        provider("staff", "Northwind staff", &staff),
        provider("guests", "Northwind guests", "accounts = \"known\""),
    )
}

/// Accounts, roles, logout and failures, at oidc-provider and in Chromium, and what the log says of it.
#[tokio::test(flavor = "multi_thread")]
async fn people_come_and_go_through_a_real_identity_provider() {
    let scratch = Scratch::new();
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let certificate = scratch.write("idp.pem", &cert.pem());
    let key = scratch.write("idp-key.pem", &signing_key.serialize_pem());
    let (certificate, key) = (certificate.to_str().unwrap(), key.to_str().unwrap());
    let port = free_port().to_string();
    let db = TestDb::new().await;
    let own = [("SALLYPORT_UNTRUSTED__ALLOW_NETWORKS", "127.0.0.0/8"), ("SALLYPORT_UNTRUSTED__CA_FILE", certificate)];
    let new = New::start_with(&db, &own).await;
    scratch.write("password", PASSWORD);
    scratch.write("secret", "the secret of the gateway at the provider");
    let file = scratch.write("northwind.toml", &document(&format!("https://127.0.0.1:{port}")));
    let variables: Vec<(&str, &str)> = new.variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let said = process::run(&["apply", file.to_str().unwrap()], &variables);
    assert_eq!(said.code, 0, "{} {}", said.out, said.err);

    let issuer = format!("{}/t/northwind", new.origin);
    let pictures = pictures("identity");
    let arguments = ["../browser/identity.mjs", &issuer, &port, certificate, key, pictures.to_str().unwrap()];
    let mut command = program(&arguments);
    let output = command.env("SALLYPORT_USERNAME", "ada").env("SALLYPORT_PASSWORD", PASSWORD).output().unwrap();
    let steps = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{steps}{}", String::from_utf8_lossy(&output.stderr));

    // Whom it refused is written down once a minute, and at the end.
    new.stop();
    let count = async |what: &str| -> i64 {
        let count = format!("select count(*) from audit_event where {what}");
        sqlx::query_scalar(sqlx::AssertSqlSafe(count)).fetch_one(&db.owner).await.unwrap()
    };
    for (what, least) in [
        ("kind = 'login.succeeded' and body ? 'provider'", 8),
        ("kind = 'identity.linked' and (body ->> 'created')::boolean", 2),
        ("kind = 'identity.linked' and not (body ->> 'created')::boolean", 1),
        ("kind = 'identity.unlinked'", 1),
        ("kind = 'provider.logged_out' and (body ->> 'sessions')::int = 1 and (body ->> 'grants')::int = 1", 1),
        ("kind = 'grant.revoked' and body ->> 'reason' = 'provider_logout'", 1),
        ("kind = 'provider.refused' and body ->> 'reason' = 'account'", 1),
        ("kind = 'provider.refused' and body ->> 'reason' = 'error'", 1),
        ("kind = 'provider.refused' and body ->> 'reason' = 'state'", 1),
        ("kind = 'provider.refused' and body ->> 'reason' = 'iss'", 1),
        ("kind = 'provider.refused' and body ->> 'reason' = 'unreachable'", 1),
    ] {
        assert!(count(what).await >= least, "{what}: {}", count(what).await);
    }
    // What the provider calls people is in no event.
    let personal = "kind <> 'admin.changed' and (body::text like '%sub-%' or body::text like '%northwind.example%')";
    assert_eq!(count(personal).await, 0);
}
