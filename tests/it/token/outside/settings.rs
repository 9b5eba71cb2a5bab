//! `[[tenant.server.issuer]]`: what `apply` reads, writes and refuses.

use sallyport::apply::{self, Document, Prune, ReadContext};

use super::Outside;
use crate::harness::scratch::Scratch;

fn document(outside: &Outside, lines: &str) -> Result<Document, Vec<String>> {
    let text = format!(
        "[[tenant]]\nslug = \"acme\"\nname = \"Tenant acme\"\n[[tenant.server]]\nslug = \"tools\"\nupstream = \"{}\"\n{lines}",
        outside.world.upstream.url
    );
    let directory = Scratch::new();
    let public_url = &outside.world.app.app.config.public_url;
    let context = ReadContext { file: "acme.toml", directory: &directory.path(""), public_url };
    Document::read(&text, context)
        .map_err(|mistakes| mistakes.problems.into_iter().map(|problem| problem.message).collect())
}

async fn run(outside: &Outside, lines: &str) -> String {
    let document = document(outside, lines).unwrap();
    let app = &outside.world.app.app;
    let recorder = outside.world.app.recorder();
    let tools = apply::Tools { store: &app.store, keyring: &app.keyring, hasher: &app.passwords, recorder: &recorder };
    let (plan, ticket) = apply::run(tools, &document, Prune::Nothing).await.unwrap();
    if let Some(ticket) = ticket {
        app.node.settle(ticket).await.unwrap();
    }
    plan.to_string()
}

#[tokio::test]
async fn what_the_file_says_is_what_is_trusted() {
    let outside = Outside::start().await;
    outside.trust(&[]).await;
    let lines = format!(
        "[[tenant.server.issuer]]\nissuer = \"{}\"\nscope_map = {{ \"mcp:write\" = [\"mcp:write\"] }}\n",
        outside.issuer.name
    );
    let plan = run(&outside, &lines).await;
    assert!(plan.contains(&format!("issuer {}", outside.issuer.name)) && plan.contains("scope_map"), "{plan}");
    let jwt = outside.token();
    assert_eq!(outside.status(&jwt).await, 200);
    assert_eq!(outside.upstream_claims()["scope"], "mcp:write");
    assert!(!run(&outside, &lines).await.contains("issuer"), "nothing to do");
    // Whom the file does not name any more is not trusted any more, and what came of its tokens has ended.
    run(&outside, "").await;
    outside.refused(&jwt).await;
    assert_eq!(
        outside.count("select count(*) from access_grant where revoked_at is null and subject like 'issuer:%'").await,
        0
    );
    assert_eq!(outside.count("select count(*) from audit_event where kind = 'grant.revoked'").await, 1);
    run(&outside, &lines).await;
    assert_eq!(outside.refused(&jwt).await, "the access token was revoked");
}

#[tokio::test]
async fn what_cannot_be_trusted_is_refused() {
    let outside = Outside::start().await;
    let ours = outside.world.tenant.issuer.clone();
    let other = format!("{}/t/acme/mcp/other", outside.world.app.base);
    for (lines, word) in [
        ("", "issuer"),
        ("issuer = \"http://login.example\"", "https"),
        (&*format!("issuer = \"{}\"", ours.replace("http:", "https:")), "below Sallyport's own address"),
        ("issuer = \"https://login.example\"\naudience = \"x\"", "audience"),
        ("issuer = \"https://login.example\"\nalgorithms = [\"HS256\"]", "algorithms"),
        ("issuer = \"https://login.example\"\nalgorithms = [\"none\"]", "none"),
        ("issuer = \"https://login.example\"\njwks_uri = \"http://login.example/keys\"", "jwks_uri"),
        (&*format!("issuer = \"https://login.example\"\naudiences = [\"{other}\"]"), "another resource of ours"),
        ("issuer = \"https://login.example\"\nmax_lifetime = 0", "max_lifetime"),
    ] {
        let problems = document(&outside, &format!("[[tenant.server.issuer]]\n{lines}\n")).unwrap_err();
        assert!(problems.iter().any(|problem| problem.contains(word)), "{lines}: {problems:?}");
    }
    let twice = "[[tenant.server.issuer]]\nissuer = \"https://login.example\"\n".repeat(2);
    assert!(document(&outside, &twice).unwrap_err()[0].contains("twice"));
    assert!(document(&outside, "issuer = 1\n").is_err());
}

#[tokio::test]
async fn two_servers_never_share_an_audience_of_an_issuer() {
    let outside = Outside::start().await;
    let issuer = "[[tenant.server.issuer]]\nissuer = \"https://login.example\"\naudiences = [\"api\"]\n";
    let second =
        format!("{issuer}[[tenant.server]]\nslug = \"more\"\nupstream = \"http://127.0.0.1:9/more\"\n{issuer}");
    let document = document(&outside, &second).unwrap();
    let app = &outside.world.app.app;
    let recorder = outside.world.app.recorder();
    let tools = apply::Tools { store: &app.store, keyring: &app.keyring, hasher: &app.passwords, recorder: &recorder };
    let error = apply::run(tools, &document, Prune::Nothing).await.unwrap_err().to_string();
    assert!(error.contains("give each an audience of its own"), "{error}");
}
