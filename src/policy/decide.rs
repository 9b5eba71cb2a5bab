//! The decision on one call.

use crate::mcp::{Call, Message, Method, Target};

use super::{ItemKind, ScopeSet, ServerPolicy, catalogue::Governed};

/// Proof that policy allowed one call, with that call in it: what was judged is what goes on. Only [`decide`] makes
/// one, and it cannot be copied.
///
/// Nobody else can put one together, not even out of another one:
///
/// ```compile_fail,E0451
/// use sallyport::policy::Permit;
///
/// fn forged(permit: Permit) -> Permit {
///     Permit { ..permit }
/// }
/// ```
///
/// Nor is there one for nothing:
///
/// ```compile_fail,E0277
/// use sallyport::policy::Permit;
///
/// fn made_of_nothing<T: Default>() {}
/// made_of_nothing::<Permit>();
/// ```
#[derive(Debug)]
pub struct Permit {
    call: Call,
    needed: ScopeSet,
    read_only: bool,
}

impl Permit {
    /// The call that was judged.
    pub fn call(&self) -> &Call {
        &self.call
    }

    /// The scopes the call was found to need. Empty where any scope of the server will do.
    pub fn needed(&self) -> &ScopeSet {
        &self.needed
    }

    /// Whether the call changes nothing: a list, the protocol's own upkeep, or an item accepted as read-only.
    pub fn read_only(&self) -> bool {
        self.read_only
    }
}

/// Why a call may not go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// More scopes would help: 403 with `error="insufficient_scope"`.
    #[error("the call needs the scopes {needed}")]
    InsufficientScope {
        /// All that this call needs.
        needed: ScopeSet,
        /// What the challenge names: needed and granted together, so that a client that asks for just this loses
        /// nothing, and one round is enough.
        challenge: ScopeSet,
    },
    /// A newer login would help: 401 with `error="insufficient_user_authentication"` (RFC 9470).
    #[error("the call needs a login not older than {max_age} seconds")]
    StaleLogin {
        /// All scopes that this call needs.
        needed: ScopeSet,
        /// How old the login may be.
        max_age: u32,
    },
    /// No scope would help: 403 without `insufficient_scope`, or clients would ask again and again.
    #[error("{reason}")]
    Forbidden {
        /// Why, as a sentence.
        reason: &'static str,
    },
}

/// What a caller has.
#[derive(Clone, Copy, Debug)]
pub struct Held<'a> {
    /// The scopes in effect ([`ServerPolicy::in_effect`]).
    pub scopes: &'a ScopeSet,
    /// Seconds since the person behind the call logged in. None: nobody has.
    pub auth_age: Option<u64>,
}

/// Scopes without a login behind them.
impl<'a> From<&'a ScopeSet> for Held<'a> {
    fn from(scopes: &'a ScopeSet) -> Self {
        Self { scopes, auth_age: None }
    }
}

/// Decides whether `call` may go on to `server` with what the caller has.
///
/// # Errors
/// A [`Denial`] that says whether more scopes or another login would help.
pub fn decide<'a>(server: &ServerPolicy, held: impl Into<Held<'a>>, call: &Call) -> Result<Permit, Denial> {
    let Held { scopes, auth_age } = held.into();
    let held = scopes.intersection(server.declared());
    let Need { scopes: needed, read_only } = need(server, call)?;
    // Whatever it is, the token must be good for something at this server.
    let missing = if needed.is_empty() && held.is_empty() { server.challenge_scopes() } else { &needed };
    if !missing.is_subset(&held) {
        return Err(Denial::InsufficientScope { needed: missing.clone(), challenge: missing.union(&held) });
    }
    match server.max_auth_age(&needed) {
        Some(max_age) if auth_age.is_none_or(|age| age > u64::from(max_age)) => {
            Err(Denial::StaleLogin { needed, max_age })
        }
        _ => Ok(Permit { call: call.clone(), needed, read_only }),
    }
}

/// What a call needs. No scopes means: any.
struct Need {
    scopes: ScopeSet,
    read_only: bool,
}

impl Need {
    const fn any(read_only: bool) -> Self {
        Self { scopes: ScopeSet::EMPTY, read_only }
    }

    fn and(self, other: Self) -> Self {
        Self { scopes: self.scopes.union(&other.scopes), read_only: self.read_only && other.read_only }
    }
}

/// What a call needs, and whether it is read-only. Of that hangs when its evidence must be on the disk, so in doubt it is
/// not: only what the protocol itself defines as looking (the handshake, `ping`, lists, the stream of a server's own
/// messages), and what an administrator accepted as read-only. The handshake may make a session at the server, but one
/// that nothing hangs on yet.
fn need(server: &ServerPolicy, call: &Call) -> Result<Need, Denial> {
    let method = match call.message() {
        Message::Request { method, .. } | Message::Notification { method } => method,
        Message::OpenStream => return Ok(Need::any(true)),
        // An answer may let an upstream go on with anything, but only with a call that was allowed. The end of a session
        // ends what is under way in it.
        Message::Response { .. } | Message::EndSession => return Ok(Need::any(false)),
    };
    match method {
        Method::Initialize | Method::Initialized | Method::Discover | Method::Ping => Ok(Need::any(true)),
        Method::ToolsList | Method::PromptsList | Method::ResourcesList | Method::ResourceTemplatesList => {
            Ok(Need::any(true))
        }
        // Upkeep of the client's own requests and session. Unsubscribing takes away only. Yet all of it changes something
        // at the server: cancelling ends a call halfway.
        Method::Cancelled
        | Method::Progress
        | Method::RootsListChanged
        | Method::TasksStatus
        | Method::SetLevel
        | Method::ResourcesUnsubscribe => Ok(Need::any(false)),
        Method::ToolsCall
        | Method::PromptsGet
        | Method::ResourcesRead
        | Method::ResourcesSubscribe
        | Method::Complete
        | Method::Listen => of_target(server, call.target()),
        // A task is some earlier call, and its id does not tell of which tool. Until ids are bound to the call that
        // made them, seeing or steering a task counts as what the catalogue does not know.
        Method::TasksGet | Method::TasksUpdate | Method::TasksCancel | Method::TasksResult | Method::TasksList => {
            fallback(server)
        }
        Method::Extension(_) => fallback(server),
    }
}

fn of_target(server: &ServerPolicy, target: &Target) -> Result<Need, Denial> {
    let catalogue = &server.catalogue;
    match target {
        Target::Tool(name) => governed(server, catalogue.named(ItemKind::Tool, name)),
        Target::Prompt(name) => governed(server, catalogue.named(ItemKind::Prompt, name)),
        Target::Resource(uri) => governed(server, catalogue.resource(uri)),
        Target::Template(template) => governed(server, catalogue.template(template)),
        Target::Subscriptions { resources, tasks } => {
            let tasks = if tasks.is_empty() { Need::any(true) } else { fallback(server)? };
            resources.iter().try_fold(tasks, |need, uri| Ok(need.and(governed(server, catalogue.resource(uri))?)))
        }
        Target::Task(_) | Target::None => fallback(server),
    }
}

fn governed(server: &ServerPolicy, governed: Governed<'_>) -> Result<Need, Denial> {
    match governed {
        Governed::By(item) => Ok(Need { scopes: item.scope.clone().into(), read_only: item.read_only }),
        Governed::ByNone => fallback(server),
        Governed::ByAnyOf(items) => {
            let all = items.iter().map(|item| item.scope.clone()).collect();
            Ok(Need { scopes: all, read_only: false }.and(fallback(server)?))
        }
    }
}

fn fallback(server: &ServerPolicy) -> Result<Need, Denial> {
    match server.fallback_scope().cloned() {
        Some(scope) => Ok(Need { scopes: scope.into(), read_only: false }),
        None => Err(Denial::Forbidden { reason: "This server allows only what its administrator has listed." }),
    }
}
