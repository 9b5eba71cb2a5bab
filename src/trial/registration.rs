//! Who the client is: one that is known already, one with a metadata document, or one that registers (RFC 7591).

use std::io::Write;

use reqwest::RequestBuilder;
use serde_json::{Value, json};
use url::Url;

use super::{
    Login, Stop, Trial,
    document::{Document, parsed, shown, text, texts},
    issuer::Issuer,
    login::{Catcher, DEVICE_GRANT},
    report::Step,
    rules,
};
use crate::secret::SecretText;

/// What the client calls itself.
const NAME: &str = "sallyport try";

/// A client.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) id: String,
    proof: Proof,
    /// How its registration is taken back (RFC 7592).
    management: Option<(Url, SecretText)>,
}

#[derive(Debug)]
enum Proof {
    None,
    Basic(SecretText),
    Post(SecretText),
}

impl Client {
    pub(super) fn is_public(&self) -> bool {
        matches!(self.proof, Proof::None)
    }

    /// A request to the token endpoint or one like it, as this client.
    pub(super) fn form(&self, request: RequestBuilder, fields: &[(&str, &str)]) -> RequestBuilder {
        let mut fields = fields.to_vec();
        match &self.proof {
            Proof::None => fields.push(("client_id", &self.id)),
            Proof::Post(secret) => fields.extend([("client_id", self.id.as_str()), ("client_secret", secret.expose())]),
            // Each part is form-encoded first (RFC 6749 §2.3.1).
            Proof::Basic(secret) => {
                let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
                return request.basic_auth(encoded(&self.id), Some(encoded(secret.expose()))).form(&fields);
            }
        }
        request.form(&fields)
    }
}

impl<W: Write> Trial<'_, W> {
    /// Becomes a client.
    pub(super) async fn register(&mut self, issuer: &Issuer, catcher: Option<&Catcher>) -> Result<Client, Stop> {
        let mut step = Step::new("Register");
        let client = match &self.options.client {
            Some(_) => Ok(self.known(&mut step, issuer)),
            None => self.registered(&mut step, issuer, catcher).await,
        };
        self.report.end(step);
        client
    }

    fn known(&mut self, step: &mut Step, issuer: &Issuer) -> Client {
        let (id, secret) = match &self.options.client {
            Some(known) => (known.id.clone(), known.secret.clone()),
            None => (String::new(), None),
        };
        if id.starts_with("https://") && secret.is_none() {
            step.got("not needed: the client id is the address of a metadata document");
            if !issuer.documents {
                step.broke(
                    &rules::NO_WAY_TO_REGISTER,
                    "client_id_metadata_document_supported is not true, so it may not know such ids.",
                );
            }
        } else {
            step.got(format!("not needed: client {id}"));
        }
        let basic = issuer.methods.iter().any(|method| method == "client_secret_basic");
        let proof = match secret {
            None => Proof::None,
            Some(secret) => {
                self.report.secret(&secret);
                if basic { Proof::Basic(secret) } else { Proof::Post(secret) }
            }
        };
        Client { id, proof, management: None }
    }

    async fn registered(
        &mut self,
        step: &mut Step,
        issuer: &Issuer,
        catcher: Option<&Catcher>,
    ) -> Result<Client, Stop> {
        let Some(endpoint) = &issuer.registration else {
            step.got("not possible");
            step.broke(
                &rules::NO_WAY_TO_REGISTER,
                "There is no registration_endpoint: name a client with --client-id.",
            );
            return Err(Stop);
        };
        let metadata = wishes(issuer, self.options.login, catcher);
        let mut request = self.http.post(endpoint).json(&metadata);
        if let Some(token) = &self.options.initial_token {
            self.report.secret(token);
            request = request.bearer_auth(token.expose());
        }
        let answer = self.http.send(request).await.map_err(|failed| {
            step.broke(failed.rule, failed.why);
            Stop
        })?;
        step.got(format!(
            "{}{}",
            answer.status.as_u16(),
            if answer.status.is_success() { String::new() } else { answer.said() }
        ));
        if !answer.status.is_success() {
            let hint = match answer.status.as_u16() {
                401 | 403 => {
                    " It wants an initial access token (--initial-token-file), or a client id that somebody gave you (--client-id)."
                }
                _ => " Where nobody may register, name a client with --client-id.",
            };
            let sentence =
                format!("The registration is refused with {}{}.{hint}", answer.status.as_u16(), answer.said());
            step.broke(&rules::REGISTRATION_REFUSED, sentence);
            return Err(Stop);
        }
        if answer.status != 201 {
            let sentence = format!("The registration is answered {}, not 201.", answer.status.as_u16());
            step.broke(&rules::REGISTRATION_STATUS, sentence);
        }
        let document = parsed(step, endpoint.as_str(), &answer).ok_or(Stop)?;
        self.echoed(step, &metadata, &document, issuer)
    }

    /// Judges what came back of what was wished for.
    fn echoed(
        &mut self,
        step: &mut Step,
        wishes: &Value,
        document: &Document,
        issuer: &Issuer,
    ) -> Result<Client, Stop> {
        let secret = text(document, "client_secret").map(|secret| SecretText::new(secret.to_owned()));
        let token = text(document, "registration_access_token").map(|token| SecretText::new(token.to_owned()));
        secret.iter().chain(&token).for_each(|secret| self.report.secret(secret));
        let Some(id) = text(document, "client_id").filter(|id| !id.is_empty()) else {
            step.broke(&rules::NO_CLIENT_ID, format!("client_id is {}.", shown(document, "client_id")));
            return Err(Stop);
        };
        step.got(format!("201, client {id}"));
        if document.get("redirect_uris") != wishes.get("redirect_uris") && wishes.get("redirect_uris").is_some() {
            let sentence = format!("redirect_uris is {}, not what was registered.", shown(document, "redirect_uris"));
            step.broke(&rules::REDIRECTS_NOT_ECHOED, sentence);
        }
        if secret.is_some() && !document.get("client_secret_expires_at").is_some_and(Value::is_number) {
            let sentence = format!("client_secret_expires_at is {}.", shown(document, "client_secret_expires_at"));
            step.broke(&rules::NO_SECRET_EXPIRY, sentence);
        }
        if let Some(grants) = texts(document, "grant_types").filter(|grants| !grants.contains(&"refresh_token")) {
            step.broke(
                &rules::GRANTS_CUT,
                format!("The client may not refresh: its grant_types are {}.", grants.join(" ")),
            );
        }
        let wished = wishes.get("token_endpoint_auth_method").and_then(Value::as_str).unwrap_or_default();
        let method = text(document, "token_endpoint_auth_method").unwrap_or(wished).to_owned();
        if method != wished {
            let sentence = format!("The client wished to authenticate by {wished}, and is registered with {method}.");
            step.broke(&rules::METHOD_CHANGED, sentence);
        }
        let proof = match (secret, method.as_str()) {
            (None, _) | (_, "none") => Proof::None,
            (Some(secret), "client_secret_post") => Proof::Post(secret),
            (Some(secret), _) => Proof::Basic(secret),
        };
        step.more(format!("client authentication: {method}; issuer {}", issuer.name));
        let place = text(document, "registration_client_uri").and_then(|uri| Url::parse(uri).ok());
        Ok(Client { id: id.to_owned(), proof, management: place.zip(token) })
    }

    /// Takes the registration back, if it was made here.
    pub(super) async fn deregister(&mut self, client: &Client) {
        if self.options.client.is_some() {
            return;
        }
        let mut step = Step::new("Deregister");
        match &client.management {
            None => {
                step.got("not offered");
                step.broke(
                    &rules::DEREGISTRATION,
                    format!("The client {} stays registered: there is no way to remove it.", client.id),
                );
            }
            Some((place, token)) => match self.http.send(self.http.delete(place).bearer_auth(token.expose())).await {
                Ok(answer) if answer.status == 204 => drop(step.got("204, the registration is gone")),
                Ok(answer) => {
                    step.got(format!("{}{}", answer.status.as_u16(), answer.said()));
                    let sentence = format!("The registration is not removed: {}, not 204.", answer.status.as_u16());
                    step.broke(&rules::DEREGISTRATION, sentence);
                }
                Err(failed) => step.broke(failed.rule, failed.why),
            },
        }
        self.report.end(step);
    }
}

/// What a native client registers.
fn wishes(issuer: &Issuer, login: Login, catcher: Option<&Catcher>) -> Value {
    let has = |name: &str| issuer.methods.iter().any(|method| method == name);
    let method = match () {
        () if has("none") => "none",
        () if has("client_secret_post") => "client_secret_post",
        () if has("client_secret_basic") => "client_secret_basic",
        () => "none",
    };
    let mut wishes = json!({
        "client_name": NAME,
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": method,
        "application_type": "native",
    });
    if let (Some(catcher), Some(wishes)) = (catcher, wishes.as_object_mut()) {
        wishes.insert("redirect_uris".to_owned(), json!([catcher.uri()]));
    }
    if let (Login::Device, Some(wishes)) = (login, wishes.as_object_mut()) {
        wishes.insert("grant_types".to_owned(), json!([DEVICE_GRANT, "refresh_token"]));
        wishes.insert("response_types".to_owned(), json!([]));
    }
    wishes
}
