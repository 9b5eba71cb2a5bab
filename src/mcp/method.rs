//! The methods of the protocol and the eras they exist in.

use super::Era;

/// A JSON-RPC method that a client may send.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// `initialize`
    Initialize,
    /// `notifications/initialized`
    Initialized,
    /// `server/discover`
    Discover,
    /// `ping`
    Ping,
    /// `tools/list`
    ToolsList,
    /// `prompts/list`
    PromptsList,
    /// `resources/list`
    ResourcesList,
    /// `resources/templates/list`
    ResourceTemplatesList,
    /// `tools/call`
    ToolsCall,
    /// `prompts/get`
    PromptsGet,
    /// `resources/read`
    ResourcesRead,
    /// `resources/subscribe`
    ResourcesSubscribe,
    /// `resources/unsubscribe`
    ResourcesUnsubscribe,
    /// `completion/complete`
    Complete,
    /// `subscriptions/listen`
    Listen,
    /// `logging/setLevel`
    SetLevel,
    /// `tasks/get`
    TasksGet,
    /// `tasks/update`
    TasksUpdate,
    /// `tasks/cancel`
    TasksCancel,
    /// `tasks/result`
    TasksResult,
    /// `tasks/list`
    TasksList,
    /// `notifications/cancelled`
    Cancelled,
    /// `notifications/progress`
    Progress,
    /// `notifications/roots/list_changed`
    RootsListChanged,
    /// `notifications/tasks/status`
    TasksStatus,
    /// Anything else.
    Extension(String),
}

use Method::*;

/// A row: the method, its name, whether the legacy era has it, whether the modern era has it.
///
/// The modern core has no client notification over HTTP and none is needed; the two that a client may still send there
/// do no more than end or report on its own request. `tasks/*` is 2025-11-25's experiment or the modern extension
/// `io.modelcontextprotocol/tasks`, each with methods of its own.
const TABLE: [(Method, &str, bool, bool); 25] = [
    (Initialize, "initialize", true, false),
    (Initialized, "notifications/initialized", true, false),
    (Discover, "server/discover", false, true),
    (Ping, "ping", true, false),
    (ToolsList, "tools/list", true, true),
    (PromptsList, "prompts/list", true, true),
    (ResourcesList, "resources/list", true, true),
    (ResourceTemplatesList, "resources/templates/list", true, true),
    (ToolsCall, "tools/call", true, true),
    (PromptsGet, "prompts/get", true, true),
    (ResourcesRead, "resources/read", true, true),
    (ResourcesSubscribe, "resources/subscribe", true, false),
    (ResourcesUnsubscribe, "resources/unsubscribe", true, false),
    (Complete, "completion/complete", true, true),
    (Listen, "subscriptions/listen", false, true),
    (SetLevel, "logging/setLevel", true, false),
    (TasksGet, "tasks/get", true, true),
    (TasksUpdate, "tasks/update", false, true),
    (TasksCancel, "tasks/cancel", true, true),
    (TasksResult, "tasks/result", true, false),
    (TasksList, "tasks/list", true, false),
    (Cancelled, "notifications/cancelled", true, true),
    (Progress, "notifications/progress", true, true),
    (RootsListChanged, "notifications/roots/list_changed", true, false),
    (TasksStatus, "notifications/tasks/status", true, false),
];

impl Method {
    /// The method called `name`. Names are compared exactly.
    pub fn named(name: &str) -> Self {
        TABLE
            .iter()
            .find(|(_, wire, _, _)| *wire == name)
            .map_or_else(|| Extension(name.to_owned()), |(method, ..)| method.clone())
    }

    /// The name on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Extension(name) => name,
            known => TABLE.iter().find(|(method, ..)| method == known).map_or("", |(_, wire, ..)| wire),
        }
    }

    /// Whether the core protocol, or the tasks extension, has this method in `era`.
    pub fn exists_in(&self, era: Era) -> bool {
        TABLE.iter().find(|(method, ..)| method == self).is_some_and(|(_, _, legacy, modern)| match era {
            Era::Legacy => *legacy,
            Era::Modern => *modern,
        })
    }

    /// Whether the method is sent without an id, and never with one.
    pub fn is_notification(&self) -> bool {
        self.as_str().starts_with("notifications/")
    }

    /// Whether `Mcp-Name` must mirror a parameter: W5 of the transport, and SEP-2663 for tasks.
    pub(super) fn needs_name_header(&self) -> bool {
        matches!(self, ToolsCall | PromptsGet | ResourcesRead | TasksGet | TasksUpdate | TasksCancel)
    }
}

impl std::fmt::Display for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
