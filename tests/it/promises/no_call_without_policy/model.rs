//! What must become of each request: the design's sentences and the protocol's, as plain rules. Nothing of Sallyport is
//! used here.

use super::{
    message::{is_modern, read},
    policy::{Policy, Scopes},
    request::{Credential, Door, Origin, Request, Session, Verb, What},
};

/// Of tenants, by number, and servers, by the number of their tenant.
pub(super) const TENANTS: usize = 2;
pub(super) const SERVERS: [usize; 3] = [0, 0, 1];
/// How long an access token lives, in seconds.
const LIFE: i64 = 3600;

#[derive(Clone, Copy)]
pub(super) struct Tenant {
    pub(super) active: bool,
    /// Whether a certain page may call.
    pub(super) page: bool,
}

pub(super) struct Server {
    pub(super) active: bool,
    pub(super) policy: Policy,
}

struct Grant {
    server: usize,
    scopes: Scopes,
    revoked: bool,
}

struct Token {
    family: usize,
    scopes: Scopes,
    ends: i64,
    revoked: bool,
}

pub(super) struct Model {
    pub(super) now: i64,
    pub(super) tenants: [Tenant; TENANTS],
    pub(super) servers: Vec<Server>,
    /// Each with a family of the same number.
    grants: Vec<Grant>,
    families_revoked: Vec<bool>,
    tokens: Vec<Token>,
    /// Legacy sessions: at which server, of which family.
    sessions: Vec<(usize, usize)>,
}

/// A request with its choices made, by number.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) request: Request,
    pub(super) token: usize,
    /// None: there is no such server.
    pub(super) server: Option<usize>,
    pub(super) session: Presented,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presented {
    Nothing,
    /// By number.
    Session(usize),
    MadeUp,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It reaches the upstream, once, and leaves an intent.
    Reaches { read_only: bool },
    /// Policy says no. Leaves `call.denied`.
    Denied,
    /// Something else stops a call of somebody known. Leaves `call.refused`.
    Refused,
    /// It is no call: nobody is known to ask, or nothing that could be asked. Leaves nothing of its own.
    NoCall,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) fate: Fate,
    pub(super) status: u16,
    /// Whether the client is told what token would do.
    pub(super) challenged: bool,
    /// In a word, for the count.
    pub(super) why: &'static str,
}

pub(super) fn no_call(status: u16, why: &'static str) -> Verdict {
    Verdict { fate: Fate::NoCall, status, challenged: status == 401, why }
}

fn refused(status: u16, why: &'static str) -> Verdict {
    Verdict { fate: Fate::Refused, status, challenged: false, why }
}

fn denied(more_scopes_help: bool, why: &'static str) -> Verdict {
    Verdict { fate: Fate::Denied, status: 403, challenged: more_scopes_help, why }
}

impl Model {
    pub(super) fn new(now: i64) -> Self {
        let mut policies = [Policy::first(), Policy::first(), Policy::first()];
        policies[1].fallback = None;
        policies[2].era = "legacy";
        let servers = policies.into_iter().map(|policy| Server { active: true, policy });
        Self {
            now,
            tenants: [Tenant { active: true, page: false }; TENANTS],
            servers: servers.collect(),
            grants: Vec::new(),
            families_revoked: Vec::new(),
            tokens: Vec::new(),
            sessions: Vec::new(),
        }
    }

    pub(super) fn issue(&mut self, server: usize, scopes: Scopes) {
        self.grants.push(Grant { server, scopes, revoked: false });
        self.families_revoked.push(false);
        self.sibling(self.grants.len() - 1, scopes);
    }

    pub(super) fn sibling(&mut self, family: usize, scopes: Scopes) {
        self.tokens.push(Token { family, scopes, ends: self.now + LIFE, revoked: false });
    }

    pub(super) fn tokens(&self) -> usize {
        self.tokens.len()
    }

    pub(super) fn families(&self) -> usize {
        self.grants.len()
    }

    pub(super) fn family_of(&self, token: usize) -> usize {
        self.tokens[token].family
    }

    pub(super) fn server_of(&self, family: usize) -> usize {
        self.grants[family].server
    }

    pub(super) fn revoke_token(&mut self, token: usize) {
        self.tokens[token].revoked = true;
    }

    pub(super) fn revoke_family(&mut self, family: usize) {
        self.families_revoked[family] = true;
    }

    pub(super) fn revoke_grant(&mut self, family: usize) {
        self.grants[family].revoked = true;
    }

    pub(super) fn narrow_grant(&mut self, family: usize, scopes: Scopes) {
        let grant = &mut self.grants[family];
        grant.scopes = grant.scopes.and(scopes);
    }

    pub(super) fn open_session(&mut self, server: usize, family: usize) {
        self.sessions.push((server, family));
    }

    /// Makes a request's choices.
    pub(super) fn choose(&self, request: &Request) -> Asked {
        let token = request.token.index(self.tokens.len());
        let family = self.family_of(token);
        let server = match request.door {
            Door::Home => Some(self.server_of(family)),
            Door::Of(which) => Some(which.index(SERVERS.len())),
            Door::Nowhere => None,
        };
        let newest = |own: bool| {
            let is_own = |session: &(usize, usize)| Some(session.0) == server && session.1 == family;
            let found = self.sessions.iter().rposition(|session| is_own(session) == own);
            found.map_or(Presented::Nothing, Presented::Session)
        };
        let session = match request.session {
            Session::None => Presented::Nothing,
            Session::Own => newest(true),
            Session::Anothers => newest(false),
            Session::MadeUp => Presented::MadeUp,
        };
        Asked { request: request.clone(), token, server, session }
    }

    /// The scopes that a token has now, where it is good, or would have.
    pub(super) fn held(&self, token: usize) -> Scopes {
        let token = &self.tokens[token];
        let grant = &self.grants[token.family];
        token.scopes.and(grant.scopes).and(self.servers[grant.server].policy.declared)
    }

    fn is_good(&self, token: usize) -> bool {
        let token = &self.tokens[token];
        let taken = token.revoked || self.families_revoked[token.family] || self.grants[token.family].revoked;
        !taken && token.ends > self.now
    }

    /// What must become of it. The checks come in the order that the gateway promises.
    pub(super) fn judge(&self, asked: &Asked) -> Verdict {
        self.front(asked).and_then(|server| self.inside(asked, server)).unwrap_or_else(|stopped| stopped)
    }

    fn front(&self, asked: &Asked) -> Result<usize, Verdict> {
        let request = &asked.request;
        if request.verb == Verb::Put {
            return Err(no_call(405, "method"));
        }
        let open = |server: &usize| self.servers[*server].active && self.tenants[SERVERS[*server]].active;
        let server = asked.server.filter(open).ok_or(no_call(404, "no server"))?;
        match request.origin {
            Origin::Foreign | Origin::Null => return Err(no_call(403, "origin")),
            Origin::Page if !self.tenants[SERVERS[server]].page => return Err(no_call(403, "origin")),
            Origin::None | Origin::Own | Origin::Page => {}
        }
        match request.verb {
            Verb::Options => return Err(no_call(204, "preflight")),
            Verb::Head => return Err(no_call(405, "method")),
            Verb::Put | Verb::Post | Verb::Get | Verb::Delete => {}
        }
        match request.credential {
            Credential::Twice | Credential::Address => Err(Verdict { challenged: true, ..no_call(400, "token twice") }),
            Credential::Bearer | Credential::Lower => {
                let here = self.server_of(self.family_of(asked.token)) == server;
                if here && self.is_good(asked.token) { Ok(server) } else { Err(no_call(401, "bad token")) }
            }
            _ => Err(no_call(401, "no token")),
        }
    }

    fn inside(&self, asked: &Asked, server: usize) -> Result<Verdict, Verdict> {
        let (request, policy) = (&asked.request, &self.servers[server].policy);
        read(request, policy.era)?;
        let modern = is_modern(request);
        let (verb, what) = (request.verb, request.what);
        match (policy.era, modern) {
            ("legacy", true) => return Err(refused(400, "other era")),
            ("modern", false) if verb == Verb::Post => return Err(refused(400, "other era")),
            ("modern", false) => return Err(refused(405, "other era")),
            _ => {}
        }
        let held = self.held(asked.token);
        let (needed, read_only) = policy.needs(verb, what).ok_or(denied(false, "forbidden"))?;
        if held == Scopes::NONE || !needed.within(held) {
            return Err(denied(true, "scope"));
        }
        let begins = verb == Verb::Post && what == What::Initialize;
        if !modern && !begins && !self.is_own(asked.session, server, self.family_of(asked.token)) {
            return Err(refused(404, "session"));
        }
        // As the upstream of the tests answers: what has an id with a result.
        let status = if verb == Verb::Post && (what.is_request() || what == What::Answer) { 200 } else { 202 };
        Ok(Verdict { fate: Fate::Reaches { read_only }, status, challenged: false, why: "reaches" })
    }

    fn is_own(&self, session: Presented, server: usize, family: usize) -> bool {
        match session {
            Presented::Nothing => true,
            Presented::Session(at) => self.sessions[at] == (server, family),
            Presented::MadeUp => false,
        }
    }
}
