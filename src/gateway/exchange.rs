//! Between the doors: one call of somebody known is decided, forwarded, and answered.

use std::{pin::pin, sync::Arc};

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue};
use time::OffsetDateTime;

use super::{
    answer::{self, Passed},
    challenge::BearerError,
    ending::Ending,
    flow,
    refusal::Refusal,
    session::Holder,
    until::{self, Ended},
    whole::whole,
    witness::{Stopped, Witness},
};
use crate::{
    app::App,
    audit::{Announced, CallRefusal, NoEvidence, Outcome},
    cluster::{LiveCall, Over, Verified},
    http::request_id::RequestId,
    mcp::{self, Call, Era, MCP_SESSION_ID, Message, Method, Reject},
    policy::{self, Denial, Held, Permit, ScopeSet},
    tenants::{EraSetting, Evidence, Server, Tenant},
    upstream::{Along, Answer, Caller, ForwardError, SendError, SwapError, UpstreamSession},
};

/// One call and all that it is judged by.
pub(super) struct Exchange {
    pub(super) app: Arc<App>,
    pub(super) tenant: Arc<Tenant>,
    pub(super) server: Arc<Server>,
    pub(super) live: LiveCall,
    /// The client's headers.
    pub(super) headers: HeaderMap,
    /// The id of the request, in logs, audit and at the upstream.
    pub(super) request_id: Option<RequestId>,
}

/// A call that is not forwarded.
struct Refused {
    why: Stopped,
    refusal: Refusal,
}

impl Refused {
    fn new(reason: CallRefusal, reject: Reject) -> Self {
        Self { why: Stopped::Refused(reason), refusal: reject.into() }
    }
}

/// A call that came to nothing, and what is known of its execution.
pub(super) struct Failed {
    pub(super) outcome: Outcome,
    pub(super) refusal: Refusal,
}

impl Failed {
    pub(super) fn new(outcome: Outcome, refusal: impl Into<Refusal>) -> Self {
        Self { outcome, refusal: refusal.into() }
    }
}

/// The legacy session that a call belongs to, opened.
#[derive(Default)]
pub(super) struct Session {
    /// What the client presented, to be given back as it is.
    pub(super) presented: Option<HeaderValue>,
    /// The upstream's own.
    pub(super) upstream: Option<UpstreamSession>,
    last_event: Option<HeaderValue>,
}

impl Exchange {
    /// Runs the call. Nothing of it is forwarded, and nothing answered, without evidence.
    pub(super) async fn run(self, call: Call) -> Response {
        let request_id = self.request_id.as_ref().map(RequestId::to_string);
        let witness = Witness::new(&self.app, self.live.verified(), &call, request_id);
        let (permit, session) = match self.judge(&call) {
            Ok(judged) => judged,
            Err(Refused { why, refusal }) => {
                return match witness.stop(why, refusal.status().as_u16()).await {
                    Ok(()) => refusal.into_response(),
                    Err(NoEvidence) => Refusal::from(Reject::not_executed(&call)).into_response(),
                };
            }
        };
        let evidence = if permit.read_only() { self.tenant.settings.evidence } else { Evidence::Before };
        match witness.announce(&permit, evidence).await {
            Ok(announced) => self.execute(permit, &call, &session, announced).await,
            Err(NoEvidence) => Refusal::from(Reject::not_executed(&call)).into_response(),
        }
    }

    /// All that is decided before anything is forwarded.
    fn judge(&self, call: &Call) -> Result<(Permit, Session), Refused> {
        if self.live.is_one_too_many() {
            return Err(Refused::new(CallRefusal::TooManyCalls, Reject::too_many_calls(call)));
        }
        self.check_era(call)?;
        let permit = self.decide(call)?;
        Ok((permit, self.session(call)?))
    }

    /// Forwards an announced call and passes the answer on.
    async fn execute(self, permit: Permit, call: &Call, session: &Session, mut announced: Announced) -> Response {
        let answered = async {
            // Evidence may have taken its time.
            if !self.live.still().is_good() {
                return Err(self.withheld(call));
            }
            let passed = async {
                let answer = self.forward(permit, call, session).await?;
                answer::pass(&self, call, session, answer).await
            };
            tokio::select! {
                biased;
                end = until::ended(&self.live, &self.app.clock) => Err(self.cut(call, end)),
                passed = passed => passed,
            }
        };
        let mut answered = beside(answered, announced.durable(), call).await;
        // What it rests on may have ended while an answer that had come waited for the disk.
        if let (true, Some(over)) = (answered.is_ok(), self.live.still().why_over()) {
            answered = Err(self.cut(call, over.into()));
        }
        match answered {
            Ok(response) => {
                let status = response.status().as_u16();
                let (head, body) = response.into_parts();
                let ending = Ending::new(announced, status);
                let body = match body {
                    Passed::Whole(body) => whole(body, self.live, ending),
                    Passed::Flowing(body, shape) => {
                        flow::carry(body, shape, self.live, &self.app, call.id().cloned(), ending)
                    }
                };
                Response::from_parts(head, body)
            }
            Err(Failed { outcome, refusal }) => {
                announced.end(outcome, refusal.status().as_u16(), 0);
                refusal.into_response()
            }
        }
    }

    /// A server of one era takes calls of that era only; bridging is a matter of its own.
    fn check_era(&self, call: &Call) -> Result<(), Refused> {
        let era = match self.server.era {
            EraSetting::Auto => return Ok(()),
            EraSetting::Modern => Era::Modern,
            EraSetting::Legacy => Era::Legacy,
        };
        call.check_server(era).map_err(|reject| Refused::new(CallRefusal::OtherEra, reject))
    }

    fn decide(&self, call: &Call) -> Result<Permit, Refused> {
        let Verified { scopes, auth_time, .. } = self.live.verified().as_ref();
        let age = |since: OffsetDateTime| u64::try_from((self.app.clock.now() - since).whole_seconds()).unwrap_or(0);
        let held = Held { scopes, auth_age: auth_time.map(age) };
        policy::decide(&self.server.policy, held, call).map_err(|denial| match denial {
            Denial::InsufficientScope { needed, challenge } => {
                // A login that is new enough, in the same round.
                let max_age = self.server.policy.max_auth_age(&needed);
                let error = (BearerError::InsufficientScope, "the access token lacks a scope that this call needs");
                let reject = Reject::insufficient_scope(call, &needed.to_string());
                let refusal =
                    Refusal::from(reject).challenged(&self.server, &challenge.to_string(), max_age, Some(error));
                Refused { why: Stopped::Denied(needed), refusal }
            }
            Denial::StaleLogin { needed, max_age } => {
                let error = (BearerError::StaleLogin, "the person's login is too old for this call");
                let refusal = Refusal::from(Reject::stale_login(call, max_age)).challenged(
                    &self.server,
                    &scopes.to_string(),
                    Some(max_age),
                    Some(error),
                );
                Refused { why: Stopped::Denied(needed), refusal }
            }
            Denial::Forbidden { reason } => {
                Refused { why: Stopped::Denied(ScopeSet::EMPTY), refusal: Reject::forbidden(call, reason).into() }
            }
        })
    }

    /// Opens the session that a legacy client presents. One of another principal, of another server, or made up, is not
    /// found.
    fn session(&self, call: &Call) -> Result<Session, Refused> {
        // A client that begins anew may still carry the session it lost.
        if call.era() == Era::Modern || call.method() == Some(&Method::Initialize) {
            return Ok(Session::default());
        }
        let bad = |reject| Refused::new(CallRefusal::BadHeader, reject);
        let unknown = || Refused::new(CallRefusal::UnknownSession, Reject::session_not_found(call));
        let (holder, keyring) = (self.holder(), &self.app.keyring);
        let mut session = Session::default();
        if let Some(presented) = mcp::session_id(&self.headers).map_err(bad)? {
            session.upstream = Some(holder.open(presented, keyring).ok_or_else(unknown)?);
            session.presented = self.headers.get(MCP_SESSION_ID).cloned();
        }
        if *call.message() == Message::OpenStream
            && let Some(presented) = mcp::last_event_id(&self.headers).map_err(bad)?
        {
            let event = holder.unbind_event(session.upstream.as_ref(), presented, keyring).ok_or_else(unknown)?;
            session.last_event = Some(HeaderValue::from_bytes(event.as_bytes()).map_err(|_| unknown())?);
        }
        Ok(session)
    }

    /// Forwards, as long as the token is good.
    async fn forward(&self, permit: Permit, call: &Call, session: &Session) -> Result<Answer, Failed> {
        let (verified, still) = (self.live.verified(), Some(self.live.still()));
        let caller = Caller { tenant: &self.tenant, server: &self.server, verified, still };
        let mut along = Along::from_client(&self.headers);
        along.session = session.upstream.clone();
        along.last_event = session.last_event.clone();
        along.request_id = self.request_id.as_ref().and_then(|id| HeaderValue::from_str(id.as_str()).ok());
        self.app.upstreams.forward(permit, caller, &along).await.map_err(|error| {
            tracing::warn!(%error, tenant = %self.tenant.slug, server = %self.server.slug, "an upstream gave no answer");
            match error {
                ForwardError::Swap(SwapError::Expired) => self.cut(call, Ended::Expired),
                ForwardError::Swap(_) => Failed::new(Outcome::NotExecuted, Reject::not_executed(call)),
                ForwardError::Send(SendError::Withheld) => self.withheld(call),
                ForwardError::Send(SendError::NotSent(_)) => {
                    Failed::new(Outcome::NotExecuted, Reject::upstream_unreachable(call))
                }
                ForwardError::Refused(_) => Failed::new(Outcome::NotExecuted, Reject::upstream_refused(call)),
                ForwardError::Send(SendError::MaybeSent(_)) | ForwardError::Unusable(_) => {
                    Failed::new(Outcome::MayHaveBeenExecuted, Reject::maybe_executed(call))
                }
            }
        })
    }

    /// 401 in the middle of a call: its token ended. 503 if that is not known.
    pub(super) fn cut(&self, call: &Call, end: Ended) -> Failed {
        self.ended(Reject::maybe_executed(call), end)
    }

    /// The same, before anything was sent.
    fn withheld(&self, call: &Call) -> Failed {
        match self.live.still().why_over() {
            Some(Over::Revoked) => self.ended(Reject::not_executed(call), Ended::Revoked),
            Some(Over::Lapsed) | None => Failed::new(Outcome::NotExecuted, Reject::not_executed(call)),
        }
    }

    fn ended(&self, reject: Reject, end: Ended) -> Failed {
        if matches!(end, Ended::Lapsed | Ended::Timeless) {
            let status = http::StatusCode::SERVICE_UNAVAILABLE;
            return Failed::new(end.into(), Reject { status, ..reject });
        }
        let error = (BearerError::InvalidToken, end.reason());
        let reject = Reject { status: http::StatusCode::UNAUTHORIZED, ..reject };
        let scope = self.server.policy.challenge_scopes().to_string();
        Failed::new(end.into(), Refusal::from(reject).challenged(&self.server, &scope, None, Some(error)))
    }

    /// Whom sessions of this call belong to.
    pub(super) fn holder(&self) -> Holder {
        let verified = self.live.verified();
        Holder { tenant: verified.tenant, server: verified.server, family: verified.family }
    }
}

/// The answer, once the intent is on the disk. Where it was waited for before, that is at once; else the two run side by side.
async fn beside<T>(
    answered: impl Future<Output = Result<T, Failed>>,
    durable: impl Future<Output = Result<(), NoEvidence>>,
    call: &Call,
) -> Result<T, Failed> {
    let (mut answered, mut durable) = (pin!(answered), pin!(durable));
    tokio::select! {
        biased;
        answered = &mut answered => {
            let nothing_done = matches!(&answered, Err(failed) if failed.outcome == Outcome::NotExecuted);
            durable.await.map_err(|NoEvidence| without_evidence(call, nothing_done))?;
            answered
        }
        written = &mut durable => {
            written.map_err(|NoEvidence| without_evidence(call, false))?;
            answered.await
        }
    }
}

/// The evidence of a call failed after it had been sent on its way.
fn without_evidence(call: &Call, nothing_done: bool) -> Failed {
    if nothing_done {
        Failed::new(Outcome::NotExecuted, Reject::not_executed(call))
    } else {
        Failed::new(Outcome::MayHaveBeenExecuted, Reject::maybe_executed(call))
    }
}
