//! MCP with the token: 2026-07-28 first, then `initialize`, and one tool if somebody named it.

use std::io::Write;

use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Map, Value, json};

use super::{
    Eras, Stop, Trial,
    challenge::Challenge,
    http::Answer,
    knock,
    login::Session,
    report::{Step, quoted},
    rules,
    talk::{self, Opened},
    tokens::Tokens,
};

/// How a request was answered.
enum Heard {
    Result(Map<String, Value>),
    /// A JSON-RPC error.
    Error(StatusCode, i64, String),
    /// Not enough scopes, and perhaps which are.
    Forbidden(Option<Challenge>),
    /// No MCP.
    Other(String),
}

/// A way to speak that works.
enum Way {
    Modern,
    Legacy(Opened),
}

/// What a server has.
struct Tools(Vec<Value>);

impl Tools {
    fn names(&self) -> Vec<&str> {
        self.0.iter().filter_map(|tool| tool.get("name")?.as_str()).collect()
    }

    fn schema(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|tool| tool.get("name").and_then(Value::as_str) == Some(name))?.get("inputSchema")
    }
}

impl<W: Write> Trial<'_, W> {
    /// Lists the tools in both eras and calls one.
    pub(super) async fn talk(&mut self, session: &mut Session, tokens: &mut Tokens) -> Result<(), Stop> {
        let mut works = None;
        if self.options.era != Eras::Legacy {
            works = self.modern_list(tokens).await?.map(|tools| (Way::Modern, tools));
            session.modern = works.is_some();
        }
        if self.options.era != Eras::Modern {
            let legacy = self.legacy_list(tokens, works.is_some()).await?;
            match (legacy, works.is_some()) {
                (Some((opened, _)), true) => self.close(tokens, &opened).await,
                (Some((opened, tools)), false) => works = Some((Way::Legacy(opened), tools)),
                (None, _) => {}
            }
        }
        let Some((way, tools)) = works else { return Err(Stop) };
        let called = self.called(session, tokens, &way, &tools).await;
        if let Way::Legacy(opened) = &way {
            self.close(tokens, opened).await;
        }
        called
    }

    async fn modern_list(&mut self, tokens: &Tokens) -> Result<Option<Tools>, Stop> {
        let mut step = Step::new("Tools, 2026-07-28");
        let request = talk::modern(self.http, self.options.url.url(), "tools/list", &json!({}), None);
        let heard = self.hear(&mut step, tokens, request).await;
        let went = match heard {
            Ok(Heard::Result(result)) => {
                if result.get("resultType").is_none() {
                    step.broke(&rules::NO_RESULT_TYPE, "The result has no resultType.");
                }
                if result.get("ttlMs").is_none() || result.get("cacheScope").is_none() {
                    step.broke(&rules::NO_CACHE_HINTS, "The list has no ttlMs or no cacheScope.");
                }
                Ok(listed(&mut step, &result))
            }
            Ok(Heard::Error(status, code, said)) if is_modern(status, code) => {
                step.got(format!("{} {code}: {said}", status.as_u16()));
                step.broke(&rules::MCP_ERROR, format!("tools/list is answered with the error {code}: {said}."));
                Ok(None)
            }
            Ok(Heard::Error(status, code, said)) => {
                step.got(format!("not spoken here ({} {code}: {said})", status.as_u16()));
                self.absent(&mut step)
            }
            Ok(Heard::Other(said)) => {
                step.got(format!("not spoken here ({said})"));
                self.absent(&mut step)
            }
            Ok(Heard::Forbidden(challenge)) => {
                forbidden(&mut step, challenge.as_ref());
                Err(Stop)
            }
            Err(stop) => Err(stop),
        };
        self.report.end(step);
        went
    }

    /// The newer revision is not there. That is wrong only for somebody who wants no other.
    fn absent(&self, step: &mut Step) -> Result<Option<Tools>, Stop> {
        let rule = if self.options.era == Eras::Modern { &rules::NEITHER_ERA } else { &rules::NO_MODERN };
        step.broke(rule, "The server does not answer in the way of 2026-07-28.");
        Ok(None)
    }

    async fn legacy_list(&mut self, tokens: &Tokens, other: bool) -> Result<Option<(Opened, Tools)>, Stop> {
        let mut step = Step::new("Tools, initialize");
        let went = self.legacy_listed(&mut step, tokens, other).await;
        self.report.end(step);
        went
    }

    async fn legacy_listed(
        &mut self,
        step: &mut Step,
        tokens: &Tokens,
        other: bool,
    ) -> Result<Option<(Opened, Tools)>, Stop> {
        let url = self.options.url.url();
        let request = talk::initialize(self.http, url).bearer_auth(tokens.access.expose());
        let answer = self.send(step, request).await?;
        let version = match self.heard(step, &answer)? {
            Heard::Result(result) => result.get("protocolVersion").and_then(Value::as_str).map(str::to_owned),
            Heard::Forbidden(challenge) => {
                forbidden(step, challenge.as_ref());
                return Err(Stop);
            }
            Heard::Error(_, code, said) => {
                step.got(format!("not spoken here ({code}: {said})"));
                None
            }
            Heard::Other(said) => {
                step.got(format!("not spoken here ({said})"));
                None
            }
        };
        let Some(version) = version else {
            let rule = if other { &rules::NO_LEGACY } else { &rules::NEITHER_ERA };
            step.broke(rule, "The server does not answer initialize with a protocolVersion.");
            return Ok(None);
        };
        let opened = Opened { version, session: answer.headers.get("mcp-session-id").cloned() };
        let note = opened.initialized(self.http, url).bearer_auth(tokens.access.expose());
        let noted = self.send(step, note).await?;
        if noted.status != 202 {
            let status = noted.status.as_u16();
            step.broke(&rules::MCP_ANSWER, format!("notifications/initialized is answered {status}, not 202."));
        }
        let request = opened.request(self.http, url, "tools/list", &json!({}));
        match self.hear(step, tokens, request).await? {
            Heard::Result(result) => {
                let tools = listed(step, &result);
                step.more(format!("revision {}", opened.version));
                Ok(tools.map(|tools| (opened, tools)))
            }
            Heard::Error(status, code, said) => {
                step.got(format!("{} {code}: {said}", status.as_u16()));
                step.broke(&rules::MCP_ERROR, format!("tools/list is answered with the error {code}: {said}."));
                Ok(None)
            }
            Heard::Other(said) => {
                step.got(said.clone());
                step.broke(
                    &rules::MCP_ANSWER,
                    format!("tools/list is answered with something else than JSON-RPC: {said}."),
                );
                Ok(None)
            }
            Heard::Forbidden(challenge) => {
                forbidden(step, challenge.as_ref());
                Err(Stop)
            }
        }
    }

    /// Ends a session. Servers may refuse that (405), and then end it by themselves.
    async fn close(&self, tokens: &Tokens, opened: &Opened) {
        if opened.session.is_some() {
            let request = opened.close(self.http, self.options.url.url()).bearer_auth(tokens.access.expose());
            let _ = self.http.send(request).await;
        }
    }

    async fn called(
        &mut self,
        session: &mut Session,
        tokens: &mut Tokens,
        way: &Way,
        tools: &Tools,
    ) -> Result<(), Stop> {
        let Some(challenge) = self.call(tokens, way, tools).await? else { return Ok(()) };
        let Some(scope) = challenge.get("scope").filter(|_| self.options.step_up) else { return Ok(()) };
        // What was granted, and what is needed: a client asks for both (MCP, Step-Up Authorization Flow).
        let granted = tokens.scope.clone().unwrap_or_default();
        let mut all: Vec<&str> = granted.split(' ').filter(|scope| !scope.is_empty()).collect();
        all.extend(scope.split(' ').filter(|scope| !scope.is_empty() && !granted.split(' ').any(|one| one == *scope)));
        session.scope = Some(all.join(" "));
        let new = self.log_in(session).await?;
        session.older.push(std::mem::replace(tokens, new));
        self.call(tokens, way, tools).await.map(drop)
    }

    /// Calls the tool, if one is named. The challenge, if more scopes are needed.
    async fn call(&mut self, tokens: &Tokens, way: &Way, tools: &Tools) -> Result<Option<Challenge>, Stop> {
        let Some((name, arguments)) = &self.options.call else { return Ok(None) };
        let mut step = Step::new("Call a tool");
        if !tools.names().contains(&name.as_str()) {
            step.more(format!("{name} is not in the list of tools"));
        }
        let params = json!({"name": name, "arguments": arguments});
        let url = self.options.url.url();
        let request = match way {
            Way::Modern => talk::modern(self.http, url, "tools/call", &params, tools.schema(name)),
            Way::Legacy(opened) => opened.request(self.http, url, "tools/call", &params),
        };
        let went = match self.hear(&mut step, tokens, request).await {
            Ok(Heard::Result(result)) => {
                answered(&mut step, name, &result);
                Ok(None)
            }
            Ok(Heard::Error(status, code, said)) => {
                step.got(format!("{} {code}: {said}", status.as_u16()));
                step.broke(
                    &rules::TOOL_ERROR,
                    format!("The call of {name} is answered with the error {code}: {said}."),
                );
                Ok(None)
            }
            Ok(Heard::Other(said)) => {
                step.got(said.clone());
                step.broke(
                    &rules::MCP_ANSWER,
                    format!("The call of {name} is answered with something else than JSON-RPC: {said}."),
                );
                Ok(None)
            }
            Ok(Heard::Forbidden(challenge)) => {
                forbidden(&mut step, challenge.as_ref());
                if challenge.is_some() && !self.options.step_up {
                    step.more("--step-up logs in once more and asks for these, too");
                }
                Ok(challenge)
            }
            Err(stop) => Err(stop),
        };
        self.report.end(step);
        went
    }

    async fn send(&self, step: &mut Step, request: RequestBuilder) -> Result<Answer, Stop> {
        self.http.send_until(request, talk::is_complete).await.map_err(|failed| {
            step.broke(failed.rule, failed.why);
            Stop
        })
    }

    async fn hear(&self, step: &mut Step, tokens: &Tokens, request: RequestBuilder) -> Result<Heard, Stop> {
        let answer = self.send(step, request.bearer_auth(tokens.access.expose())).await?;
        self.heard(step, &answer)
    }

    fn heard(&self, step: &mut Step, answer: &Answer) -> Result<Heard, Stop> {
        let status = answer.status.as_u16();
        match status {
            401 => {
                let challenge = knock::read(step, answer);
                let why = ["error", "error_description"].map(|name| challenge.as_ref().and_then(|one| one.get(name)));
                let why: Vec<&str> = why.into_iter().flatten().collect();
                step.got(format!("401 {}", why.join(": ")).trim().to_owned());
                step.broke(&rules::TOKEN_NOT_TAKEN, "The token that was issued a moment ago is refused with 401.");
                Err(Stop)
            }
            403 => {
                let header = answer.headers.contains_key(reqwest::header::WWW_AUTHENTICATE);
                let challenge = if header { knock::read(step, answer) } else { None };
                step.got(format!("403{}", answer.said()));
                Ok(Heard::Forbidden(challenge))
            }
            _ => match talk::response(answer) {
                Some(mut message) => Ok(match (message.remove("result"), message.get("error")) {
                    (Some(Value::Object(result)), None) => Heard::Result(result),
                    (_, Some(error)) => {
                        let code = error.get("code").and_then(Value::as_i64).unwrap_or_default();
                        let said = error.get("message").and_then(Value::as_str).unwrap_or_default();
                        Heard::Error(answer.status, code, said.to_owned())
                    }
                    _ => Heard::Other(format!("{status} without a result")),
                }),
                None => Ok(Heard::Other(format!("{status}{}", answer.said()))),
            },
        }
    }
}

/// Whether the error is one of 2026-07-28, so that nothing older is spoken (MCP Versioning).
fn is_modern(status: StatusCode, code: i64) -> bool {
    matches!(code, -32021 | -32020) || (status == StatusCode::NOT_FOUND && code == -32601) || status.is_success()
}

fn listed(step: &mut Step, result: &Map<String, Value>) -> Option<Tools> {
    let Some(tools) = result.get("tools").and_then(Value::as_array) else {
        step.got("no list");
        step.broke(&rules::MCP_ANSWER, "The result of tools/list has no array of tools.");
        return None;
    };
    let tools = Tools(tools.clone());
    let more = if result.get("nextCursor").is_some() { ", and there are more" } else { "" };
    let names = tools.names();
    let colon = if names.is_empty() { "" } else { ": " };
    step.got(format!(
        "{} tool{}{colon}{}{more}",
        names.len(),
        if names.len() == 1 { "" } else { "s" },
        names.join(", ")
    ));
    Some(tools)
}

/// What a tool said.
fn answered(step: &mut Step, name: &str, result: &Map<String, Value>) {
    step.got(name);
    if let Some(kind) = result.get("resultType").and_then(Value::as_str).filter(|kind| *kind != "complete") {
        step.more(format!("resultType {kind}: it wants more than a command line can give"));
    }
    let content = result.get("content").and_then(Value::as_array).cloned().unwrap_or_default();
    for part in &content {
        match part.get("text").and_then(Value::as_str) {
            Some(text) => text.lines().take(12).for_each(|line| step.more(line)),
            None => step.more(format!("({})", part.get("type").and_then(Value::as_str).unwrap_or("content"))),
        }
    }
    if let Some(structured) = result.get("structuredContent").filter(|_| content.is_empty()) {
        step.more(quoted(structured));
    }
    if result.get("isError").and_then(Value::as_bool) == Some(true) {
        step.broke(&rules::TOOL_ERROR, format!("The tool {name} says that it failed."));
    }
}

/// Explains a 403.
fn forbidden(step: &mut Step, challenge: Option<&Challenge>) {
    let Some(challenge) = challenge else {
        step.broke(&rules::BARE_403, "The 403 does not say which scopes are needed: it has no WWW-Authenticate.");
        return;
    };
    let error = challenge.get("error").unwrap_or("no error");
    if error != "insufficient_scope" {
        step.broke(&rules::BARE_403, format!("The challenge of the 403 has {error}, not insufficient_scope."));
    }
    match challenge.get("scope") {
        Some(scope) => {
            step.got(format!("403 {error}, needs {scope}"));
            step.broke(&rules::FORBIDDEN, format!("The token's scopes are not enough: it needs {scope}."));
        }
        None => step.broke(&rules::BARE_403, "The challenge of the 403 does not name the scopes that are needed."),
    }
    if challenge.get("resource_metadata").is_none() {
        step.broke(&rules::NO_RESOURCE_METADATA, "The challenge of the 403 has no resource_metadata.");
    }
}
