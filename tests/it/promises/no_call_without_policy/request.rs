//! One request, taken apart into what can vary.

use proptest::sample::Index;

/// Tools. The last two are in no catalogue; one of them is so by its case only.
pub(super) const TOOLS: [&str; 5] = ["look", "edit", "purge", "stray", "LOOK"];
/// Prompts. The second is in no catalogue.
pub(super) const PROMPTS: [&str; 2] = ["brief", "stray"];
/// Resources: below `note:///open/*`, one of its own, that one by a detour, and one that nobody listed.
pub(super) const RESOURCES: [&str; 4] = ["note:///open/1", "note:///closed", "note:///open/../closed", "other:///x"];
/// Lists of what there is.
pub(super) const LISTS: [&str; 3] = ["tools/list", "prompts/list", "resources/list"];

#[derive(Clone, Debug)]
pub(super) struct Request {
    /// By whose token: of all there are.
    pub(super) token: Index,
    pub(super) verb: Verb,
    pub(super) modern: bool,
    pub(super) what: What,
    pub(super) door: Door,
    pub(super) origin: Origin,
    pub(super) credential: Credential,
    pub(super) form: Form,
    pub(super) heads: Heads,
    pub(super) session: Session,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Post,
    Get,
    Delete,
    Options,
    Head,
    Put,
}

/// What a POST asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Tool(usize),
    Prompt(usize),
    Resource(usize),
    /// The completion of a prompt's argument.
    Complete(usize),
    /// To hear of changes of these resources: a bit for each.
    Listen(u8),
    List(usize),
    /// Some earlier call, by an id that tells nothing of it.
    Task,
    Initialize,
    Initialized,
    Ping,
    Discover,
    Cancelled,
    /// A method of no protocol.
    Unheard,
    /// An answer to a request of the server.
    Answer,
}

/// Where it is sent.
#[derive(Clone, Copy, Debug)]
pub(super) enum Door {
    /// Where its token belongs.
    Home,
    Of(Index),
    Nowhere,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// No page: a program.
    None,
    Own,
    /// One that some tenants allow.
    Page,
    Foreign,
    Null,
}

/// How the token is presented, or what instead of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Credential {
    Bearer,
    /// With the scheme in lower case.
    Lower,
    /// Twice.
    Twice,
    /// In the header, and in the address too.
    Address,
    Nothing,
    Basic,
    Garbage,
    /// An access token to all appearances, but nobody gave it out.
    NeverIssued,
    /// A good handle of another kind.
    RefreshToken,
    /// What an upstream was given.
    OwnJwt,
}

/// How a message is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Plain,
    /// Method and name with escapes: the same message.
    Escaped,
    Batch,
    /// The member `method` twice, harmless first.
    TwoMethods,
    /// A member of its parameters twice.
    TwoNames,
    /// Another `Method` beside the method.
    Lookalike,
    /// Another `Name` among the parameters.
    LookalikeName,
    Trailing,
    NoMessage,
    /// A request without an id, or a notification with one.
    OtherKind,
    /// Without the name of what it is about.
    Nameless,
}

/// The headers beside the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heads {
    Right,
    /// `Mcp-Name` in base64.
    Encoded,
    /// No `Mcp-Method`, no `Mcp-Name`.
    Bare,
    NoName,
    OtherMethod,
    OtherName,
    TwiceMethod,
    NoVersion,
    /// The other era's version.
    OtherVersion,
    UnknownVersion,
    WrongType,
    NoStream,
}

/// The legacy session that is presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Session {
    None,
    /// The newest that this family was given here.
    Own,
    /// The newest that somebody else was given, or this family elsewhere.
    Anothers,
    MadeUp,
}

impl What {
    /// The method. An answer has none.
    pub(super) fn method(self) -> Option<&'static str> {
        Some(match self {
            Self::Tool(_) => "tools/call",
            Self::Prompt(_) => "prompts/get",
            Self::Resource(_) => "resources/read",
            Self::Complete(_) => "completion/complete",
            Self::Listen(_) => "subscriptions/listen",
            Self::List(at) => LISTS[at],
            Self::Task => "tasks/get",
            Self::Initialize => "initialize",
            Self::Initialized => "notifications/initialized",
            Self::Ping => "ping",
            Self::Discover => "server/discover",
            Self::Cancelled => "notifications/cancelled",
            Self::Unheard => "tools/call_all",
            Self::Answer => return None,
        })
    }

    /// The one thing it is about.
    pub(super) fn name(self) -> Option<&'static str> {
        match self {
            Self::Tool(at) => Some(TOOLS[at]),
            Self::Prompt(at) | Self::Complete(at) => Some(PROMPTS[at]),
            Self::Resource(at) => Some(RESOURCES[at]),
            Self::Task => Some("task-1"),
            _ => None,
        }
    }

    /// Whether `Mcp-Name` repeats the name.
    pub(super) fn is_mirrored(self) -> bool {
        matches!(self, Self::Tool(_) | Self::Prompt(_) | Self::Resource(_) | Self::Task)
    }

    /// Whether only the modern era has it, or only the legacy one.
    pub(super) fn era(self) -> Option<bool> {
        match self {
            Self::Initialize | Self::Initialized | Self::Ping | Self::Answer => Some(false),
            Self::Discover | Self::Listen(_) => Some(true),
            _ => None,
        }
    }

    /// Whether it exists in an era.
    pub(super) fn exists(self, modern: bool) -> bool {
        self != Self::Unheard && self.era().is_none_or(|only| only == modern)
    }

    /// Whether it waits for an answer.
    pub(super) fn is_request(self) -> bool {
        !matches!(self, Self::Initialized | Self::Cancelled | Self::Answer)
    }
}
