//! What can happen, as types. No token, no secret, no user name or address in clear: ids only.

use serde::Serialize;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{CallFacts, CallRefusal, FieldChange, Outcome, Personal};
use crate::{
    ids::{
        ApiTokenId, ClientId, DeviceId, EventId, FamilyId, GrantId, LinkId, PersonId, ProviderId, ServerId, SessionId,
    },
    keys::SigningAlg,
    tenants::Evidence,
};

/// How often something was refused to somebody unknown, and to whom as far as can be told.
#[derive(Clone, Debug, Serialize)]
pub struct Tally {
    /// The audit-handle key's id and a keyed hash of the IPv4 address or the /64 network of IPv6, or `others`.
    pub source: String,
    /// How many others, at least.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sources: Option<usize>,
    /// How often.
    pub count: u64,
    /// The first time.
    #[serde(with = "time::serde::rfc3339")]
    pub first: OffsetDateTime,
    /// The last time.
    #[serde(with = "time::serde::rfc3339")]
    pub last: OffsetDateTime,
}

/// One audit event. The serialized `kind` becomes the row's kind, the rest its body.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind")]
#[expect(missing_docs, reason = "the names of the fields are the nouns of the design")]
pub enum Event {
    #[serde(rename = "client.registered")]
    ClientRegistered {
        client: ClientId,
        redirect_uris: Vec<String>,
        auth_method: String,
        /// `awaited`, or `remembered`: of this software, an administrator allowed it before. None where nobody is asked.
        #[serde(skip_serializing_if = "Option::is_none")]
        approval: Option<&'static str>,
        /// Who vouches for it.
        #[serde(skip_serializing_if = "Option::is_none")]
        vouched_by: Option<String>,
    },
    /// A document that describes a client was read, and says something new.
    #[serde(rename = "client.document_read")]
    ClientDocumentRead {
        client: ClientId,
        /// SHA-256 of the document, in hex.
        digest: String,
        redirect_uris: Vec<String>,
        auth_method: String,
        consents_voided: u64,
    },
    /// An administrator allowed what registered.
    #[serde(rename = "client.approved")]
    ClientApproved {
        client: ClientId,
        /// Later registrations of the same software are approved, too.
        remembered: bool,
    },
    /// An administrator stopped it for now.
    #[serde(rename = "client.suspended")]
    ClientSuspended { client: ClientId },
    /// An administrator let it go on.
    #[serde(rename = "client.resumed")]
    ClientResumed { client: ClientId },
    #[serde(rename = "client.changed")]
    ClientChanged { client: ClientId, consents_voided: bool },
    #[serde(rename = "client.removed")]
    ClientRemoved { client: ClientId },
    /// Registered long ago and never used.
    #[serde(rename = "client.expired")]
    ClientExpired { client: ClientId },
    #[serde(rename = "login.succeeded")]
    LoginSucceeded {
        person: PersonId,
        session: SessionId,
        amr: Vec<String>,
        /// The identity provider, where the person logged in there.
        #[serde(skip_serializing_if = "Option::is_none")]
        provider: Option<ProviderId>,
    },
    #[serde(rename = "login.failed")]
    LoginFailed {
        /// Whose account, where the name is somebody's.
        #[serde(skip_serializing_if = "Option::is_none")]
        person: Option<PersonId>,
        /// Not looked at: there were too many before.
        throttled: bool,
        #[serde(flatten)]
        tally: Tally,
    },
    /// A session cookie that belongs to no session, or to one that has ended.
    #[serde(rename = "session.refused")]
    SessionRefused {
        #[serde(flatten)]
        tally: Tally,
    },
    /// A form that no page of ours sent in this browser.
    #[serde(rename = "form.refused")]
    FormRefused {
        reason: &'static str,
        #[serde(flatten)]
        tally: Tally,
    },
    /// A call without a good access token.
    #[serde(rename = "bearer.refused")]
    BearerRefused {
        reason: &'static str,
        #[serde(flatten)]
        tally: Tally,
    },
    /// A client that did not prove itself.
    #[serde(rename = "client.refused")]
    ClientRefused {
        #[serde(flatten)]
        tally: Tally,
    },
    /// A token request that was answered with an error.
    #[serde(rename = "token.refused")]
    TokenRefused {
        grant: &'static str,
        reason: &'static str,
        #[serde(flatten)]
        tally: Tally,
    },
    /// A registration, or a change of one, that was answered with an error.
    #[serde(rename = "registration.refused")]
    RegistrationRefused {
        reason: &'static str,
        #[serde(flatten)]
        tally: Tally,
    },
    /// An authorization request that came to nothing before the person decided.
    #[serde(rename = "authorization.refused")]
    AuthorizationRefused {
        reason: &'static str,
        #[serde(flatten)]
        tally: Tally,
    },
    /// A device's request, or a person's try with a user code, that came to nothing.
    #[serde(rename = "device.refused")]
    DeviceRefused {
        reason: &'static str,
        #[serde(flatten)]
        tally: Tally,
    },
    /// A link to set a password that never was, or cannot be used any more.
    #[serde(rename = "link.refused")]
    LinkRefused {
        #[serde(flatten)]
        tally: Tally,
    },
    /// A login at an identity provider that came to nothing.
    #[serde(rename = "provider.refused")]
    ProviderRefused {
        reason: &'static str,
        #[serde(flatten)]
        tally: Tally,
    },
    /// A page or a change of the console, to somebody whose roles do not go so far.
    #[serde(rename = "api.refused")]
    ApiRefused {
        /// `absent`, `malformed`, `unknown`, `role`, `right`.
        reason: &'static str,
        #[serde(flatten)]
        tally: Tally,
    },
    #[serde(rename = "console.refused")]
    ConsoleRefused {
        /// What they wanted.
        action: &'static str,
        #[serde(flatten)]
        tally: Tally,
    },
    /// A request that leads nowhere.
    #[serde(rename = "request.refused")]
    RequestRefused {
        reason: &'static str,
        #[serde(flatten)]
        tally: Tally,
    },
    #[serde(rename = "logout")]
    Logout { person: PersonId, session: SessionId },
    /// An administrator ended it.
    #[serde(rename = "session.ended")]
    SessionEnded { person: PersonId, session: SessionId },
    #[serde(rename = "consent.shown")]
    ConsentShown { person: PersonId, client: ClientId, server: ServerId, scopes: Vec<String> },
    #[serde(rename = "consent.given")]
    ConsentGiven {
        person: PersonId,
        client: ClientId,
        server: ServerId,
        scopes: Vec<String>,
        grant: GrantId,
        skipped_page: bool,
    },
    #[serde(rename = "consent.denied")]
    ConsentDenied { person: PersonId, client: ClientId, server: ServerId },
    #[serde(rename = "code.issued")]
    CodeIssued { family: FamilyId, grant: GrantId, scopes: Vec<String> },
    #[serde(rename = "code.refused")]
    CodeRefused { family: FamilyId, reason: &'static str, failures: i32 },
    #[serde(rename = "code.replayed")]
    CodeReplayed { family: FamilyId, client: ClientId },
    /// A device begins (RFC 8628).
    #[serde(rename = "device.requested")]
    DeviceRequested { device: DeviceId, client: ClientId, server: ServerId, scopes: Vec<String>, source: String },
    #[serde(rename = "device.approved")]
    DeviceApproved { device: DeviceId, person: PersonId, grant: GrantId, family: FamilyId, source: String },
    #[serde(rename = "device.denied")]
    DeviceDenied { device: DeviceId, person: PersonId, client: ClientId, server: ServerId, source: String },
    /// The answer to a poll was given once more.
    #[serde(rename = "device.retried")]
    DeviceRetried { device: DeviceId, family: FamilyId, client: ClientId },
    #[serde(rename = "device.replayed")]
    DeviceReplayed { device: DeviceId, family: FamilyId, client: ClientId },
    #[serde(rename = "token.issued")]
    TokenIssued {
        family: FamilyId,
        client: ClientId,
        scopes: Vec<String>,
        /// The access token.
        token: String,
        /// The refresh token, where there is one.
        #[serde(skip_serializing_if = "Option::is_none")]
        refresh: Option<String>,
    },
    #[serde(rename = "token.refreshed")]
    TokenRefreshed {
        family: FamilyId,
        client: ClientId,
        generation: i32,
        retried: bool,
        /// The refresh token that was presented.
        presented: String,
        /// The access token that was given out.
        token: String,
        /// The refresh token that was given out.
        #[serde(skip_serializing_if = "Option::is_none")]
        refresh: Option<String>,
    },
    #[serde(rename = "refresh.replayed")]
    RefreshReplayed { family: FamilyId, client: ClientId, generation: i32, presented: String },
    #[serde(rename = "access_token.revoked")]
    AccessTokenRevoked { family: FamilyId, by: &'static str, token: String },
    #[serde(rename = "family.revoked")]
    FamilyRevoked { family: FamilyId, reason: &'static str },
    /// An administrator said what a client may do for itself.
    #[serde(rename = "grant.given")]
    GrantGiven { grant: GrantId, client: ClientId, server: ServerId, scopes: Vec<String> },
    /// A client of an outside issuer came for the first time.
    #[serde(rename = "client.mapped")]
    ClientMapped {
        client: ClientId,
        issuer: String,
        /// Its name there.
        outside_client: Personal,
    },
    /// A token of an outside issuer began a grant, or allowed more than those before it.
    #[serde(rename = "grant.mapped")]
    GrantMapped {
        grant: GrantId,
        family: FamilyId,
        client: ClientId,
        /// As the issuer calls it: in events of its calls, too.
        subject: Personal,
        server: ServerId,
        scopes: Vec<String>,
    },
    #[serde(rename = "grant.revoked")]
    GrantRevoked {
        grant: GrantId,
        /// Who had given it; none where a machine client acts for itself.
        #[serde(skip_serializing_if = "Option::is_none")]
        person: Option<PersonId>,
        client: ClientId,
        server: ServerId,
        reason: &'static str,
    },
    /// A key that signs for this tenant.
    #[serde(rename = "signing_key.changed")]
    SigningKeyChanged {
        kid: String,
        alg: SigningAlg,
        /// `published`: will sign; `in_use`; `replaced`: published while what it signed can live; `retired`.
        change: &'static str,
    },
    /// A pepper was retired by force: what was stored under it works no more. Families have events of their own.
    #[serde(rename = "handles.ended")]
    HandlesEnded {
        key_id: String,
        access_tokens: u64,
        authorizations: u64,
        sessions: u64,
        client_secrets: u64,
        server_secrets: u64,
        registration_tokens: u64,
        initial_access_tokens: u64,
        links: u64,
        api_tokens: u64,
        recovery_codes: u64,
    },
    /// A call is about to be forwarded. Its outcome is an event of its own.
    #[serde(rename = "call.intent")]
    CallIntent {
        #[serde(flatten)]
        call: CallFacts,
        /// Whether policy takes it for one that changes nothing.
        read_only: bool,
        /// Before what the event had to be on the disk.
        evidence: Evidence,
    },
    /// What became of a call. Its id is that of the intent with the last bit set.
    #[serde(rename = "call.outcome")]
    CallOutcome {
        intent: EventId,
        outcome: Outcome,
        /// The HTTP status that the client was sent; of this and what follows nothing where the process ended before it could say.
        #[serde(skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
        /// From the intent to the end of the answer.
        #[serde(skip_serializing_if = "Option::is_none")]
        millis: Option<u64>,
        /// How much of the answer's body was passed on.
        #[serde(skip_serializing_if = "Option::is_none")]
        bytes: Option<u64>,
    },
    /// A protected resource asked about an access token and got the JWT that stands for it.
    #[serde(rename = "token.swapped")]
    TokenSwapped {
        family: FamilyId,
        client: ClientId,
        subject: String,
        server: ServerId,
        scopes: Vec<String>,
        token: String,
    },
    /// Policy said no; nothing was forwarded.
    #[serde(rename = "call.denied")]
    CallDenied {
        #[serde(flatten)]
        call: CallFacts,
        /// The scopes it would have taken; none where no scope allows it.
        needed: Vec<String>,
        status: u16,
    },
    /// Not a matter of policy, and nothing was forwarded either.
    #[serde(rename = "call.refused")]
    CallRefused {
        #[serde(flatten)]
        call: CallFacts,
        reason: CallRefusal,
        status: u16,
    },
    /// The key that signs the checkpoints of this log from now on.
    #[serde(rename = "checkpoint_key.in_use")]
    CheckpointKeyInUse {
        origin: String,
        /// As signed notes spell it.
        key: String,
    },
    /// Nothing else happened for an hour.
    #[serde(rename = "log.heartbeat")]
    LogHeartbeat {
        /// Entries of the log before this one.
        entries: u64,
    },
    /// The log begins anew after the database was set back. It is the first entry.
    #[serde(rename = "log.restarted")]
    LogRestarted {
        /// The log before.
        origin: String,
        /// Entries of the last checkpoint of it that is known.
        size: u64,
        /// Its root, in base64.
        root: String,
        /// The signed checkpoint itself.
        checkpoint: String,
    },
    /// An administrator asked a server what it offers, as Sallyport itself.
    #[serde(rename = "server.probed")]
    ServerProbed { server: ServerId },
    /// What came of that, where the console asked.
    #[serde(rename = "server.answered")]
    ServerAnswered {
        server: ServerId,
        /// `answered` or `failed`.
        outcome: &'static str,
        /// Tools, prompts and resources that it offered.
        items: i32,
        /// Whether it refused a token that was not for it; none: nobody can tell.
        #[serde(skip_serializing_if = "Option::is_none")]
        verifies: Option<bool>,
    },
    /// An administrator had an identity provider asked what it says of itself.
    #[serde(rename = "provider.probed")]
    ProviderProbed { provider: ProviderId },
    #[serde(rename = "admin.changed")]
    AdminChanged {
        /// The object, e.g. `server/demo`.
        object: String,
        /// `created`, `changed`, `disabled`, `enabled`, `removed`.
        change: &'static str,
        /// What became different, where that can be said.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        fields: Vec<FieldChange>,
    },
    /// The name at login of a person who is made.
    #[serde(rename = "person.named")]
    PersonNamed { person: PersonId, name: Personal },
    /// A link by which a person sets a password was made.
    #[serde(rename = "link.made")]
    LinkMade {
        link: LinkId,
        person: PersonId,
        /// `invitation` or `reset`.
        purpose: &'static str,
        #[serde(with = "time::serde::rfc3339")]
        until: OffsetDateTime,
        /// Links that the person had before, and that cannot be used any more.
        given_up: u64,
    },
    /// An auditor looked at a page of the console.
    #[serde(rename = "auditor.read")]
    AuditorRead {
        person: PersonId,
        /// Of the console.
        page: &'static str,
        /// What they did there.
        action: &'static str,
        /// The object, as the address has it.
        #[serde(skip_serializing_if = "Option::is_none")]
        object: Option<String>,
    },
    /// Somebody takes a copy of the log along, or of a part of it.
    #[serde(rename = "audit.exported")]
    AuditExported {
        person: PersonId,
        /// The log's name.
        origin: String,
        /// Entries in the copy.
        entries: u64,
        /// Events from then on.
        #[serde(with = "time::serde::rfc3339::option")]
        #[serde(skip_serializing_if = "Option::is_none")]
        from: Option<OffsetDateTime>,
        /// Events until then.
        #[serde(with = "time::serde::rfc3339::option")]
        #[serde(skip_serializing_if = "Option::is_none")]
        to: Option<OffsetDateTime>,
    },
    /// A bearer token of the admin API was made.
    #[serde(rename = "api_token.made")]
    ApiTokenMade {
        token: ApiTokenId,
        /// For whom it acts.
        person: PersonId,
        rights: Vec<String>,
        #[serde(with = "time::serde::rfc3339")]
        until: OffsetDateTime,
    },
    /// A bearer token of the admin API was taken back.
    #[serde(rename = "api_token.revoked")]
    ApiTokenRevoked { token: ApiTokenId, person: PersonId },
    /// From now on an identity provider vouches for a person.
    #[serde(rename = "identity.linked")]
    IdentityLinked {
        person: PersonId,
        provider: ProviderId,
        /// What the provider calls the person.
        subject: Personal,
        /// The account was made for it.
        created: bool,
    },
    /// An identity provider vouches for a person no more: they took that back.
    #[serde(rename = "identity.unlinked")]
    IdentityUnlinked {
        person: PersonId,
        provider: ProviderId,
        /// What the provider calls the person.
        subject: Personal,
    },
    /// An identity provider said that somebody is logged out there.
    #[serde(rename = "provider.logged_out")]
    ProviderLoggedOut {
        provider: ProviderId,
        person: PersonId,
        /// Sessions here that ended with it.
        sessions: u64,
        /// Grants that ended with it.
        grants: u64,
    },
    /// From now on a person shows this at login, too.
    #[serde(rename = "second_factor.added")]
    SecondFactorAdded {
        person: PersonId,
        /// `totp` or `passkey`.
        factor: &'static str,
    },
    /// Somebody took it away: the person, or an administrator.
    #[serde(rename = "second_factor.removed")]
    SecondFactorRemoved { person: PersonId, factor: &'static str },
    #[serde(rename = "second_factor.failed")]
    SecondFactorFailed {
        /// Who got as far as that.
        #[serde(skip_serializing_if = "Option::is_none")]
        person: Option<PersonId>,
        /// Not looked at: there were too many before.
        throttled: bool,
        #[serde(flatten)]
        tally: Tally,
    },
    /// A person has other recovery codes from now on.
    #[serde(rename = "recovery.renewed")]
    RecoveryRenewed { person: PersonId },
    /// A person logged in with a recovery code.
    #[serde(rename = "recovery.used")]
    RecoveryUsed {
        person: PersonId,
        /// So many are left.
        left: i64,
    },
    /// A person chose another password, knowing the old one.
    #[serde(rename = "password.changed")]
    PasswordChanged { person: PersonId },
    /// A person set a password with a link.
    #[serde(rename = "link.used")]
    LinkUsed { link: LinkId, person: PersonId },
    /// What was personal of somebody is deleted, in events too.
    #[serde(rename = "person.erased")]
    PersonErased {
        person: PersonId,
        /// How many values of events were deleted.
        values: u64,
    },
    /// No event is removed while this stands.
    #[serde(rename = "audit.hold_placed")]
    AuditHoldPlaced { hold: Uuid, reason: Personal },
    #[serde(rename = "audit.hold_lifted")]
    AuditHoldLifted { hold: Uuid },
    /// Events from before a moment were removed from the database. Their places in the log stay.
    #[serde(rename = "audit.pruned")]
    AuditPruned {
        #[serde(with = "time::serde::rfc3339")]
        before: OffsetDateTime,
        events: u64,
    },
}

impl Event {
    /// An administrator changed an object, in a way that its word says well enough.
    pub fn changed(object: String, change: &'static str) -> Self {
        Self::AdminChanged { object, change, fields: Vec::new() }
    }

    /// What is personal in it.
    pub(super) fn personal(&self) -> Vec<&Personal> {
        match self {
            Self::ClientMapped { outside_client: personal, .. }
            | Self::IdentityLinked { subject: personal, .. }
            | Self::IdentityUnlinked { subject: personal, .. }
            | Self::GrantMapped { subject: personal, .. }
            | Self::AuditHoldPlaced { reason: personal, .. }
            | Self::PersonNamed { name: personal, .. } => vec![personal],
            Self::AdminChanged { fields, .. } => fields.iter().flat_map(FieldChange::personal).collect(),
            _ => Vec::new(),
        }
    }

    /// The version of all shapes above. Grows when one changes its meaning.
    pub const VERSION: i16 = 1;
}
