//! Protected resource metadata (RFC 9728): which server this is, and who gives out tokens for it.

use std::io::Write;

use url::Url;

use super::{
    Stop, Trial,
    challenge::Challenge,
    document::{Document, shown, text, texts},
    place::inserted,
    report::Step,
    rules,
};

/// What is known of the server.
#[derive(Debug)]
pub(super) struct Resource {
    /// What a token is asked for (RFC 8707); none where no document says it.
    pub(super) identifier: Option<String>,
    /// The issuer, as it is written.
    pub(super) issuer: String,
    /// The scopes that the document names.
    pub(super) scopes: Vec<String>,
}

impl<W: Write> Trial<'_, W> {
    /// Finds the document and judges it.
    pub(super) async fn resource(&mut self, challenge: Option<&Challenge>) -> Result<Resource, Stop> {
        let mut step = Step::new("Resource metadata");
        let found = self.find(&mut step, challenge).await;
        let judged = match found {
            Some((at, document)) => {
                step.got(at.as_str());
                self.judge_resource(&mut step, &document)
            }
            None => {
                step.got("not found");
                step.broke(
                    &rules::NO_RESOURCE_DOCUMENT,
                    "There is no document that says who gives out tokens for this server.",
                );
                let issuer = self.options.url.url().origin().ascii_serialization();
                step.more(format!("going on as clients of 2025-03-26 did, with {issuer} as the issuer"));
                Ok(Resource { identifier: None, issuer, scopes: Vec::new() })
            }
        };
        self.report.end(step);
        judged
    }

    /// Where the challenge says, else at the well-known address of the path, else at that of the root.
    async fn find(&mut self, step: &mut Step, challenge: Option<&Challenge>) -> Option<(Url, Document)> {
        let url = self.options.url.url();
        let mut places = Vec::new();
        if let Some(named) = challenge.and_then(|challenge| challenge.get("resource_metadata")) {
            match Url::parse(named) {
                Ok(named) => places.push(named),
                Err(_) => step.broke(&rules::MALFORMED_CHALLENGE, format!("resource_metadata is no URL: \"{named}\".")),
            }
        }
        let mut root = url.clone();
        root.set_path("/");
        root.set_query(None);
        for place in [inserted(url, "oauth-protected-resource"), inserted(&root, "oauth-protected-resource")] {
            if !places.contains(&place) {
                places.push(place);
            }
        }
        for place in places {
            if let Some(document) = self.document(step, &place).await {
                return Some((place, document));
            }
        }
        None
    }

    fn judge_resource(&self, step: &mut Step, document: &Document) -> Result<Resource, Stop> {
        let typed = &self.options.url;
        let identifier = text(document, "resource");
        if identifier != Some(typed.as_str()) {
            let named = shown(document, "resource");
            if !identifier.is_some_and(|named| covers(named, typed.url())) {
                let sentence = format!(
                    "The document is about another server, and a token for that one is not sent here: {named}."
                );
                step.broke(&rules::RESOURCE_ELSEWHERE, sentence);
                return Err(Stop);
            }
            step.broke(
                &rules::RESOURCE_DIFFERS,
                format!("resource is {named}, and the URL that was typed is \"{}\".", typed.as_str()),
            );
        }
        if let Some(methods) =
            texts(document, "bearer_methods_supported").filter(|methods| !methods.contains(&"header"))
        {
            step.broke(&rules::NOT_IN_HEADER, format!("bearer_methods_supported is {methods:?}, without \"header\"."));
        }
        let scopes: Vec<String> =
            texts(document, "scopes_supported").unwrap_or_default().into_iter().map(str::to_owned).collect();
        if scopes.iter().any(|scope| scope == "offline_access") {
            step.broke(&rules::OFFLINE_IN_RESOURCE, "scopes_supported has offline_access.");
        }
        let issuers = texts(document, "authorization_servers").unwrap_or_default();
        let Some(issuer) = issuers.first() else {
            let named = shown(document, "authorization_servers");
            step.broke(
                &rules::NO_ISSUERS,
                format!("authorization_servers is {named}, and must name who gives out tokens."),
            );
            return Err(Stop);
        };
        step.more(format!("issuer {issuer}"));
        if issuers.len() > 1 {
            step.more(format!("of {} authorization servers, the first is tried", issuers.len()));
        }
        if !scopes.is_empty() {
            step.more(format!("scopes {}", scopes.join(" ")));
        }
        Ok(Resource { identifier: identifier.map(str::to_owned), issuer: (*issuer).to_owned(), scopes })
    }
}

/// Whether a lenient client takes `named` for the server at `typed`: the same place or one above it, but for slashes.
fn covers(named: &str, typed: &Url) -> bool {
    let Ok(named) = Url::parse(named) else { return false };
    let above = named.path().trim_end_matches('/');
    let rest = typed.path().trim_end_matches('/').strip_prefix(above);
    named.origin() == typed.origin() && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_nowhere_else_than_to_whom_it_is_for() {
        let typed = Url::parse("https://mcp.example/a/mcp").unwrap();
        for named in [
            "https://mcp.example/a/mcp/",
            "https://MCP.example:443/a/mcp",
            "https://mcp.example/a",
            "https://mcp.example",
        ] {
            assert!(covers(named, &typed), "{named}");
        }
        for named in [
            "https://mcp.example/b/mcp",
            "https://mcp.example/a/mc",
            "https://other.example/a/mcp",
            "http://mcp.example/a/mcp",
            "",
        ] {
            assert!(!covers(named, &typed), "{named}");
        }
    }
}
