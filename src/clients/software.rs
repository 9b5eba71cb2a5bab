//! Which software a registration is of, as far as registrations tell.
//!
//! Some programs register anew for every connection, so one of them can be hundreds of clients. What groups them is their
//! own claim: good for a view that people can read, and for nothing else. Two clients of one software are two clients.

use aws_lc_rs::digest::{Context, SHA256};

use super::{
    metadata::{DEVICE_CODE, GrantType, Metadata},
    redirect::{RedirectKind, RedirectUri},
};
use crate::secret::hex;

/// Bytes that stand for a fingerprint where people read it.
const SHORT: usize = 6;

/// A fingerprint of what the registrations of one software have in common: name, `software_id` and redirect URIs, those of
/// loopback addresses without their ports, and whether devices may use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Software([u8; 32]);

impl Software {
    /// The software that this metadata describes.
    pub fn of(metadata: &Metadata) -> Self {
        let uris: std::collections::BTreeSet<String> =
            metadata.redirect_uris.iter().map(RedirectUri::redirect_key).collect();
        let mut digest = Context::new(&SHA256);
        let mut add = |part: &str| {
            digest.update(&(part.len() as u64).to_be_bytes());
            digest.update(part.as_bytes());
        };
        add(metadata.client_name.as_deref().unwrap_or_default());
        add(metadata.software_id.as_deref().unwrap_or_default());
        uris.iter().for_each(|uri| add(uri));
        // Its answers go to whoever asked, too. No redirect URI is spelled like that.
        if by_device(metadata) {
            add(DEVICE_CODE);
        }
        let mut out = [0; 32];
        out.iter_mut().zip(digest.finish().as_ref()).for_each(|(to, from)| *to = *from);
        Self(out)
    }

    /// The bytes in the database.
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// In short, for people.
impl std::fmt::Display for Software {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex(self.0.get(..SHORT).unwrap_or_default()))
    }
}

fn by_device(metadata: &Metadata) -> bool {
    metadata.grant_types.contains(&GrantType::DeviceCode)
}

/// Whether whatever registers under this description gives its answers to the real software: all of them go to https
/// addresses on the network, which nobody else receives. A loopback address or a scheme belongs to any program on a
/// person's computer, and an answer to a device to whoever began.
pub fn answers_go_to_it_only(metadata: &Metadata) -> bool {
    !by_device(metadata)
        && metadata.redirect_uris.iter().all(|uri| uri.kind() == RedirectKind::Web && !uri.is_this_computer())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::{metadata::AuthMethod, redirect::CustomSchemes};

    fn metadata(name: &str, uris: &[&str]) -> Metadata {
        let schemes = CustomSchemes::known_and(&[]);
        let uris = uris.iter().map(|uri| RedirectUri::register(uri, &schemes).unwrap()).collect();
        Metadata { client_name: Some(name.to_owned()), ..Metadata::new(uris, AuthMethod::None) }
    }

    #[test]
    fn ports_order_and_version_make_no_other_software_and_everything_else_does() {
        let one = metadata("Editor", &["http://localhost:1/cb", "https://a.example/cb"]);
        let mut same = metadata("Editor", &["https://a.example/cb", "http://localhost:2/cb", "http://localhost/cb"]);
        same.software_version = Some("2".to_owned());
        assert_eq!(Software::of(&one), Software::of(&same));
        let others = [
            metadata("Editor 2", &["http://localhost:1/cb", "https://a.example/cb"]),
            metadata("Editor", &["http://127.0.0.1:1/cb", "https://a.example/cb"]),
            metadata("Editor", &["http://localhost:1/cb", "https://a.example:444/cb"]),
            metadata("Editor", &["http://localhost:1/cb"]),
            Metadata { software_id: Some("x".to_owned()), ..one.clone() },
        ];
        assert!(others.iter().all(|other| Software::of(other) != Software::of(&one)));
        assert_eq!(Software::of(&one).to_string().len(), 12);
    }

    #[test]
    fn only_addresses_on_the_network_are_somebodys() {
        assert!(answers_go_to_it_only(&metadata("A", &["https://a.example/cb"])));
        for uri in ["http://127.0.0.1/cb", "https://localhost/cb", "cursor://anysphere.cursor-mcp/oauth/callback"] {
            assert!(!answers_go_to_it_only(&metadata("A", &["https://a.example/cb", uri])), "{uri}");
        }
    }
}
