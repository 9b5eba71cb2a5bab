//! Who may do what in the console: the one place that says so. Pure.
//!
//! Routes name a rule, and the rule says who comes through. The table in `docs/console.md` is printed from here.

use std::fmt;

#[cfg(test)]
mod tests;

/// What a person may be at a tenant, beside a person who logs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Changes things.
    Administrator,
    /// Sees and exports everything, changes nothing; what they read is in the log.
    Auditor,
    /// Uses servers, and has an account page.
    Member,
}

/// A part of the console.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Page {
    /// Numbers, and what needs attention.
    Overview,
    /// Tenants, for administrators of the platform.
    Tenants,
    /// Published MCP servers.
    Servers,
    /// OAuth clients.
    Clients,
    /// Tokens with which clients may register.
    InitialTokens,
    /// People and their roles.
    People,
    /// Identity providers, through which people log in.
    Providers,
    /// What people allowed clients.
    Grants,
    /// The audit log.
    Audit,
    /// Keys.
    Keys,
    /// Tokens of the admin API.
    ApiTokens,
    /// Name, registration rules, logins.
    Settings,
}

/// What is done there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// See many.
    List,
    /// See one.
    Show,
    /// Take a copy along that others can check.
    Export,
    /// Make one.
    Create,
    /// Make one different.
    Edit,
    /// Let one work again.
    Enable,
    /// Let one stop working.
    Disable,
    /// Take one away.
    Remove,
    /// Ask a server or a provider what it offers.
    Probe,
    /// Say what each thing that it offers needs.
    Accept,
    /// Allow a client that waits.
    Approve,
    /// Stop a client for now.
    Suspend,
    /// Let it go on.
    Resume,
    /// Take one grant back.
    Revoke,
    /// Take many grants back.
    RevokeAll,
    /// Change what a person may do.
    EditRoles,
    /// Make a link by which somebody sets a password.
    MakeLink,
    /// Take a second factor away that somebody has lost.
    ResetFactors,
    /// Log a person out everywhere.
    EndSessions,
    /// Put a new key in use.
    Rotate,
}

/// One thing that can be done, and by whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Where.
    pub page: Page,
    /// What.
    pub action: Action,
    /// Who may.
    pub who: &'static [Role],
    /// Whether somebody who logged in a while ago logs in again first.
    pub fresh: bool,
}

const READERS: &[Role] = &[Role::Administrator, Role::Auditor];
const CHANGERS: &[Role] = &[Role::Administrator];

const fn read(page: Page, action: Action) -> Rule {
    Rule { page, action, who: READERS, fresh: false }
}

const fn change(page: Page, action: Action) -> Rule {
    Rule { page, action, who: CHANGERS, fresh: false }
}

/// A change that cannot be undone, or that gives power.
const fn grave(page: Page, action: Action) -> Rule {
    Rule { page, action, who: CHANGERS, fresh: true }
}

/// Everything that can be done in the console.
pub const RULES: &[Rule] = &[
    read(Page::Overview, Action::Show),
    read(Page::Tenants, Action::List),
    read(Page::Tenants, Action::Show),
    grave(Page::Tenants, Action::Create),
    change(Page::Tenants, Action::Edit),
    grave(Page::Tenants, Action::MakeLink),
    grave(Page::Tenants, Action::Enable),
    grave(Page::Tenants, Action::Disable),
    grave(Page::Tenants, Action::Remove),
    read(Page::Servers, Action::List),
    read(Page::Servers, Action::Show),
    change(Page::Servers, Action::Create),
    change(Page::Servers, Action::Edit),
    change(Page::Servers, Action::Probe),
    change(Page::Servers, Action::Accept),
    change(Page::Servers, Action::Enable),
    grave(Page::Servers, Action::Disable),
    grave(Page::Servers, Action::Remove),
    read(Page::Clients, Action::List),
    read(Page::Clients, Action::Show),
    change(Page::Clients, Action::Approve),
    grave(Page::Clients, Action::Suspend),
    change(Page::Clients, Action::Resume),
    grave(Page::Clients, Action::Remove),
    read(Page::InitialTokens, Action::List),
    grave(Page::InitialTokens, Action::Create),
    change(Page::InitialTokens, Action::Revoke),
    read(Page::People, Action::List),
    read(Page::People, Action::Show),
    change(Page::People, Action::Create),
    grave(Page::People, Action::EditRoles),
    grave(Page::People, Action::MakeLink),
    grave(Page::People, Action::ResetFactors),
    change(Page::People, Action::Enable),
    grave(Page::People, Action::Disable),
    change(Page::People, Action::EndSessions),
    read(Page::Providers, Action::List),
    read(Page::Providers, Action::Show),
    // Whoever says who vouches for people says who comes in, and as what.
    grave(Page::Providers, Action::Create),
    grave(Page::Providers, Action::Edit),
    grave(Page::Providers, Action::Enable),
    grave(Page::Providers, Action::Disable),
    grave(Page::Providers, Action::Remove),
    change(Page::Providers, Action::Probe),
    read(Page::Grants, Action::List),
    read(Page::Grants, Action::Show),
    change(Page::Grants, Action::Revoke),
    grave(Page::Grants, Action::RevokeAll),
    read(Page::Audit, Action::List),
    read(Page::Audit, Action::Show),
    read(Page::Audit, Action::Export),
    read(Page::Keys, Action::List),
    grave(Page::Keys, Action::Rotate),
    read(Page::ApiTokens, Action::List),
    read(Page::ApiTokens, Action::Show),
    grave(Page::ApiTokens, Action::Create),
    change(Page::ApiTokens, Action::Revoke),
    read(Page::Settings, Action::Show),
    grave(Page::Settings, Action::Edit),
];

/// Why somebody may not do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// No role of theirs may see the console.
    #[error("nobody let you see the console of this place")]
    NoRole,
    /// They may look, and not touch.
    #[error("your role lets you read, and change nothing")]
    ReadsOnly,
}

/// The rule for `action` at `page`, if one of `roles` may do it.
///
/// # Errors
/// They may not. What has no rule nobody may do.
pub fn may(roles: &[Role], page: Page, action: Action) -> Result<&'static Rule, Denied> {
    let rule = RULES.iter().find(|rule| rule.page == page && rule.action == action);
    match rule {
        Some(rule) if rule.who.iter().any(|role| roles.contains(role)) => Ok(rule),
        _ if roles.iter().any(|role| READERS.contains(role)) => Err(Denied::ReadsOnly),
        _ => Err(Denied::NoRole),
    }
}

/// Whether somebody reads on behalf of others: then it is written down what they read.
pub fn reads_are_evidence(roles: &[Role]) -> bool {
    roles.contains(&Role::Auditor) && !roles.contains(&Role::Administrator)
}

// === impl Role ===

impl Role {
    /// Reads the words that are stored. A word that means nothing gives nothing.
    pub fn of_words(words: &[String]) -> Vec<Self> {
        let role = |word: &String| match word.as_str() {
            "administrator" => Some(Self::Administrator),
            "auditor" => Some(Self::Auditor),
            "person" => Some(Self::Member),
            _ => None,
        };
        words.iter().filter_map(role).collect()
    }

    /// The word in the database and in files of `apply`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::Auditor => "auditor",
            Self::Member => "person",
        }
    }

    /// The word for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Administrator => "Administrator",
            Self::Auditor => "Auditor",
            Self::Member => "Member",
        }
    }
}

// === impl Page ===

impl Page {
    /// All of them, as the navigation has them.
    pub const ALL: [Self; 12] = [
        Self::Overview,
        Self::Tenants,
        Self::Servers,
        Self::Clients,
        Self::InitialTokens,
        Self::People,
        Self::Providers,
        Self::Grants,
        Self::Audit,
        Self::Keys,
        Self::ApiTokens,
        Self::Settings,
    ];

    /// Whether the console of a tenant has it; or that of the platform, whose administrators look after tenants and see nothing of
    /// what is in them.
    pub const fn is_at(self, platform: bool) -> bool {
        match self {
            Self::Overview | Self::People | Self::Audit | Self::Settings => true,
            Self::Tenants => platform,
            Self::Servers
            | Self::Clients
            | Self::InitialTokens
            | Self::Providers
            | Self::Grants
            | Self::Keys
            | Self::ApiTokens => !platform,
        }
    }

    /// The part that the navigation has for it.
    pub const fn part(self) -> Self {
        match self {
            Self::InitialTokens => Self::Clients,
            page => page,
        }
    }

    /// Its name in addresses; the overview has none.
    pub const fn slug(self) -> &'static str {
        match self {
            Self::Overview => "",
            Self::Tenants => "tenants",
            Self::Servers => "servers",
            Self::Clients => "clients",
            Self::InitialTokens => "clients/-/tokens",
            Self::People => "people",
            Self::Providers => "providers",
            Self::Grants => "grants",
            Self::Audit => "audit",
            Self::Keys => "keys",
            Self::ApiTokens => "tokens",
            Self::Settings => "settings",
        }
    }

    /// Its name in rights of tokens.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Overview => "overview",
            Self::InitialTokens => "initial-tokens",
            page => page.slug(),
        }
    }

    /// Its name for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Tenants => "Tenants",
            Self::Servers => "Servers",
            Self::Clients => "Clients",
            Self::InitialTokens => "Initial access tokens",
            Self::People => "People",
            Self::Providers => "Identity providers",
            Self::Grants => "Grants",
            Self::Audit => "Audit log",
            Self::Keys => "Keys",
            Self::ApiTokens => "API tokens",
            Self::Settings => "Settings",
        }
    }
}

// === impl Action ===

impl Action {
    /// Its name for people, as the documented table has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Show => "show",
            Self::Export => "export",
            Self::Create => "create",
            Self::Edit => "edit",
            Self::Enable => "enable",
            Self::Disable => "disable",
            Self::Remove => "remove",
            Self::Probe => "probe",
            Self::Accept => "accept tools",
            Self::Approve => "approve",
            Self::Suspend => "suspend",
            Self::Resume => "resume",
            Self::Revoke => "revoke",
            Self::RevokeAll => "revoke many",
            Self::EditRoles => "edit roles",
            Self::MakeLink => "make a link",
            Self::ResetFactors => "take second factors away",
            Self::EndSessions => "end sessions",
            Self::Rotate => "rotate",
        }
    }
}

impl Action {
    /// Its name in rights of tokens.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::RevokeAll => "revoke-many",
            Self::EditRoles => "roles",
            Self::MakeLink => "link",
            Self::EndSessions => "end-sessions",
            Self::ResetFactors => "reset-factors",
            other => other.name(),
        }
    }
}

/// The table for people, as Markdown.
pub struct Matrix;

impl fmt::Display for Matrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| page | action | administrator | auditor | member |\n|---|---|---|---|---|")?;
        for rule in RULES {
            let cell = |role: Role| match (rule.who.contains(&role), rule.fresh) {
                (true, true) => "after a fresh login",
                (true, false) => "yes",
                (false, _) => "\u{2013}",
            };
            let cells = [Role::Administrator, Role::Auditor, Role::Member].map(cell).join(" | ");
            writeln!(f, "| {} | {} | {cells} |", rule.page.name(), rule.action.name())?;
        }
        Ok(())
    }
}
