//! `[untrusted]`

use std::path::PathBuf;

use ipnet::IpNet;
use rustls::pki_types::CertificateDer;

use super::{
    http::network,
    reader::Reader,
    tls::{TlsError, certificates},
};

const CA_FILE: &str = "untrusted.ca_file";

/// Addresses that clients and upstreams name: client ID metadata documents, key sets.
#[derive(Clone, Debug, Default)]
pub struct Untrusted {
    /// Networks that may be asked beside all public addresses. For closed networks: whoever may name an address gets at
    /// what answers https there.
    pub allow_networks: Vec<IpNet>,
    /// Certificate authorities to trust beside the public ones, in PEM.
    pub ca_file: Option<PathBuf>,
}

impl Untrusted {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let untrusted = Self {
            allow_networks: reader.list("untrusted.allow_networks", Vec::new(), network),
            ca_file: reader.path(CA_FILE),
        };
        if let Err(error) = untrusted.authorities() {
            let text = error.to_string();
            reader.problem(CA_FILE, text.split_once(": ").map_or(text.as_str(), |(_, message)| message));
        }
        untrusted
    }

    /// Reads the certificate authorities. Empty: only the public ones.
    ///
    /// # Errors
    /// When the file cannot be read or holds no certificate.
    pub fn authorities(&self) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        self.ca_file.as_deref().map_or(Ok(Vec::new()), |path| certificates(CA_FILE, path))
    }
}
