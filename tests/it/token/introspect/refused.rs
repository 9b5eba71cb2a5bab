//! Who is not answered, and what is no question.

use std::time::Duration;

use reqwest::{RequestBuilder, StatusCode};
use sallyport::secret::{Entropy, Handle, HandleKind};

use super::{FORMS, asker, is_active_in_every_form, world};
use crate::{
    audit::{refusals_of, tally},
    gateway::world::BOTH,
    harness::{
        canary::Canaries,
        flow::{CALLBACK, Flow, oauth_error},
        introspect::{Asker, ENVELOPE, JWT},
        log::Log,
    },
};

async fn is_invalid_client(request: RequestBuilder) {
    let answer = request.send().await.unwrap();
    let challenge = answer.headers()["www-authenticate"].to_str().unwrap().to_owned();
    assert!(challenge.starts_with("Basic "), "{challenge}");
    assert_eq!(oauth_error(answer).await, (StatusCode::UNAUTHORIZED, "invalid_client".to_owned()));
}

#[tokio::test]
async fn whoever_is_not_a_server_with_its_secret_is_refused() {
    let (world, secret) = world().await;
    let asker = asker(&world, &secret);
    let token = world.token(&BOTH).await.text;
    let flow = Flow::new(&world.app, &world.tenant);
    let client = flow.client_with(&[CALLBACK], true).await;
    let client_secret = client.secret.clone().unwrap();
    let another = world.app.server_secret(world.tenant.id, world.tenant.server.id).await;
    let form = [("token", token.as_str())];
    let made_up = Handle::generate(HandleKind::ServerSecret, &Entropy::system()).unwrap();
    for (user, password) in [
        ("tools", made_up.expose()),
        ("tools", ""),
        ("tools", "secret"),
        ("tools", &*client_secret),
        ("tools", &another),
        ("tools", &token),
        ("nobody", &secret),
        ("TOOLS", &secret),
        ("demo", &secret),
        (&client.id, &client_secret),
        (&client.id, &secret),
        (&*world.server.resource.replace(':', "%3A"), &secret),
    ] {
        is_invalid_client(asker.bare(&form).basic_auth(user, Some(password))).await;
        is_invalid_client(asker.bare(&[("token", &token), ("client_id", user), ("client_secret", password)])).await;
    }
    is_invalid_client(asker.bare(&form)).await;
    is_invalid_client(asker.bare(&form).bearer_auth(&token)).await;
    is_invalid_client(asker.bare(&form).header("authorization", "Basic !!!")).await;
    is_invalid_client(asker.bare(&[("token", &token), ("client_id", "tools")])).await;
    // By the body is as good as by the header, and by both is neither.
    let posted = [("token", token.as_str()), ("client_id", "tools"), ("client_secret", &secret)];
    assert_eq!(asker.bare(&posted).send().await.unwrap().status(), 200);
    assert_eq!(asker.post(&posted).send().await.unwrap().status(), 400);
    let two = asker.post(&form).header("authorization", "Basic dG9vbHM6eA==");
    assert_eq!(two.send().await.unwrap().status(), 400);
}

/// A server's secret opens nothing where clients prove themselves.
#[tokio::test]
async fn a_server_is_no_client() {
    let (world, secret) = world().await;
    let flow = Flow::new(&world.app, &world.tenant);
    let client = flow.client_with(&[CALLBACK], true).await;
    for (id, endpoint) in [("tools", "token"), ("tools", "revoke"), (&*client.id, "token"), (&*client.id, "revoke")] {
        let url = format!("{}/{endpoint}", world.tenant.issuer);
        let form = [("grant_type", "refresh_token"), ("token", "x")];
        is_invalid_client(world.http.post(url).form(&form).basic_auth(id, Some(&secret))).await;
    }
}

#[tokio::test]
async fn a_server_of_another_tenant_is_nobody_here() {
    let (world, secret) = world().await;
    let other = world.app.tenant("other").await;
    world.app.server(other.id, "other", "tools", "http://127.0.0.1:9/mcp").await;
    let token = world.token(&BOTH).await.text;
    let asker = Asker { issuer: other.issuer, ..asker(&world, &secret) };
    is_invalid_client(asker.ask(&token, JWT)).await;
}

#[tokio::test]
async fn what_is_no_question_is_an_error() {
    let (world, secret) = world().await;
    let asker = asker(&world, &secret);
    let token = world.token(&BOTH).await.text;
    for form in [
        &[][..],
        &[("token", "")],
        &[("token", &*token), ("token", &token)],
        &[("token", &token), ("token_type_hint", "a"), ("token_type_hint", "b")],
        &[("token", &token), ("answer_in", "body"), ("answer_in", "body")],
        &[("token", &token), ("answer_in", "somewhere")],
    ] {
        let error = oauth_error(asker.post(form).send().await.unwrap()).await;
        assert_eq!(error, (StatusCode::BAD_REQUEST, "invalid_request".to_owned()), "{form:?}");
    }
    let url = format!("{}/introspect", world.tenant.issuer);
    let typed = world.http.post(&url).basic_auth("tools", Some(&secret)).json(&[("token", &token)]);
    assert_eq!(oauth_error(typed.send().await.unwrap()).await.0, StatusCode::BAD_REQUEST);
    for method in [reqwest::Method::GET, reqwest::Method::PUT, reqwest::Method::DELETE] {
        let request = world.http.request(method, format!("{url}?token={token}")).basic_auth("tools", Some(&secret));
        assert_eq!(request.send().await.unwrap().status(), 405);
    }
    let huge = "x".repeat(70_000);
    assert_eq!(asker.post(&[("token", &huge)]).send().await.unwrap().status(), 413);
    assert_eq!(
        world.http.post(world.app.url("/t/nobody/introspect")).form(&[("token", "x")]).send().await.unwrap().status(),
        404
    );
    // What nobody knows is ignored (RFC 6749 §3.1).
    let more = [("token", &*token), ("token_type_hint", "nonsense"), ("more", "1"), ("more", "2")];
    assert_eq!(asker.post(&more).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn whatever_is_no_token_is_inactive() {
    let (world, secret) = world().await;
    let asker = asker(&world, &secret);
    let token = world.token(&BOTH).await.text;
    let mut odd: Vec<String> =
        ["x", " ", "null", "sp_at_", "eyJhbGciOiJub25lIn0.e30.", "\u{e4}\u{1f600}", "%00", "' or 1=1 --", "../../etc"]
            .map(str::to_owned)
            .into();
    odd.extend([
        token.to_uppercase(),
        format!("{token}x"),
        format!(" {token}"),
        token[..53].to_owned(),
        "y".repeat(60_000),
    ]);
    let kinds = [HandleKind::AccessToken, HandleKind::RefreshToken, HandleKind::Code, HandleKind::ServerSecret];
    odd.extend(kinds.map(|kind| Handle::generate(kind, &Entropy::system()).unwrap().expose().to_owned()));
    odd.push(secret.clone());
    for text in odd {
        assert!(!is_active_in_every_form(&asker, &text).await, "{text}");
    }
    assert!(is_active_in_every_form(&asker, &token).await);
}

/// Unsure is an error, and never `active: false`: whoever is told that a token is dead throws it away.
#[tokio::test]
async fn while_the_store_is_away_nothing_is_said_of_a_token() {
    let (world, secret) = world().await;
    let asker = asker(&world, &secret);
    let (known, unknown) = (world.token(&BOTH).await.text, world.token(&BOTH).await.text);
    assert!(is_active_in_every_form(&asker, &known).await);
    world.change("alter function token_lookup rename to token_lookup_away").await;
    for form in FORMS {
        let answer = asker.ask(&unknown, form).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.headers()["retry-after"].as_bytes()), (503, &b"1"[..]), "{form}");
        let said = answer.text().await.unwrap();
        assert!(!said.contains("active") && said.contains("temporarily_unavailable"), "{said}");
    }
    // A wrong secret cannot be told from one that was stored anew.
    world.change("alter table server_secret rename to server_secret_away").await;
    let wrong = Handle::generate(HandleKind::ServerSecret, &Entropy::system()).unwrap();
    let asker = Asker { secret: wrong.expose().to_owned(), ..asker };
    assert_eq!(asker.ask(&known, JWT).send().await.unwrap().status(), 503);
}

#[tokio::test]
async fn refusals_are_counted_and_no_token_is_logged() {
    let log = Log::listen();
    let (world, secret) = world().await;
    let asker = asker(&world, &secret);
    let (own, elsewhere) =
        (world.token(&BOTH).await.text, world.token_for(&world.tenant, &world.tenant.server, &BOTH).await.text);
    let made_up = Handle::generate(HandleKind::AccessToken, &Entropy::system()).unwrap();
    let mut canaries = Canaries::default();
    for (name, text) in
        [("a token", &*own), ("another's", &elsewhere), ("noise", made_up.expose()), ("the secret", &secret)]
    {
        canaries.add(name, text);
    }
    let mut answers = String::new();
    for form in [FORMS[0], ENVELOPE, JWT] {
        for token in [&own, &elsewhere, made_up.expose(), &secret] {
            let answer = asker.ask(token, form).send().await.unwrap();
            answers += &format!("{:?} {}", answer.headers().clone(), answer.text().await.unwrap());
        }
    }
    let wrong = asker.bare(&[("token", &own)]).basic_auth("tools", Some(&elsewhere)).send().await.unwrap();
    answers += &wrong.text().await.unwrap();
    canaries.assert_absent("the answers", &answers);
    let counted = tally(&refusals_of(&world.app, world.tenant.id).await);
    let expected = [
        ("bearer.refused foreign", 3),
        ("bearer.refused resource", 3),
        ("bearer.refused unknown", 3),
        ("client.refused", 1),
    ];
    assert_eq!(counted, expected.map(|(what, count)| (what.to_owned(), count)).into());
    world.app.clock.advance(Duration::from_secs(1));
    let events: Vec<String> =
        sqlx::query_scalar("select body::text from audit_event").fetch_all(&world.app.db.owner).await.unwrap();
    canaries.assert_absent("the audit log", events.join("\n"));
    let text = log.text();
    assert!(text.contains("introspect"), "the log was heard");
    canaries.assert_absent("the log", text);
}
