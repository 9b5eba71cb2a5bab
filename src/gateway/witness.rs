//! The audit events of one call: an intent and an outcome, or one event if the call goes no further.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;

use crate::{
    app::App,
    audit::{Announced, CallFacts, CallRefusal, Event, NoEvidence, Recorder},
    cluster::Verified,
    ids::{EventId, TenantId},
    mcp::{Call, Era, Message},
    policy::{Permit, ScopeSet},
    secret,
    tenants::Evidence,
};

/// Sees to it that a call leaves evidence.
pub(super) struct Witness<'a> {
    app: &'a App,
    tenant: TenantId,
    recorder: Recorder,
    call: CallFacts,
    arguments: Bytes,
}

/// Why a call goes no further.
pub(super) enum Stopped {
    /// Policy said no; it would have taken these scopes, if any.
    Denied(ScopeSet),
    /// Something else.
    Refused(CallRefusal),
}

impl<'a> Witness<'a> {
    /// Begins to watch a call.
    pub(super) fn new(app: &'a Arc<App>, verified: &Verified, call: &Call, request_id: Option<String>) -> Self {
        let method = match (call.method(), call.message()) {
            (Some(method), _) => method.as_str(),
            (None, Message::OpenStream) => "GET",
            (None, Message::EndSession) => "DELETE",
            (None, _) => "response",
        };
        let (name, name_digest) = call.name().map(named).unzip();
        let facts = CallFacts {
            family: verified.family,
            client: verified.client.clone(),
            subject: verified.recorded_subject.clone(),
            server: verified.server,
            era: match call.era() {
                Era::Modern => "modern",
                Era::Legacy => "legacy",
            },
            method: storable(method),
            name,
            name_digest: name_digest.flatten(),
            token: verified.audit_handle.clone(),
            arguments: String::new(),
        };
        Self {
            app,
            tenant: verified.tenant,
            recorder: app.recorder(request_id),
            call: facts,
            arguments: call.arguments().clone(),
        }
    }

    /// What the event of this id says of the call.
    fn facts(self, id: EventId) -> CallFacts {
        let arguments = self.app.keyring.argument_salt(id).digest(&self.arguments);
        CallFacts { arguments, ..self.call }
    }

    /// Leaves the one event of a call that goes no further: it is on the disk when this returns.
    pub(super) async fn stop(self, why: Stopped, status: u16) -> Result<(), NoEvidence> {
        let (log, tenant, recorder) = (&self.app.calls, self.tenant, self.recorder.clone());
        let event = |id| {
            let call = self.facts(id);
            match why {
                Stopped::Denied(needed) => {
                    Event::CallDenied { call, needed: needed.iter().map(ToString::to_string).collect(), status }
                }
                Stopped::Refused(reason) => Event::CallRefused { call, reason, status },
            }
        };
        log.record(tenant, &recorder, event).await
    }

    /// Announces a call that goes on. With [`Evidence::Before`] the intent is on the disk when this returns.
    pub(super) async fn announce(self, permit: &Permit, evidence: Evidence) -> Result<Announced, NoEvidence> {
        let how = (permit.read_only(), evidence);
        let (log, tenant, recorder) = (&self.app.calls, self.tenant, self.recorder.clone());
        let mut announced = log.announce(tenant, &recorder, |id| self.facts(id), how).await?;
        if evidence == Evidence::Before {
            announced.durable().await?;
        }
        announced.forwarding();
        Ok(announced)
    }
}

/// The most bytes of a name in an event. Events wait in memory, many of them, and a name may be as long as a URI.
const LONGEST: usize = 512;

/// A name as events have it, and the digest of the whole where it is longer than that.
fn named(name: &str) -> (String, Option<String>) {
    let mut name = storable(name);
    if name.len() <= LONGEST {
        return (name, None);
    }
    let whole = digest(&SHA256, name.as_bytes());
    name.truncate(name.floor_char_boundary(LONGEST));
    name.shrink_to_fit();
    (name, Some(secret::hex(whole.as_ref())))
}

/// What a client chose, fit to be written down: a careless one may have put a token into a name, and Postgres stores every
/// character but NUL. One name must not keep a whole batch of events out.
fn storable(text: &str) -> String {
    secret::without_handles(text).replace('\0', "\u{fffd}")
}
