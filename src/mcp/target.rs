//! What a call is about: the part of its parameters that policy needs.

use serde_json::value::RawValue;

use super::{
    Method, Reject,
    json::{self, Members},
};

/// What a call is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// Nothing in particular: lists, lifecycle, notifications, responses.
    None,
    /// A tool by name.
    Tool(String),
    /// A prompt by name.
    Prompt(String),
    /// A resource by URI.
    Resource(String),
    /// A resource template (RFC 6570): completion of its variables.
    Template(String),
    /// A task by id.
    Task(String),
    /// What `subscriptions/listen` wants to hear of, beside changes of lists.
    Subscriptions {
        /// URIs of resources.
        resources: Vec<String>,
        /// Ids of tasks.
        tasks: Vec<String>,
    },
}

impl Target {
    /// The name of the one thing, where it is one.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Tool(name) | Self::Prompt(name) | Self::Resource(name) | Self::Template(name) | Self::Task(name) => {
                Some(name)
            }
            Self::None | Self::Subscriptions { .. } => None,
        }
    }
}

/// The parameters of a request or notification.
#[derive(Default)]
pub(super) struct Params<'a>(Members<'a>);

impl<'a> Params<'a> {
    /// Reads an object; `null` counts as absent.
    pub(super) fn read(raw: Option<&'a RawValue>) -> Result<Self, Reject> {
        const KNOWN: [&str; 8] =
            ["name", "uri", "taskId", "ref", "arguments", "notifications", "protocolVersion", "_meta"];
        match raw {
            Some(raw) if !json::is_null(raw) => object(raw, "params", &KNOWN).map(Self),
            _ => Ok(Self::default()),
        }
    }

    /// The string member `key`, as it is.
    pub(super) fn text(&self, key: &str) -> Option<String> {
        self.0.get(key).and_then(json::text)
    }

    /// The object `_meta`, if it is one.
    pub(super) fn meta(&self) -> Option<Members<'a>> {
        self.0.get("_meta").and_then(|raw| Members::of(raw.get()))
    }

    /// What `Mcp-Name` mirrors for `method`. An extension's own parameter of one of the usual names may be mirrored
    /// too: the TypeScript SDK does so.
    pub(super) fn mirrored_name(&self, method: &Method) -> Option<String> {
        match method {
            Method::ToolsCall | Method::PromptsGet => self.text("name"),
            Method::ResourcesRead | Method::ResourcesSubscribe | Method::ResourcesUnsubscribe => self.text("uri"),
            Method::TasksGet | Method::TasksUpdate | Method::TasksCancel | Method::TasksResult => self.text("taskId"),
            Method::Extension(_) => self.text("name").or_else(|| self.text("uri")).or_else(|| self.text("taskId")),
            _ => None,
        }
    }

    /// What `method` with these parameters is about.
    pub(super) fn target(&self, method: &Method) -> Result<Target, Reject> {
        Ok(match method {
            Method::ToolsCall => Target::Tool(name(&self.0, "name")?),
            Method::PromptsGet => Target::Prompt(name(&self.0, "name")?),
            Method::ResourcesRead | Method::ResourcesSubscribe | Method::ResourcesUnsubscribe => {
                Target::Resource(name(&self.0, "uri")?)
            }
            Method::TasksGet | Method::TasksUpdate | Method::TasksCancel | Method::TasksResult => {
                Target::Task(name(&self.0, "taskId")?)
            }
            Method::Complete => self.completed()?,
            Method::Listen => self.subscriptions()?,
            _ => Target::None,
        })
    }

    fn completed(&self) -> Result<Target, Reject> {
        let raw = self.0.get("ref").ok_or_else(|| Reject::invalid_params("The parameter ref is missing."))?;
        let reference = object(raw, "ref", &["type", "name", "uri"])?;
        match reference.get("type").and_then(json::text).as_deref() {
            Some("ref/prompt") => Ok(Target::Prompt(name(&reference, "name")?)),
            Some("ref/resource") => {
                let uri = name(&reference, "uri")?;
                Ok(if uri.contains('{') { Target::Template(uri) } else { Target::Resource(uri) })
            }
            _ => Err(Reject::invalid_params("The parameter ref must be a ref/prompt or a ref/resource.")),
        }
    }

    fn subscriptions(&self) -> Result<Target, Reject> {
        const KNOWN: [&str; 5] =
            ["toolsListChanged", "promptsListChanged", "resourcesListChanged", "resourceSubscriptions", "taskIds"];
        let Some(raw) = self.0.get("notifications") else {
            return Err(Reject::invalid_params("The parameter notifications is missing."));
        };
        let filter = object(raw, "notifications", &KNOWN)?;
        Ok(Target::Subscriptions {
            resources: names(&filter, "resourceSubscriptions")?,
            tasks: names(&filter, "taskIds")?,
        })
    }
}

/// The object `raw`, which must not have a member that an upstream could take for one of `known`.
fn object<'a>(raw: &'a RawValue, what: &str, known: &[&str]) -> Result<Members<'a>, Reject> {
    let members = Members::of(raw.get()).ok_or_else(|| Reject::invalid_params(format!("{what} must be an object.")))?;
    match members.imitation(known) {
        Some(name) => Err(Reject::invalid_params(format!("A member of {what} differs from {name} in case only."))),
        None => Ok(members),
    }
}

/// The longest name, URI or id that is taken, in bytes. It is judged, compared with a header and written into the audit
/// log, so it must not be as long as a body. Far above what tools are called and what URIs HTTP carries.
pub(super) const LONGEST_NAME: usize = 8 * 1024;
/// The most names that one subscription may list. Each is judged by itself.
pub(super) const MOST_NAMES: usize = 1000;

/// A string that names something: not empty, not endless, without control characters.
fn name(members: &Members<'_>, key: &str) -> Result<String, Reject> {
    members.get(key).and_then(json::text).filter(|text| is_name(text)).ok_or_else(|| bad_name(key))
}

/// A list of such strings, empty where it is absent.
fn names(members: &Members<'_>, key: &str) -> Result<Vec<String>, Reject> {
    let Some(raw) = members.get(key) else { return Ok(Vec::new()) };
    serde_json::from_str::<Vec<String>>(raw.get())
        .ok()
        .filter(|list| list.len() <= MOST_NAMES && list.iter().all(|text| is_name(text)))
        .ok_or_else(|| bad_name(key))
}

fn is_name(text: &str) -> bool {
    (1..=LONGEST_NAME).contains(&text.len()) && !text.chars().any(char::is_control)
}

fn bad_name(key: &str) -> Reject {
    Reject::invalid_params(format!("{key} must be given, as text of sensible length without control characters."))
}
