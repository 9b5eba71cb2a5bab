//! Commands on a machine whose clock is wrong.

use super::grant::Site;
use crate::harness::flow::Flow;

/// Lets the database's clock be so much behind, as far as commands can see.
async fn database_is_behind(site: &Site, interval: &str) {
    let mut superuser = site.app.db.superuser().await;
    let clock = format!(
        "create schema odd;
         grant usage on schema odd to public;
         create function odd.clock_timestamp() returns timestamptz language sql volatile as
             $$ select pg_catalog.clock_timestamp() - interval '{interval}' $$;
         alter database {} set search_path = odd, pg_catalog, public",
        site.app.db.name
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(clock)).execute(&mut superuser).await.unwrap();
}

/// By a clock that is a year ahead every token has expired, and a pepper holds nothing.
#[tokio::test]
async fn a_command_that_goes_by_a_wrong_clock_changes_nothing_unless_it_takes_away() {
    let site = Site::new().await;
    let acme = site.app.tenant("acme").await;
    let flow = Flow::new(&site.app, &acme);
    let tokens = flow.tokens(&flow.client().await).await;
    database_is_behind(&site, "1 year").await;

    let pepper = site.app.app.keyring.in_use(sallyport::keys::KeyKind::Pepper);
    for args in [
        &["keys", "list"][..],
        &["keys", "retire", "pepper", &pepper, "--force", "--yes"],
        &["keys", "rotate", "signing", "--now"],
        &["person", "password", "ada", "--tenant", "acme"],
        &["grant", "list", "--tenant", "acme"],
    ] {
        let said = site.run(args);
        assert_eq!((said.code, said.out.as_str()), (1, ""), "{args:?}: {}", said.err);
        assert!(said.err.contains("clock") && said.err.contains("differ by 31"), "{args:?}: {}", said.err);
    }
    assert!(flow.accepts(&tokens.access).await);

    for (args, done) in [
        (&["grant", "revoke", "--all", "--tenant", "acme", "--yes"][..], "Revoked 1 grant "),
        (&["person", "disable", "ada", "--tenant", "acme"], "disabled ada"),
    ] {
        let said = site.run(args);
        assert_eq!(said.code, 0, "{}", said.err);
        assert!(said.out.starts_with(done) && said.err.contains("differ by 31"), "{} {}", said.out, said.err);
    }
    assert!(!flow.accepts(&tokens.access).await);
}

#[tokio::test]
async fn clocks_that_differ_a_little_are_good_enough() {
    let site = Site::new().await;
    site.app.tenant("acme").await;
    database_is_behind(&site, "20 seconds").await;
    let said = site.run(&["grant", "list", "--tenant", "acme"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{}", said.out);
}
