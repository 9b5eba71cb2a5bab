//! What must be true, without a database: times are seconds, handles are numbers.

/// A set of the four scopes of the server.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Scopes(pub(super) u8);

impl Scopes {
    pub(super) const ALL: Self = Self(15);
    const NAMES: [&str; 4] = ["mcp:read", "mcp:write", "x:one", "x:two"];

    pub(super) fn names(self) -> Vec<&'static str> {
        (0..4).filter(|at| self.0 & (1 << at) != 0).map(|at| Self::NAMES[at]).collect()
    }

    /// As an answer names them.
    pub(super) fn text(self) -> String {
        self.names().join(" ")
    }

    pub(super) fn parse(text: &str) -> Self {
        let at = |name| Self::NAMES.iter().position(|known| *known == name).expect("a known scope");
        Self(text.split_whitespace().map(|name| 1 << at(name)).sum())
    }

    fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn within(self, other: Self) -> bool {
        self.and(other) == self
    }
}

impl std::fmt::Debug for Scopes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[{}]", self.text())
    }
}

/// What the token endpoint answers. Tokens are numbers, in the order in which they were first given out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Tokens { access: usize, family: usize, generation: usize, scopes: String },
    Error(&'static str),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Lifetimes {
    pub(super) code: i64,
    pub(super) access: i64,
    pub(super) idle: i64,
    pub(super) family: i64,
}

struct Grant {
    scopes: Scopes,
    revoked: bool,
    /// What was left when it was last narrowed. A process that read that keeps it though the grant is widened again.
    narrowed: Option<Scopes>,
}

pub(super) struct Code {
    expires: i64,
    failures: u32,
    consumed: bool,
}

/// The family of the code of the same number.
struct Family {
    grant: usize,
    scopes: Scopes,
    ends: i64,
    revoked: bool,
    generations: Vec<Generation>,
}

struct Generation {
    idle_until: i64,
    /// When it was rotated, and what went into its box.
    rotated: Option<Rotation>,
}

#[derive(Clone, Copy)]
struct Rotation {
    at: i64,
    access: usize,
}

pub(super) struct Access {
    family: usize,
    scopes: Scopes,
    ends: i64,
    revoked: bool,
}

pub(super) struct Model {
    pub(super) now: i64,
    pub(super) client: bool,
    pub(super) person: bool,
    pub(super) codes: Vec<Code>,
    pub(super) access: Vec<Access>,
    lifetimes: Lifetimes,
    /// The last one may be in force.
    grants: Vec<Grant>,
    families: Vec<Family>,
}

const GRACE: i64 = 60;
const GUESSES: u32 = 5;

impl Model {
    pub(super) fn new(now: i64, lifetimes: Lifetimes) -> Self {
        let (codes, access, grants, families) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { now, client: true, person: true, codes, access, lifetimes, grants, families }
    }

    /// Whether there is a code.
    pub(super) fn authorize(&mut self, scopes: Scopes) -> bool {
        if !self.client || !self.person {
            return false;
        }
        match self.grants.last_mut().filter(|grant| !grant.revoked) {
            Some(grant) => grant.scopes = grant.scopes.or(scopes),
            None => self.grants.push(Grant { scopes, revoked: false, narrowed: None }),
        }
        let (grant, ends) = (self.grants.len() - 1, self.now + self.lifetimes.family);
        self.families.push(Family { grant, scopes, ends, revoked: false, generations: Vec::new() });
        self.codes.push(Code { expires: self.now + self.lifetimes.code, failures: 0, consumed: false });
        true
    }

    pub(super) fn redeem(&mut self, at: usize, spoilt: bool) -> Answer {
        if !self.client {
            return Answer::Error("access_denied");
        }
        let stands = self.stands(at);
        let code = &mut self.codes[at];
        if spoilt {
            code.failures = (code.failures + 1).min(GUESSES);
            return Answer::Error("invalid_grant");
        }
        if code.consumed {
            self.families[at].revoked = true;
            return Answer::Error("invalid_grant");
        }
        if code.failures >= GUESSES || code.expires <= self.now || !stands {
            return Answer::Error("invalid_grant");
        }
        code.consumed = true;
        let scopes = self.families[at].scopes;
        let access = self.issue(at, scopes);
        self.generation(at);
        Answer::Tokens { access, family: at, generation: 0, scopes: scopes.text() }
    }

    pub(super) fn refresh(&mut self, family: usize, generation: usize, asked: Option<Scopes>) -> Answer {
        const DEAD: Answer = Answer::Error("invalid_grant");
        if !self.client {
            return Answer::Error("access_denied");
        }
        if !self.stands(family) || self.families[family].ends <= self.now {
            return DEAD;
        }
        let own = self.families[family].scopes;
        if asked.is_some_and(|asked| !asked.within(own)) {
            return Answer::Error("invalid_scope");
        }
        let (now, generations) = (self.now, &self.families[family].generations);
        let (behind, next) = (generations.len() - 1 - generation, generation + 1);
        let Some(rotation) = generations[generation].rotated else {
            if generations[generation].idle_until <= now {
                return DEAD;
            }
            let scopes = asked.unwrap_or(own);
            let access = self.issue(family, scopes);
            self.generation(family);
            self.families[family].generations[generation].rotated = Some(Rotation { at: now, access });
            return Answer::Tokens { access, family, generation: next, scopes: scopes.text() };
        };
        let opens = match behind {
            1 if generations[next].idle_until <= now => return DEAD,
            1 => true,
            2 => generations[next].rotated.is_some_and(|successor| now - successor.at <= GRACE),
            _ => false,
        };
        if !opens {
            self.families[family].revoked = true;
            return DEAD;
        }
        let until = self.idle_until(family);
        let successor = &mut self.families[family].generations[next];
        if successor.rotated.is_none() {
            successor.idle_until = until;
        }
        let boxed = &self.access[rotation.access];
        let scopes = boxed.scopes;
        if !boxed.revoked && boxed.ends > now && asked.is_none_or(|asked| asked == scopes) {
            return Answer::Tokens { access: rotation.access, family, generation: next, scopes: scopes.text() };
        }
        let scopes = asked.unwrap_or(own);
        let access = self.issue(family, scopes);
        Answer::Tokens { access, family, generation: next, scopes: scopes.text() }
    }

    /// Whether RFC 7009 is answered.
    pub(super) fn revoke_access(&mut self, at: usize) -> bool {
        self.access[at].revoked |= self.client;
        self.client
    }

    pub(super) fn revoke_refresh(&mut self, family: usize) -> bool {
        self.families[family].revoked |= self.client;
        self.client
    }

    pub(super) fn revoke_grant(&mut self) {
        self.grants.iter_mut().for_each(|grant| grant.revoked = true);
    }

    pub(super) fn narrow_grant(&mut self, scopes: Scopes) {
        if let Some(grant) = self.grants.last_mut().filter(|grant| !grant.revoked) {
            grant.scopes = grant.scopes.and(scopes);
            grant.narrowed = Some(grant.scopes);
        }
    }

    /// Whether what an access token can do, if anything, is right.
    pub(super) fn is_right(&self, at: usize, can: Option<&str>) -> Result<(), String> {
        let access = &self.access[at];
        let (family, own) = (&self.families[access.family], !access.revoked && access.ends > self.now);
        let stands = own && self.client && self.stands(access.family) && family.ends > self.now;
        let grant = &self.grants[family.grant];
        let most = access.scopes.and(grant.scopes);
        let least = grant.narrowed.map_or(most, |least| access.scopes.and(least));
        let can = can.map(Scopes::parse);
        if if stands { can.is_some_and(|can| least.within(can) && can.within(most)) } else { can.is_none() } {
            return Ok(());
        }
        Err(format!("access token {at} can {can:?}; standing: {stands}, most {most:?}, least {least:?}"))
    }

    /// A family that has refresh tokens, and the generation that lags so far behind its newest.
    pub(super) fn refresh_token(&self, family: u16, behind: usize) -> Option<(usize, usize)> {
        let redeemed: Vec<usize> = (0..self.families.len()).filter(|at| self.generations(*at) > 0).collect();
        let family = *redeemed.get(super::newest_or(redeemed.len(), family)?)?;
        Some((family, (self.generations(family) - 1).saturating_sub(behind)))
    }

    pub(super) fn generations(&self, family: usize) -> usize {
        self.families[family].generations.len()
    }

    /// How many grants were given, and how many of them are in force.
    pub(super) fn grants(&self) -> (usize, usize) {
        (self.grants.len(), self.grants.iter().filter(|grant| !grant.revoked).count())
    }

    fn stands(&self, family: usize) -> bool {
        let family = &self.families[family];
        !family.revoked && !self.grants[family.grant].revoked && self.person
    }

    fn issue(&mut self, family: usize, scopes: Scopes) -> usize {
        let ends = (self.now + self.lifetimes.access).min(self.families[family].ends);
        self.access.push(Access { family, scopes, ends, revoked: false });
        self.access.len() - 1
    }

    fn idle_until(&self, family: usize) -> i64 {
        (self.now + self.lifetimes.idle).min(self.families[family].ends)
    }

    fn generation(&mut self, family: usize) {
        let idle_until = self.idle_until(family);
        self.families[family].generations.push(Generation { idle_until, rotated: None });
    }
}
