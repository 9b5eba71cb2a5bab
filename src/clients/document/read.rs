//! What a document says, as metadata of a client.

use crate::{
    clients::{
        metadata::{AuthMethod, Metadata},
        redirect::CustomSchemes,
        registration::{InvalidMetadata, Members},
    },
    ids::ClientId,
};

/// Why a document describes no client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadDocument {
    /// It is somebody else's, or nobody's.
    #[error("its client_id is not the address of the document")]
    NotItsOwn,
    /// What anybody can read is no secret.
    #[error(
        "it holds a secret, or wants to prove itself by one: with a document only none and private_key_jwt will do"
    )]
    Secret,
    /// Something in it is not acceptable.
    #[error(transparent)]
    Metadata(#[from] InvalidMetadata),
}

/// Reads a document that came from the address `id`.
pub(super) fn document(id: &ClientId, body: &[u8], schemes: &CustomSchemes) -> Result<Metadata, BadDocument> {
    let members = Members::parse(body)?;
    // As it stands: no two spellings of an address are the same.
    if members.value("client_id").and_then(serde_json::Value::as_str) != Some(id.as_str()) {
        return Err(BadDocument::NotItsOwn);
    }
    if members.value("client_secret").is_some() || members.value("client_secret_expires_at").is_some() {
        return Err(BadDocument::Secret);
    }
    if members.text("client_name", 200)?.is_none() {
        return Err(InvalidMetadata::Member { member: "client_name", problem: "is required" }.into());
    }
    let method = method(&members)?;
    Ok(Metadata::read_with(&members, schemes, method)?)
}

/// How the client proves itself. One that lists what it can do, as some do, gets the strongest of it that is left to it here.
fn method(members: &Members) -> Result<AuthMethod, BadDocument> {
    const ONE: &str = "token_endpoint_auth_method";
    const SEVERAL: &str = "token_endpoint_auth_methods_supported";
    match members.text(ONE, 256)? {
        Some("none") => return Ok(AuthMethod::None),
        Some("private_key_jwt") => return Ok(AuthMethod::PrivateKeyJwt),
        Some("client_secret_basic" | "client_secret_post" | "client_secret_jwt") => return Err(BadDocument::Secret),
        Some(_) => {
            let problem = "must be none or private_key_jwt";
            return Err(InvalidMetadata::Member { member: ONE, problem }.into());
        }
        None => {}
    }
    let several = members.list(SEVERAL, 256)?;
    let signs = several.contains(&"private_key_jwt") && (members.has("jwks") || members.has("jwks_uri"));
    match signs {
        true => Ok(AuthMethod::PrivateKeyJwt),
        false if several.is_empty() || several.contains(&"none") => Ok(AuthMethod::None),
        false => Err(BadDocument::Secret),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    const ID: &str = "https://app.example/client.json";

    fn read(change: impl FnOnce(&mut Value)) -> Result<Metadata, BadDocument> {
        let mut document =
            json!({ "client_id": ID, "client_name": "App", "redirect_uris": ["http://localhost/callback"] });
        change(&mut document);
        let id = ClientId::parse(ID).unwrap();
        super::document(&id, document.to_string().as_bytes(), &CustomSchemes::known_and(&[]))
    }

    fn method_of(change: impl FnOnce(&mut Value)) -> Result<AuthMethod, BadDocument> {
        read(change).map(|metadata| metadata.token_endpoint_auth_method)
    }

    #[test]
    fn a_document_is_about_its_own_address() {
        assert!(read(|_| {}).is_ok());
        for other in
            [json!("https://app.example/client.json/"), json!("https://APP.example/client.json"), json!(1), json!(null)]
        {
            assert_eq!(read(|document| document["client_id"] = other), Err(BadDocument::NotItsOwn));
        }
    }

    #[test]
    fn it_has_a_name() {
        for name in [json!(null), json!(""), json!(" ")] {
            assert!(read(|document| document["client_name"] = name).is_err());
        }
    }

    #[test]
    fn nothing_secret_is_in_it() {
        assert_eq!(read(|document| document["client_secret"] = json!("s")), Err(BadDocument::Secret));
        for method in ["client_secret_basic", "client_secret_post", "client_secret_jwt"] {
            assert_eq!(
                read(|document| document["token_endpoint_auth_method"] = json!(method)),
                Err(BadDocument::Secret)
            );
        }
        let private = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": "AA", "d": "AA" }] });
        let with = |document: &mut Value| {
            document["token_endpoint_auth_method"] = json!("private_key_jwt");
            document["jwks"] = private;
        };
        assert!(read(with).is_err());
    }

    #[test]
    fn one_that_lists_what_it_can_do_gets_the_strongest() {
        let keys = "https://app.example/jwks.json";
        let listed = |methods: Value, with_keys: bool| {
            method_of(|document| {
                document["token_endpoint_auth_methods_supported"] = methods;
                if with_keys {
                    document["jwks_uri"] = json!(keys);
                }
            })
        };
        assert_eq!(listed(json!(["none", "private_key_jwt"]), true), Ok(AuthMethod::PrivateKeyJwt));
        assert_eq!(listed(json!(["none", "private_key_jwt"]), false), Ok(AuthMethod::None));
        assert_eq!(listed(json!([]), true), Ok(AuthMethod::None));
        assert_eq!(listed(json!(["client_secret_basic"]), false), Err(BadDocument::Secret));
        assert_eq!(method_of(|_| {}), Ok(AuthMethod::None), "not what RFC 7591 would make of it");
    }

    proptest! {
        #[test]
        fn no_document_is_a_crash(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let id = ClientId::parse(ID).unwrap();
            prop_assert!(super::document(&id, &body, &CustomSchemes::known_and(&[])).is_err());
        }
    }
}
