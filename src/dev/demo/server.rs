//! The MCP server: what it says of itself, its prompt and its resources. Its tools are in [`super::tools`].

use std::sync::Arc;

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    handler::server::wrapper::Parameters,
    model::{
        Implementation, ListResourcesResult, PaginatedRequestParams, PromptMessage, ReadResourceRequestParams,
        ReadResourceResponse, ReadResourceResult, Resource, ResourceContents, Role, ServerCapabilities, ServerConfig,
    },
    prompt, prompt_handler, prompt_router,
    service::RequestContext,
    tool_handler,
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    notebook::{self, Notebooks},
    tools::Caller,
};
use crate::clock::Clock;

const ABOUT_URI: &str = "sallyport://about";
const NOTES_URI: &str = "note://all";

const ABOUT: &str = "\
This is the demo server of Sallyport. It has no login of its own.

Sallyport checks the token of your client, decides whether the call is allowed, and sends it here with a JWT made for this server
alone: typ at+jwt, signed with EdDSA or ES256, valid for a minute at most. This server checks the signature against the issuer's key
set, then typ, iss, aud, exp and iat, and takes the caller from sub. A request that brings the client's own token is refused.

Call the tool whoami to see the claims of your own call.
";

/// One server for all sessions and all callers.
#[derive(Clone)]
pub(super) struct Demo {
    pub(super) clock: Clock,
    pub(super) notebooks: Arc<Notebooks>,
}

impl Demo {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, notebooks: Arc::default() }
    }
}

#[derive(Deserialize, JsonSchema)]
struct ReviewNotes {
    /// What to look for in the notes. Left out: everything.
    topic: Option<String>,
}

#[prompt_router]
impl Demo {
    #[prompt(name = "review_notes", description = "Summarise your notes, say what is open and what comes next.")]
    fn review_notes(&self, caller: Caller, Parameters(asked): Parameters<ReviewNotes>) -> Vec<PromptMessage> {
        let topic = asked.topic.map_or_else(String::new, |topic| format!(" Look only at what concerns: {topic}."));
        let notes = notebook::as_text(&self.notebooks.list(&caller.claims.sub));
        let text = format!(
            "Summarise my notes below in three sentences, then list what is open and what comes next.{topic}\n\n{notes}"
        );
        vec![PromptMessage::new_text(Role::User, text)]
    }
}

#[tool_handler]
#[prompt_handler]
impl ServerHandler for Demo {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder().enable_tools().enable_prompts().enable_resources().build();
        ServerConfig::new(capabilities)
            .with_server_info(
                Implementation::new("sallyport-demo", env!("CARGO_PKG_VERSION")).with_title("Sallyport demo server"),
            )
            .with_instructions(
                "A demo behind Sallyport. Call whoami to see what this server knows of you; keep notes with note_add.",
            )
    }

    async fn list_resources(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        Ok(ListResourcesResult::with_all_items(vec![
            Resource::new(ABOUT_URI, "about")
                .with_title("About this server")
                .with_description("What this server is and what it checks.")
                .with_mime_type("text/plain"),
            Resource::new(NOTES_URI, "notes")
                .with_title("Your notes")
                .with_description("All notes in your own notebook.")
                .with_mime_type("text/plain"),
        ]))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let text = match request.uri.as_str() {
            ABOUT_URI => ABOUT.to_owned(),
            NOTES_URI => notebook::as_text(&self.notebooks.list(&Caller::of(&context)?.claims.sub)),
            _ => return Err(ErrorData::resource_not_found("no such resource: see resources/list", None)),
        };
        Ok(ReadResourceResult::new(vec![ResourceContents::text(text, request.uri)]).into())
    }
}
