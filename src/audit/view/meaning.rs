//! What an event means to a tool that knows nothing of this product.

use serde_json::Value;

use super::text;

/// A class of OCSF 1.5, with what an event of it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Somebody proves who they are, or a token of theirs is used: the user's member, or nobody known.
    Authentication(Who),
    /// A session gets its scopes.
    AuthorizeSession(Who),
    /// An account is changed: the member with its id.
    AccountChange(&'static str),
    /// An object is changed: its type, and the member with its id.
    Entity(&'static str, &'static str),
    /// `object` names the type and the id of what is changed.
    Object,
    /// Somebody may do more than before.
    UserAccess(Who),
    /// A request. The name of the operation where no member tells it.
    Api(&'static str),
    /// The product itself changes.
    Lifecycle,
    /// Nothing that OCSF has a class for.
    Base,
}

/// Whom it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// The member `person`.
    Person,
    /// The member `client`.
    Client,
    /// The member `subject`.
    Subject,
    /// Nobody can tell.
    Unknown,
}

/// How it ended: the ids of OCSF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// Not known, or not yet.
    Unknown = 0,
    /// It was done.
    Success = 1,
    /// It was not.
    Failure = 2,
}

/// How much it matters: the ids of OCSF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Severity {
    /// Nothing to do.
    Informational = 1,
    /// Worth counting.
    Low = 2,
    /// Worth a look.
    Medium = 3,
    /// Somebody may have a token that is not theirs.
    High = 4,
}

/// What an event means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Meaning {
    /// In words.
    pub caption: &'static str,
    pub class: Class,
    /// The class's number for what is done, 99 for what it has none for.
    pub activity: u8,
    pub status: Status,
    pub severity: Severity,
}

/// What OCSF calls an activity that its class does not have.
pub(super) const OTHER: u8 = 99;

/// The meaning of a kind. One that is not known has a general one.
pub(super) fn meaning(kind: &str, body: &Value) -> Meaning {
    use Class::{AccountChange, Api, Authentication, AuthorizeSession, Base, Entity, Lifecycle, UserAccess};
    use Severity::{High, Informational, Low, Medium};
    use Status::{Failure, Success, Unknown};

    let (caption, class, activity, status, severity) = match kind {
        "client.registered" => ("Client registered", Entity("client", "client"), 1, Success, Informational),
        "client.document_read" => ("Client document read", Entity("client", "client"), 3, Success, Informational),
        "client.approved" => ("Client approved", Entity("client", "client"), 10, Success, Informational),
        "client.suspended" => ("Client suspended", Entity("client", "client"), 12, Success, Low),
        "client.resumed" => ("Client resumed", Entity("client", "client"), 13, Success, Informational),
        "client.changed" => ("Client changed", Entity("client", "client"), 3, Success, Informational),
        "client.removed" => ("Client removed", Entity("client", "client"), 4, Success, Informational),
        "client.expired" => ("Client expired", Entity("client", "client"), 4, Success, Informational),
        "client.mapped" => ("Outside client mapped", Entity("client", "client"), 1, Success, Informational),
        "login.succeeded" => ("Login succeeded", Authentication(Who::Person), 1, Success, Informational),
        "login.failed" => ("Login failed", Authentication(Who::Person), 1, Failure, throttled(body)),
        "second_factor.failed" => ("Second factor refused", Authentication(Who::Person), 1, Failure, Severity::Medium),
        "session.refused" => ("Session refused", Authentication(Who::Unknown), 1, Failure, Low),
        "bearer.refused" => ("Access token refused", Authentication(Who::Unknown), OTHER, Failure, bearer(body)),
        "client.refused" => ("Client authentication refused", Authentication(Who::Unknown), 1, Failure, Low),
        "token.refused" => ("Token request refused", Authentication(Who::Unknown), 3, Failure, Low),
        "form.refused" => ("Form refused", Api("form"), OTHER, Failure, Low),
        "registration.refused" => ("Client registration refused", Api("register"), OTHER, Failure, Low),
        "authorization.refused" => ("Authorization request refused", Api("authorize"), OTHER, Failure, Low),
        "device.refused" => ("Device request refused", Api("device_authorization"), OTHER, Failure, Low),
        "console.refused" => ("Page of the console refused", Api("console"), 99, Failure, Low),
        "api.refused" => ("Request of the admin API refused", Api("admin"), OTHER, Failure, Low),
        "provider.refused" => ("Login at an identity provider refused", Authentication(Who::Unknown), 1, Failure, Low),
        "link.refused" => ("Link refused", Authentication(Who::Unknown), 1, Failure, Low),
        "request.refused" => ("Request refused", Api("request"), OTHER, Failure, Low),
        "logout" => ("Logout", Authentication(Who::Person), 2, Success, Informational),
        "session.ended" => ("Session ended by an administrator", Authentication(Who::Person), 2, Success, Low),
        "consent.shown" => ("Consent asked for", UserAccess(Who::Client), OTHER, Unknown, Informational),
        "consent.given" => ("Consent given", UserAccess(Who::Client), 1, Success, Informational),
        "consent.denied" => ("Consent denied", UserAccess(Who::Client), OTHER, Failure, Informational),
        "code.issued" => ("Authorization code issued", Entity("token family", "family"), 1, Success, Informational),
        "code.refused" => ("Authorization code refused", Authentication(Who::Unknown), 3, Failure, Medium),
        "code.replayed" => ("Authorization code replayed", Authentication(Who::Client), 3, Failure, High),
        "device.requested" => ("Device flow begun", Authentication(Who::Client), 6, Unknown, Informational),
        "device.approved" => ("Device approved", Authentication(Who::Person), 6, Success, Informational),
        "device.denied" => ("Device denied", Authentication(Who::Person), 6, Failure, Low),
        "device.retried" => ("Device tokens fetched again", Authentication(Who::Client), 3, Success, Informational),
        "device.replayed" => ("Device code replayed", Authentication(Who::Client), 3, Failure, High),
        "token.issued" => ("Token issued", AuthorizeSession(Who::Client), 1, Success, Informational),
        "token.refreshed" => ("Token refreshed", Authentication(Who::Client), 5, Success, Informational),
        "refresh.replayed" => ("Refresh token replayed", Authentication(Who::Client), 5, Failure, High),
        "access_token.revoked" => ("Access token revoked", Entity("token family", "family"), 3, Success, Informational),
        "family.revoked" => ("Token family revoked", Entity("token family", "family"), 11, Success, Low),
        "token.swapped" => {
            ("Access token exchanged by its server", Authentication(Who::Subject), 4, Success, Informational)
        }
        "grant.given" => ("Grant given", UserAccess(Who::Client), 1, Success, Informational),
        "grant.mapped" => ("Grant of an outside issuer mapped", UserAccess(Who::Client), 1, Success, Informational),
        "grant.revoked" => ("Grant revoked", Entity("grant", "grant"), 11, Success, Low),
        "signing_key.changed" => {
            ("Signing key changed", Entity("signing key", "kid"), key(body), Success, Informational)
        }
        "handles.ended" => ("Handles ended with their key", Entity("pepper", "key_id"), 4, Success, Medium),
        "call.intent" => ("Call about to be forwarded", Api("call"), reads(body), Unknown, Informational),
        "call.outcome" => {
            let (status, severity) = outcome(body);
            ("Call ended", Api("call"), OTHER, status, severity)
        }
        "call.denied" => ("Call denied by policy", Api("call"), OTHER, Failure, Medium),
        "call.refused" => ("Call refused", Api("call"), OTHER, Failure, Low),
        "server.probed" => ("Server probed", Entity("server", "server"), 2, Success, Informational),
        "server.answered" => {
            let (status, severity) = answered(body);
            ("Answer of a probed server", Entity("server", "server"), 2, status, severity)
        }
        "provider.probed" => ("Identity provider tested", Entity("provider", "provider"), 2, Success, Informational),
        "admin.changed" => ("Changed by an administrator", Class::Object, change(body), Success, Low),
        "person.named" => ("Name of a new person", AccountChange("person"), 1, Success, Low),
        "link.made" => ("Link to set a password made", AccountChange("person"), 3, Success, Low),
        "auditor.read" => ("Auditor read a page of the console", Api("console.read"), 99, Success, Informational),
        "audit.exported" => ("Audit log exported", Api("audit.export"), 99, Success, Medium),
        "api_token.made" => ("Token of the admin API made", AccountChange("person"), 3, Success, Medium),
        "api_token.revoked" => ("Token of the admin API taken back", AccountChange("person"), 3, Success, Low),
        "identity.linked" => ("Identity at a provider linked", AccountChange("person"), 3, Success, Low),
        "identity.unlinked" => ("Identity at a provider unlinked", AccountChange("person"), 3, Success, Low),
        "provider.logged_out" => ("Logged out at a provider", Authentication(Who::Person), 2, Success, Low),
        "second_factor.added" => ("Second factor added", AccountChange("person"), 10, Success, Low),
        "second_factor.removed" => ("Second factor removed", AccountChange("person"), 11, Success, Medium),
        "recovery.renewed" => ("Recovery codes renewed", AccountChange("person"), 10, Success, Low),
        "recovery.used" => ("Recovery code used", Authentication(Who::Person), 1, Success, Medium),
        "password.changed" => ("Password changed", AccountChange("person"), 3, Success, Low),
        "link.used" => ("Password set with a link", AccountChange("person"), 3, Success, Low),
        "person.erased" => ("Person erased", AccountChange("person"), 6, Success, Medium),
        "audit.hold_placed" => ("Legal hold placed", Entity("legal hold", "hold"), 1, Success, Medium),
        "audit.hold_lifted" => ("Legal hold lifted", Entity("legal hold", "hold"), 4, Success, Medium),
        "audit.pruned" => ("Old audit events removed", Entity("audit log", "before"), 4, Success, Medium),
        "checkpoint_key.in_use" => {
            ("Checkpoint key in use", Entity("checkpoint key", "key"), 10, Success, Informational)
        }
        "log.heartbeat" => ("Nothing else happened", Base, OTHER, Success, Informational),
        "log.restarted" => ("Audit log restarted after a restore", Entity("audit log", "origin"), OTHER, Success, High),
        "schema.migrated" => ("Schema migrated", Lifecycle, 8, Success, Informational),
        "administrator.created" => ("Administrator created", AccountChange("administrator"), 1, Success, Medium),
        "tenant.created" => ("Tenant created", Entity("tenant", "tenant"), 1, Success, Low),
        "tenant.changed" => ("Tenant changed", Entity("tenant", "tenant"), change(body), Success, Low),
        "key.added" => ("Key added", Entity("key", "key_id"), 1, Success, Low),
        "key.in_use" => ("Key in use", Entity("key", "key_id"), 10, Success, Informational),
        "key.retired" => ("Key retired", Entity("key", "key_id"), 4, Success, Medium),
        _ => ("Event", Base, OTHER, Unknown, Informational),
    };
    Meaning { caption, class, activity, status, severity }
}

fn throttled(body: &Value) -> Severity {
    let throttled = body.get("throttled").and_then(Value::as_bool).unwrap_or(false);
    if throttled { Severity::Medium } else { Severity::Low }
}

/// Each client begins without a token.
fn bearer(body: &Value) -> Severity {
    match text(body, "reason") {
        Some("absent") => Severity::Informational,
        Some("signature" | "inner" | "resource") => Severity::Medium,
        _ => Severity::Low,
    }
}

/// A server that takes tokens for others is worse than one that is down.
fn answered(body: &Value) -> (Status, Severity) {
    match (text(body, "outcome"), body.get("verifies").and_then(Value::as_bool)) {
        (_, Some(false)) => (Status::Failure, Severity::High),
        (Some("answered"), _) => (Status::Success, Severity::Informational),
        _ => (Status::Failure, Severity::Low),
    }
}

fn reads(body: &Value) -> u8 {
    let reads = body.get("read_only").and_then(Value::as_bool).unwrap_or(false);
    if reads { 2 } else { OTHER }
}

fn outcome(body: &Value) -> (Status, Severity) {
    match text(body, "outcome") {
        Some("answered") => (Status::Success, Severity::Informational),
        Some("not_executed" | "client_gone") => (Status::Failure, Severity::Informational),
        Some("revoked" | "expired" | "lapsed" | "broken_off") => (Status::Failure, Severity::Low),
        Some("may_have_been_executed") => (Status::Unknown, Severity::Low),
        _ => (Status::Unknown, Severity::Medium),
    }
}

/// What became of a signing key, as Entity Management numbers it.
fn key(body: &Value) -> u8 {
    match text(body, "change") {
        Some("published") => 1,
        Some("in_use") => 10,
        Some("replaced") => 11,
        Some("retired") => 4,
        _ => OTHER,
    }
}

/// What an administrator did, as Entity Management numbers it.
fn change(body: &Value) -> u8 {
    match text(body, "change") {
        Some("created") => 1,
        Some("changed") => 3,
        Some("removed") => 4,
        Some("enabled") => 8,
        Some("disabled") => 9,
        _ => OTHER,
    }
}
