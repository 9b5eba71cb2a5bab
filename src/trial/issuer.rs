//! Authorization server metadata (RFC 8414, OpenID Connect Discovery), found and judged as clients do it.

use std::io::Write;

use url::Url;

use super::{
    Stop, Trial,
    document::{Document, shown, text, texts},
    place::{appended, inserted},
    report::Step,
    resource::Resource,
    rules,
};

/// What is known of the authorization server.
#[derive(Debug)]
pub(super) struct Issuer {
    /// As the metadata have it.
    pub(super) name: String,
    pub(super) authorization: Option<Url>,
    pub(super) token: Url,
    pub(super) registration: Option<Url>,
    pub(super) revocation: Option<Url>,
    pub(super) device: Option<Url>,
    /// How clients may prove themselves; `client_secret_basic` where it is left out (RFC 8414 §2).
    pub(super) methods: Vec<String>,
    /// Whether it promises `iss` in its answers (RFC 9207).
    pub(super) says_iss: bool,
    /// Whether scopes have `offline_access`.
    pub(super) offline: bool,
    /// Whether a client id can be the address of a metadata document.
    pub(super) documents: bool,
}

impl<W: Write> Trial<'_, W> {
    /// Finds the document and judges it.
    pub(super) async fn issuer(&mut self, resource: &Resource) -> Result<Issuer, Stop> {
        let mut step = Step::new("Issuer metadata");
        let judged = self.found_issuer(&mut step, resource).await;
        self.report.end(step);
        judged
    }

    async fn found_issuer(&mut self, step: &mut Step, resource: &Resource) -> Result<Issuer, Stop> {
        let Ok(url) = Url::parse(&resource.issuer) else {
            step.broke(&rules::NO_ISSUERS, format!("The issuer is no URL: \"{}\".", resource.issuer));
            return Err(Stop);
        };
        if url.query().is_some() || url.fragment().is_some() {
            step.broke(&rules::ISSUER_DIFFERS, format!("The issuer {url} has a query or a fragment (RFC 8414 §2)."));
        }
        let mut places = vec![inserted(&url, "oauth-authorization-server")];
        for place in [inserted(&url, "openid-configuration"), appended(&url, "openid-configuration")] {
            if !places.contains(&place) {
                places.push(place);
            }
        }
        for place in places {
            if let Some(document) = self.document(step, &place).await {
                step.got(place.as_str());
                return self.judge_issuer(step, &resource.issuer, &url, &document);
            }
        }
        step.got("not found");
        step.broke(&rules::NO_ISSUER_DOCUMENT, format!("{url} has no metadata at any of the addresses above."));
        Err(Stop)
    }

    fn judge_issuer(&self, step: &mut Step, expected: &str, url: &Url, document: &Document) -> Result<Issuer, Stop> {
        let named = text(document, "issuer").unwrap_or_default();
        if named != expected {
            let sentence = format!("issuer is {}, and it was asked for as \"{expected}\".", shown(document, "issuer"));
            if named.trim_end_matches('/') == expected.trim_end_matches('/') {
                step.broke(&rules::ISSUER_SLASH, sentence);
            } else {
                step.broke(&rules::ISSUER_DIFFERS, sentence);
                if Url::parse(named).is_ok_and(|named| named.origin() != url.origin()) {
                    return Err(Stop);
                }
            }
        }
        self.judge_abilities(step, document);
        let token = self.endpoint(step, document, "token_endpoint")?;
        let authorization = self.endpoint(step, document, "authorization_endpoint")?;
        let registration = self.endpoint(step, document, "registration_endpoint")?;
        let revocation = self.endpoint(step, document, "revocation_endpoint")?;
        let device = self.endpoint(step, document, "device_authorization_endpoint")?;
        let Some(token) = token else {
            step.broke(&rules::MISSING_ENDPOINT, "token_endpoint is missing.");
            return Err(Stop);
        };
        if authorization.is_none() && self.options.login != super::Login::Device {
            step.broke(&rules::MISSING_ENDPOINT, "authorization_endpoint is missing.");
            return Err(Stop);
        }
        let methods = texts(document, "token_endpoint_auth_methods_supported").unwrap_or(vec!["client_secret_basic"]);
        let flag = |name: &str| document.get(name).and_then(serde_json::Value::as_bool) == Some(true);
        let documents = flag("client_id_metadata_document_supported");
        if registration.is_none() && !documents {
            step.broke(
                &rules::NO_WAY_TO_REGISTER,
                "It has no registration_endpoint and takes no metadata documents as client ids.",
            );
        }
        let says_iss = flag("authorization_response_iss_parameter_supported");
        if !says_iss {
            step.broke(&rules::NO_ISS_ADVERTISED, "authorization_response_iss_parameter_supported is not true.");
        }
        let offline = texts(document, "scopes_supported").is_some_and(|scopes| scopes.contains(&"offline_access"));
        step.more(format!(
            "registration: {}; client authentication: {}",
            match (registration.is_some(), documents) {
                (true, true) => "dynamic, metadata documents",
                (true, false) => "dynamic",
                (false, true) => "metadata documents",
                (false, false) => "by hand",
            },
            methods.join(" ")
        ));
        let methods = methods.into_iter().map(str::to_owned).collect();
        let name = named.to_owned();
        Ok(Issuer {
            name,
            authorization,
            token,
            registration,
            revocation,
            device,
            methods,
            says_iss,
            offline,
            documents,
        })
    }

    /// What every MCP client needs.
    fn judge_abilities(&self, step: &mut Step, document: &Document) {
        let has = |name: &str, value: &str| texts(document, name).map(|values| values.contains(&value));
        if has("code_challenge_methods_supported", "S256") != Some(true) {
            let methods = shown(document, "code_challenge_methods_supported");
            step.broke(&rules::NO_S256, format!("code_challenge_methods_supported is {methods}, and must have S256."));
        }
        if has("response_types_supported", "code") != Some(true) {
            let types = shown(document, "response_types_supported");
            step.broke(&rules::NO_CODE, format!("response_types_supported is {types}, and must have code."));
        }
        // Left out, it means authorization_code and implicit.
        if has("grant_types_supported", "authorization_code") == Some(false) {
            step.broke(&rules::NO_CODE_GRANT, "grant_types_supported has no authorization_code.");
        }
        if has("grant_types_supported", "refresh_token") != Some(true) {
            step.broke(&rules::NO_REFRESH_GRANT, "grant_types_supported has no refresh_token.");
        }
        if has("token_endpoint_auth_methods_supported", "none") != Some(true) {
            let methods = shown(document, "token_endpoint_auth_methods_supported");
            step.broke(
                &rules::NO_PUBLIC_CLIENTS,
                format!("token_endpoint_auth_methods_supported is {methods}, without none."),
            );
        }
    }

    /// An endpoint, if it is there. One that cannot be used is as bad as a lie.
    fn endpoint(&self, step: &mut Step, document: &Document, name: &str) -> Result<Option<Url>, Stop> {
        if document.get(name).is_none_or(serde_json::Value::is_null) {
            return Ok(None);
        }
        let Some(url) = text(document, name).and_then(|text| Url::parse(text).ok()) else {
            step.broke(&rules::MISSING_ENDPOINT, format!("{name} is no URL: {}.", shown(document, name)));
            return Err(Stop);
        };
        self.http.may_go(&url).map_err(|failed| {
            step.broke(failed.rule, format!("{name}: {}", failed.why));
            Stop
        })?;
        Ok(Some(url))
    }
}
