//! Client credentials: machine clients that act for themselves, within what an administrator granted them.

use reqwest::StatusCode;
use sallyport::{
    apply::{self, Document, Prune, ReadContext, Tools},
    secret::{Entropy, Handle, HandleKind},
};
use serde_json::Value;

use crate::{
    gateway::world::{Token, World},
    harness::{
        app::TestApp,
        flow::{Flow, TestClient, oauth_error},
        scratch::Scratch,
    },
};

const BASIC: &str = "auth_method = \"client_secret_basic\"\nsecret = { file = \"secret\" }\n";

/// A world with a directory for files, and the secret that its machine clients share.
struct Machines {
    world: World,
    scratch: Scratch,
    secret: String,
}

impl Machines {
    async fn start() -> Self {
        let world = World::start().await;
        let scratch = Scratch::new();
        let secret = Handle::generate(HandleKind::ClientSecret, &Entropy::system()).unwrap().expose().to_owned();
        scratch.write("secret", &secret);
        Self { world, scratch, secret }
    }

    /// The file that describes the world, with a machine client that is granted `own`.
    fn file(&self, client: &str, own: &str) -> String {
        let upstream = &self.world.upstream.url;
        format!(
            "[[tenant]]\nslug = \"acme\"\nname = \"Tenant acme\"\n\
             [[tenant.server]]\nslug = \"tools\"\nname = \"Server tools\"\nupstream = \"{upstream}\"\naudience = \"{upstream}#tools\"\n\
             [[tenant.client]]\nid = \"{client}\"\nname = \"Nightly report\"\n{BASIC}{own}\n"
        )
    }

    async fn apply(&self, text: &str) -> Result<(), String> {
        let app = &self.world.app.app;
        let context =
            ReadContext { file: "acme.toml", directory: &self.scratch.path(""), public_url: &app.config.public_url };
        let document = Document::read(text, context).map_err(|mistakes| mistakes.to_string())?;
        let tools = Tools {
            store: &app.store,
            keyring: &app.keyring,
            hasher: &app.passwords,
            recorder: &self.world.app.recorder(),
        };
        let (_, ticket) =
            apply::run(tools, &document, Prune::Nothing).await.map_err(|error| format!("{error}: {error:?}"))?;
        if let Some(ticket) = ticket {
            app.node.settle(ticket).await.unwrap();
        }
        Ok(())
    }

    async fn granted(&self, own: &str) -> TestClient {
        self.apply(&self.file("report", own)).await.unwrap();
        self.client("report")
    }

    fn client(&self, id: &str) -> TestClient {
        TestClient { id: id.to_owned(), secret: Some(self.secret.clone()), redirect_uri: String::new() }
    }

    fn flow(&self) -> Flow<'_> {
        Flow::new(&self.world.app, &self.world.tenant)
    }

    async fn ask(&self, client: &TestClient, more: &[(&str, &str)]) -> reqwest::Response {
        let mut form = vec![("grant_type", "client_credentials"), ("resource", self.world.server.resource.as_str())];
        form.extend(more);
        self.flow().token(client, &form).await
    }

    async fn token(&self, client: &TestClient) -> Token {
        let response = self.ask(client, &[]).await;
        assert_eq!(response.status(), StatusCode::OK);
        let body: Value = response.json().await.unwrap();
        let text = body["access_token"].as_str().unwrap().to_owned();
        let family = "select id from family order by created_at desc, id desc limit 1";
        let family: uuid::Uuid = sqlx::query_scalar(family).fetch_one(&self.world.app.db.owner).await.unwrap();
        Token { text, family: sallyport::ids::FamilyId(family) }
    }

    async fn refused(&self, client: &TestClient, more: &[(&str, &str)]) -> (u16, String) {
        let (status, error) = oauth_error(self.ask(client, more).await).await;
        (status.as_u16(), error)
    }
}

fn own(scopes: &str) -> String {
    format!("client_credentials = [{{ server = \"tools\", scopes = [{scopes}] }}]")
}

const READ: &str = "\"mcp:read\"";
const BOTH: &str = "\"mcp:read\", \"mcp:write\"";

fn error(status: u16, error: &str) -> (u16, String) {
    (status, error.to_owned())
}

#[tokio::test]
async fn a_machine_client_calls_a_server_as_itself() {
    let machines = Machines::start().await;
    let client = machines.granted(&own(BOTH)).await;
    let response = machines.ask(&client, &[]).await;
    assert_eq!(response.headers()["cache-control"], "no-store");
    let body: Value = response.json().await.unwrap();
    assert_eq!((&body["token_type"], &body["scope"]), (&"Bearer".into(), &"mcp:read mcp:write".into()));
    assert!(body.get("refresh_token").is_none(), "it can ask again");
    let token = machines.token(&client).await;
    assert_eq!(machines.world.call(&token).send().await.unwrap().status(), 200);
    let jwt = machines.world.upstream.last().jwt().to_owned();
    let keys = machines.world.http.get(format!("{}/jwks.json", machines.world.tenant.issuer)).send().await.unwrap();
    let audience = format!("{}#tools", machines.world.upstream.url);
    let issuer = &machines.world.tenant.issuer;
    let (_, claims) = crate::gateway::swap::verified_by(&keys.json().await.unwrap(), issuer, &jwt, &audience);
    assert_eq!((&claims["sub"], &claims["client_id"]), (&"client:report".into(), &"report".into()));
    let events = machines.world.app.app.store.audit_recent(machines.world.tenant.id, 50).await.unwrap();
    let kinds: Vec<&str> = events.iter().map(|event| event.kind.as_str()).collect();
    for kind in ["grant.given", "token.issued", "call.intent"] {
        assert!(kinds.contains(&kind), "{kind} is missing in {kinds:?}");
    }
}

#[tokio::test]
async fn it_gets_what_it_was_granted_and_nothing_else() {
    let machines = Machines::start().await;
    let client = machines.granted(&own(READ)).await;
    let asked = async |scope: &str| {
        let body: Value = machines.ask(&client, &[("scope", scope)]).await.json().await.unwrap();
        body["scope"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(asked("mcp:read").await, "mcp:read");
    assert_eq!(asked(" ").await, "mcp:read", "blank is like absent");
    assert_eq!(machines.refused(&client, &[("scope", "mcp:write")]).await, error(400, "invalid_scope"));
    assert_eq!(machines.refused(&client, &[("scope", "mcp:read mcp:write")]).await, error(400, "invalid_scope"));
    assert_eq!(machines.refused(&client, &[("scope", "\u{1}")]).await, error(400, "invalid_scope"));
    assert_eq!(machines.refused(&client, &[("scope", "a"), ("scope", "b")]).await, error(400, "invalid_request"));
    assert_eq!(machines.refused(&client, &[("resource", "https://a.example/")]).await, error(400, "invalid_target"));
    let token = machines.token(&client).await;
    assert_eq!(machines.world.call(&token).send().await.unwrap().status(), 403, "echo needs mcp:write");
}

#[tokio::test]
async fn a_resource_is_named_or_there_is_a_default_one() {
    let machines = Machines::start().await;
    let client = machines.granted(&own(READ)).await;
    let form = [("grant_type", "client_credentials")];
    let refused = oauth_error(machines.flow().token(&client, &form).await).await;
    assert_eq!(refused, (StatusCode::BAD_REQUEST, "invalid_target".to_owned()));
    let other = format!("{}/t/acme/mcp/demo", machines.world.app.base);
    let form = [("grant_type", "client_credentials"), ("resource", other.as_str())];
    let refused = oauth_error(machines.flow().token(&client, &form).await).await;
    assert_eq!(refused, (StatusCode::BAD_REQUEST, "unauthorized_client".to_owned()), "granted on another server only");
    machines.world.app.settings(&machines.world.tenant, serde_json::json!({ "default_server": "tools" })).await;
    let form = [("grant_type", "client_credentials")];
    assert_eq!(machines.flow().token(&client, &form).await.status(), 200);
}

#[tokio::test]
async fn nobody_else_gets_a_token_so() {
    let machines = Machines::start().await;
    machines.granted(&own(READ)).await;
    let flow = machines.flow();
    let public = flow.client().await;
    assert_eq!(machines.refused(&public, &[]).await, error(400, "unauthorized_client"));
    let confidential = flow.client_with(&["https://client.example/callback"], true).await;
    assert_eq!(machines.refused(&confidential, &[]).await, error(400, "unauthorized_client"));
    let mut thief = machines.client("report");
    thief.secret = confidential.secret.clone();
    assert_eq!(machines.refused(&thief, &[]).await, error(401, "invalid_client"));
    thief.secret = None;
    assert_eq!(machines.refused(&thief, &[]).await, error(401, "invalid_client"));
    // What a person granted the confidential client is theirs, not the client's.
    let person = Flow::new(&machines.world.app, &machines.world.tenant);
    person.tokens(&confidential).await;
    let demo = [("grant_type", "client_credentials"), ("resource", machines.world.tenant.server.resource.as_str())];
    let refused = oauth_error(person.token(&confidential, &demo).await).await;
    assert_eq!(refused, (StatusCode::BAD_REQUEST, "unauthorized_client".to_owned()));
}

#[tokio::test]
async fn what_the_file_takes_back_is_gone_at_once() {
    let machines = Machines::start().await;
    let client = machines.granted(&own(BOTH)).await;
    let (wide, status) = (machines.token(&client).await, async |token: &Token| {
        machines.world.call(token).send().await.unwrap().status().as_u16()
    });
    assert_eq!(status(&wide).await, 200);
    machines.granted(&own(READ)).await;
    assert_eq!(status(&wide).await, 403, "the grant is narrower now, and the token with it");
    machines.granted(&own(BOTH)).await;
    assert_eq!(status(&wide).await, 200, "a token is what it was, within the grant");
    machines.granted("redirect_uris = [\"https://a.example/cb\"]").await;
    assert_eq!(status(&wide).await, 401);
    assert_eq!(machines.refused(&client, &[]).await, error(400, "unauthorized_client"));
    machines.granted(&own(BOTH)).await;
    assert_eq!(status(&wide).await, 401, "a grant that has ended does not come back");
    let again = machines.token(&client).await;
    assert_eq!(status(&again).await, 200);
    machines.apply(&(machines.file("report", &own(BOTH)) + "enabled = false\n")).await.unwrap();
    assert_eq!(status(&again).await, 401);
    assert_eq!(machines.refused(&client, &[]).await, error(400, "access_denied"));
}

#[tokio::test]
async fn a_revoked_token_is_dead_and_the_client_asks_again() {
    let machines = Machines::start().await;
    let client = machines.granted(&own(BOTH)).await;
    let (one, two) = (machines.token(&client).await, machines.token(&client).await);
    let revoked = machines.flow().client_post("revoke", &client, &[("token", &one.text)]).await;
    assert_eq!(revoked.status(), 200);
    assert_eq!(machines.world.call(&one).send().await.unwrap().status(), 401);
    assert_eq!(machines.world.call(&two).send().await.unwrap().status(), 200, "each request is a family of its own");
    machines.world.app.clock.advance(machines.world.app.app.config.tokens.access);
    assert_eq!(machines.world.call(&two).send().await.unwrap().status(), 401);
    assert_eq!(machines.world.call(&machines.token(&client).await).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn what_makes_no_sense_is_a_mistake_with_a_line() {
    let machines = Machines::start().await;
    let wrong = async |own: &str, says: &str| {
        let said = machines.apply(&machines.file("report", own)).await.unwrap_err();
        assert!(said.contains(says), "{said}");
    };
    wrong("client_credentials = [{ server = \"nowhere\", scopes = [\"mcp:read\"] }]", "nowhere, which is no server")
        .await;
    wrong(&own("\"admin\""), "the scope admin, which tools does not declare").await;
    wrong(&own(""), "scopes is empty").await;
    wrong("client_credentials = [{ server = \"tools\" }]", "scopes is required").await;
    wrong("client_credentials = [{ scopes = [\"mcp:read\"] }]", "server is required").await;
    machines.world.change("update server_scope set max_auth_age = 60 where name = 'mcp:write'").await;
    wrong(&own("\"mcp:write\""), "mcp:write, which wants a fresh login").await;
    let twice = format!("client_credentials = [{0}, {0}]", "{ server = \"tools\", scopes = [\"mcp:read\"] }");
    wrong(&twice, "names the server tools twice").await;
    wrong("", "redirect_uris is required").await;
    let public = machines.file("report", &own(READ)).replace(BASIC, "");
    assert!(machines.apply(&public).await.unwrap_err().contains("prove themselves"));
}

#[tokio::test]
async fn metadata_names_the_grant() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let url = app.url(&format!("/.well-known/oauth-authorization-server/t/{}", tenant.slug));
    let document: Value = app.http().get(url).send().await.unwrap().json().await.unwrap();
    let grants = document["grant_types_supported"].as_array().unwrap();
    assert!(grants.contains(&"client_credentials".into()), "{document}");
}
