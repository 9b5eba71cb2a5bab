//! One request, and a look at all that comes of it.

use reqwest::Response;
use serde_json::{Value, json};
use sqlx::{PgPool, Row as _};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{
    super::{
        message,
        model::{Asked, Fate, Model, Presented, SERVERS, Verdict},
        request::{Request, Verb, What},
        same,
        wire::{self, Credentials},
    },
    SessionHere, World, resource,
};
use crate::gateway::{
    swap::verified_by,
    upstream::{Reply, Seen},
};

impl World<'_> {
    /// Sends a request, and sees that all that comes of it is what the model says.
    pub(in super::super) async fn ask(&mut self, model: &mut Model, request: &Request) -> Result<(), String> {
        let asked = model.choose(request);
        let verdict = model.judge(&asked);
        *self.setting.ends.lock().unwrap().entry(verdict.why).or_default() += 1;
        let reaches = matches!(verdict.fate, Fate::Reaches { .. });
        let begins = request.verb == Verb::Post && request.what == What::Initialize;
        let upstream_session = format!("upstream-{}", self.sessions.len());
        let (tell, mut at_arrival) = oneshot::channel();
        if reaches {
            let (owner, tenants) = (self.gateway.app.db.owner.clone(), self.tenant_ids());
            self.gateway.upstream.at_arrival(async move {
                tell.send(intents(&owner, &tenants).await).unwrap();
            });
            if begins {
                let result = Reply::json(200, &json!({"jsonrpc": "2.0", "id": 7, "result": {}}));
                self.gateway.upstream.reply(result.with("mcp-session-id", &upstream_session));
            }
        }
        let response = self.built(&asked).send().await.unwrap();

        let seen = self.gateway.upstream.seen_since(self.passed);
        if seen.len() != usize::from(reaches) {
            return Err(format!(
                "{} requests reached an upstream, status {}; {verdict:?}",
                seen.len(),
                response.status()
            ));
        }
        self.passed += seen.len();
        same("status", &response.status().as_u16(), &verdict.status)?;
        same("challenge", &response.headers().contains_key("www-authenticate"), &verdict.challenged)?;
        self.check_evidence(&asked, verdict, at_arrival.try_recv().ok()).await?;
        let session = session_of(&response);
        // To the end: a client that goes away is another story.
        response.bytes().await.map_err(|error| error.to_string())?;
        if let Some(seen) = seen.first() {
            self.check_passed(model, &asked, seen)?;
            self.jwt = seen.jwt().to_owned();
            if begins {
                let client = session.ok_or("no session")?;
                self.sessions.push(SessionHere { client, upstream: upstream_session });
                model.open_session(asked.server.ok_or("nowhere")?, model.family_of(asked.token));
            }
        }
        Ok(())
    }

    fn built(&self, asked: &Asked) -> reqwest::RequestBuilder {
        let nowhere = || resource(&self.tenants[0].tenant, "nowhere");
        let url = asked.server.map_or_else(nowhere, |at| self.servers[at].server.resource.clone());
        let credentials = Credentials {
            token: &self.tokens[asked.token],
            jwt: &self.jwt,
            never_issued: &self.never_issued,
            refresh_token: &self.refresh_token,
        };
        let session = match asked.session {
            Presented::Nothing => None,
            Presented::Session(at) => Some(self.sessions[at].client.as_str()),
            Presented::MadeUp => Some("made-up"),
        };
        let gateway = self.gateway;
        wire::built(&gateway.http, &url, &gateway.app.base, &asked.request, &credentials, session)
    }

    fn tenant_ids(&self) -> Vec<Uuid> {
        self.tenants.iter().map(|here| here.tenant.id.0).collect()
    }

    /// That the event is there that the model says, by the time of the answer, and no other; and that of a call that changes
    /// something the intent was there when the call arrived.
    async fn check_evidence(&mut self, asked: &Asked, verdict: Verdict, at_arrival: Option<i64>) -> Result<(), String> {
        let query = "select id, kind, body from audit_event
                      where tenant = any ($1) and kind like 'call.%' and kind <> 'call.outcome'";
        let owner = &self.gateway.app.db.owner;
        let rows = sqlx::query(query).bind(self.tenant_ids()).fetch_all(owner).await.unwrap();
        let news: Vec<(String, Value)> = (rows.iter())
            .filter(|row| self.told.insert(row.get("id")))
            .map(|row| (row.get("kind"), row.get("body")))
            .collect();
        let kind = match verdict.fate {
            Fate::Reaches { .. } => "call.intent",
            Fate::Denied => "call.denied",
            Fate::Refused => "call.refused",
            Fate::NoCall => return same("events", &news, &vec![]),
        };
        let [(told, body)] = news.as_slice() else { return Err(format!("{} events: {news:?}", news.len())) };
        same("event", &told.as_str(), &kind)?;
        let request = &asked.request;
        let (method, name) = match request.verb {
            Verb::Get => ("GET", None),
            Verb::Delete => ("DELETE", None),
            _ => (request.what.method().unwrap_or("response"), request.what.name()),
        };
        let server = asked.server.map(|at| self.servers[at].server.id.0.to_string());
        same("method", &body["method"], &json!(method))?;
        same("name", &body["name"], &json!(name))?;
        same("era", &body["era"], &json!(if message::is_modern(request) { "modern" } else { "legacy" }))?;
        same("server", &body["server"], &json!(server))?;
        let Fate::Reaches { read_only } = verdict.fate else {
            return same("status told", &body["status"], &json!(verdict.status));
        };
        same("read-only", &body["read_only"], &json!(read_only))?;
        let before = at_arrival.ok_or("nobody looked when the call arrived")?;
        self.intents += 1;
        if before < self.intents && !read_only {
            return Err("the call arrived before its intent was on the disk".to_owned());
        }
        Ok(())
    }

    /// That what reached the upstream is what was asked for, by Sallyport's own credential for what the token may do.
    fn check_passed(&self, model: &Model, asked: &Asked, seen: &Seen) -> Result<(), String> {
        let at = asked.server.ok_or("nowhere")?;
        let (server, tenant, request) = (&self.servers[at], &self.tenants[SERVERS[at]], &asked.request);
        let body = if request.verb == Verb::Post { wire::body(request) } else { String::new() };
        let session = match asked.session {
            Presented::Session(at) if !message::is_modern(request) => Some(self.sessions[at].upstream.as_str()),
            _ => None,
        };
        let begins = request.verb == Verb::Post && request.what == What::Initialize;
        same("target", &seen.target, &server.path)?;
        same("body", &seen.body.as_ref(), &body.as_bytes())?;
        same("session", &seen.header("mcp-session-id"), &session.filter(|_| !begins))?;
        let credentials: Vec<_> = seen.headers.get_all("authorization").iter().collect();
        same("credentials", &credentials.len(), &1)?;
        let (_, claims) = verified_by(&tenant.keys, &tenant.tenant.issuer, seen.jwt(), &server.audience);
        same("scope", &claims["scope"], &json!(model.held(asked.token).names().join(" ")))?;
        let token = self.tokens[asked.token].strip_prefix("sp_at_").ok_or("no token")?;
        if format!("{seen:?}").contains(token) {
            Err("the client's token reached the upstream".to_owned())
        } else {
            Ok(())
        }
    }
}

async fn intents(owner: &PgPool, tenants: &[Uuid]) -> i64 {
    let query = "select count(*) from audit_event where tenant = any ($1) and kind = 'call.intent'";
    sqlx::query_scalar(query).bind(tenants).fetch_one(owner).await.unwrap()
}

fn session_of(response: &Response) -> Option<String> {
    Some(response.headers().get("mcp-session-id")?.to_str().ok()?.to_owned())
}
