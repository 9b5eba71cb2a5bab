//! Clients and people who change things, and try again with what they have whatever goes wrong.

use std::{
    collections::VecDeque,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use reqwest::{Client, header::LOCATION};
use serde_json::{Value, json};
use sqlx::PgPool;

use super::door::Door;
use crate::harness::{
    app::{TestApp, TestTenant},
    flow::{CALLBACK, Flow, hidden, query},
};

/// Between two tries: there are other tests on this machine.
const PAUSE: Duration = Duration::from_millis(25);

/// What one client holds, and knows to have happened.
struct Holder {
    client: String,
    refresh: String,
    /// To be revoked.
    access: Option<String>,
    /// How many different refresh tokens it was given.
    given: i64,
    /// How many of its access tokens were revoked.
    revoked: i64,
}

/// A consent page that waits for its answer.
struct Asked {
    client: String,
    verifier: String,
    browser: Client,
    csrf: String,
    interaction: String,
}

/// Who changes things, and what they know to have happened.
pub(super) struct Changes {
    tenant: String,
    resource: String,
    holders: Vec<Mutex<Holder>>,
    asked: Mutex<VecDeque<Asked>>,
    /// Kinds of events that must be there, and of which client.
    done: Mutex<Vec<(&'static str, String)>>,
    count: AtomicUsize,
}

impl Changes {
    /// With so many clients that renew and revoke their tokens, and so many consent pages to answer.
    pub(super) async fn prepare(app: &TestApp, tenant: &TestTenant, holders: usize, pages: usize) -> Self {
        let mut this = Self {
            tenant: format!("/t/{}", tenant.slug),
            resource: tenant.server.resource.clone(),
            holders: Vec::new(),
            asked: Mutex::default(),
            done: Mutex::default(),
            count: AtomicUsize::new(0),
        };
        for _ in 0..holders {
            let flow = Flow::new(app, tenant);
            let client = flow.client().await;
            let tokens = flow.tokens(&client).await;
            let (client, refresh) = (client.id, tokens.refresh);
            this.holders.push(Mutex::new(Holder { client, refresh, access: None, given: 0, revoked: 0 }));
        }
        for _ in 0..pages {
            let flow = Flow::new(app, tenant);
            let client = flow.client().await;
            let page = flow.consent_page(&flow.parameters(&client)).await;
            let (csrf, interaction) = (hidden(&page, "csrf"), hidden(&page, "interaction"));
            let Flow { http: browser, verifier, .. } = flow;
            this.asked.lock().unwrap().push_back(Asked { client: client.id, verifier, browser, csrf, interaction });
        }
        this
    }

    pub(super) fn holders(&self) -> usize {
        self.holders.len()
    }

    /// How much is known to have changed.
    pub(super) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Renews and revokes the tokens of one client until it is stopped.
    pub(super) async fn renew(&self, door: &Door, holder: usize) {
        loop {
            let (client, refresh, access) = {
                let holder = self.holders[holder].lock().unwrap();
                (holder.client.clone(), holder.refresh.clone(), holder.access.clone())
            };
            if let Some(access) = &access {
                let form = [("token", access.as_str()), ("client_id", &client)];
                if self.ask(door, "revoke", &form).await.is_some() {
                    let mut holder = self.holders[holder].lock().unwrap();
                    (holder.access, holder.revoked) = (None, holder.revoked + 1);
                }
            }
            let form = [("grant_type", "refresh_token"), ("refresh_token", &refresh), ("client_id", &client)];
            if let Some(body) = self.ask(door, "token", &form).await {
                let text = |name: &str| body[name].as_str().unwrap().to_owned();
                assert_ne!(text("refresh_token"), refresh);
                let mut holder = self.holders[holder].lock().unwrap();
                holder.refresh = text("refresh_token");
                holder.given += 1;
                // Half of them, so that revoking and renewing meet in all ways.
                holder.access = (holder.given % 2 == 0).then(|| text("access_token"));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Answers consent pages and redeems the codes until none is left or it is stopped.
    pub(super) async fn consent(&self, door: &Door) {
        loop {
            let Some(asked) = self.asked.lock().unwrap().pop_front() else { return };
            let fields = [
                ("csrf", asked.csrf.as_str()),
                ("interaction", &asked.interaction),
                ("decision", "approve"),
                ("scope", "mcp:read"),
            ];
            let answer = door.form(&asked.browser, &format!("{}/consent", self.tenant), &fields).send().await;
            let Some(answer) = answer.ok().filter(|answer| answer.status() == 303) else { continue };
            self.note("consent.given", &asked.client);
            self.note("code.issued", &asked.client);
            let code = query(answer.headers()[LOCATION].to_str().unwrap(), "code").expect("a code");
            let form = [
                ("grant_type", "authorization_code"),
                ("code", &code),
                ("code_verifier", &asked.verifier),
                ("redirect_uri", CALLBACK),
                ("resource", &self.resource),
                ("client_id", &asked.client),
            ];
            if self.ask(door, "token", &form).await.is_some() {
                self.note("token.issued", &asked.client);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Registers clients, within limits, until it is stopped.
    pub(super) async fn register(&self, door: &Door) {
        loop {
            let metadata = json!({ "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none" });
            let answer = door.post(&format!("{}/register", self.tenant)).json(&metadata).send().await;
            if let Some(answer) = answer.ok().filter(|answer| answer.status() == 201)
                && let Ok(body) = answer.json::<Value>().await
            {
                self.note("client.registered", body["client_id"].as_str().unwrap());
            }
            tokio::time::sleep(PAUSE * 8).await;
        }
    }

    fn note(&self, kind: &'static str, client: &str) {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.done.lock().unwrap().push((kind, client.to_owned()));
    }

    /// None: no answer, or a 503. Nothing else may come.
    async fn ask(&self, door: &Door, endpoint: &str, form: &[(&str, &str)]) -> Option<Value> {
        let response = door.post(&format!("{}/{endpoint}", self.tenant)).form(form).send().await.ok()?;
        let status = response.status();
        let text = response.text().await.ok()?;
        let body: Value = serde_json::from_str(&text).unwrap_or_default();
        match status.as_u16() {
            200 => {
                self.count.fetch_add(1, Ordering::Relaxed);
                Some(body)
            }
            503 => {
                assert_eq!(body["error"], "temporarily_unavailable");
                None
            }
            _ => panic!("{endpoint} answered {status}: {text}"),
        }
    }

    /// Returns when so much more has changed.
    pub(super) async fn more(&self, more: usize) {
        let goal = self.count() + more;
        self.until(|this| this.count() >= goal).await;
    }

    /// Returns when each kind of change was answered at least once.
    pub(super) async fn all_tried(&self) {
        self.until(Self::have_all_been_tried).await;
    }

    fn have_all_been_tried(&self) -> bool {
        let done = self.done.lock().unwrap();
        let kinds = ["consent.given", "code.issued", "token.issued", "client.registered"];
        kinds.iter().all(|kind| done.iter().any(|(done, _)| done == kind))
            && self.holders.iter().all(|holder| holder.lock().unwrap().revoked > 0)
    }

    async fn until(&self, is: impl Fn(&Self) -> bool) {
        let reached = async {
            while !is(self) {
                tokio::time::sleep(PAUSE).await;
            }
        };
        assert!(tokio::time::timeout(Duration::from_secs(90), reached).await.is_ok(), "too little was changed");
    }

    /// Every change that somebody was told of has its event, and no login ended over what went wrong.
    pub(super) async fn check(&self, owner: &PgPool) {
        let count = async |which: &'static str, client: &str| -> i64 {
            let count = format!(
                "select count(*) from audit_event e where {which} and exists (
                     select from family f join access_grant g on (g.tenant, g.id) = (f.tenant, f.grant_id)
                      where f.id::text = e.body->>'family' and g.client = $1)"
            );
            sqlx::query_scalar(sqlx::AssertSqlSafe(count)).bind(client).fetch_one(owner).await.unwrap()
        };
        for holder in &self.holders {
            let (client, given, revoked) = {
                let holder = holder.lock().unwrap();
                (holder.client.clone(), holder.given, holder.revoked)
            };
            let told = count("kind = 'token.refreshed' and not (body->>'retried')::boolean", &client).await;
            // The last answer may have been lost.
            assert!((given..=given + 1).contains(&told), "{given} renewed, {told} told of");
            let told = count("kind = 'access_token.revoked'", &client).await;
            assert!((revoked..=revoked + 1).contains(&told), "{revoked} revoked, {told} told of");
            assert_eq!(count("kind in ('family.revoked', 'refresh.replayed', 'code.replayed')", &client).await, 0);
        }
        let done = self.done.lock().unwrap().clone();
        for (kind, client) in &done {
            let told = match *kind {
                "code.issued" => count("kind = 'code.issued'", client).await,
                "token.issued" => count("kind = 'token.issued'", client).await,
                _ => {
                    let count = "select count(*) from audit_event where kind = $1 and body->>'client' = $2";
                    sqlx::query_scalar(count).bind(kind).bind(client).fetch_one(owner).await.unwrap()
                }
            };
            assert_eq!(told, 1, "{kind} of {client}");
        }
        assert!(self.have_all_been_tried());
    }
}
