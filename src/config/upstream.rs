//! `[upstream]`

use std::{path::PathBuf, time::Duration};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use rustls::pki_types::CertificateDer;

use super::{
    http::network,
    reader::Reader,
    tls::{TlsError, certificates},
};

const CA_FILE: &str = "upstream.ca_file";

/// Connections to configured upstream servers.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// Networks that an upstream may be in. None: no upstream can be reached. Link-local and cloud-metadata addresses are
    /// never reached, whatever this says.
    pub allow_networks: Vec<IpNet>,
    /// How long connecting may take, TLS included.
    pub connect_timeout: Duration,
    /// How long an upstream may take to send the head of its answer.
    pub response_timeout: Duration,
    /// Bytes of one JSON answer at most. Streams have no limit.
    pub max_answer_bytes: u64,
    /// Certificate authorities to trust for https upstreams, in PEM, instead of the public ones.
    pub ca_file: Option<PathBuf>,
}

impl Upstream {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let upstream = Self {
            allow_networks: reader.list("upstream.allow_networks", Vec::new(), network),
            connect_timeout: reader.duration("upstream.connect_seconds", 1, 5, 1..=60),
            response_timeout: reader.duration("upstream.response_seconds", 1, 60, 1..=3600),
            max_answer_bytes: reader.number("upstream.max_answer_bytes", 16 << 20, (64 << 10)..=(1 << 30)).into(),
            ca_file: reader.path(CA_FILE),
        };
        if let Err(error) = upstream.authorities() {
            let text = error.to_string();
            reader.problem(CA_FILE, text.split_once(": ").map_or(text.as_str(), |(_, message)| message));
        }
        upstream
    }

    /// Reads the certificate authorities. Empty: the public ones.
    ///
    /// # Errors
    /// When the file cannot be read or holds no certificate.
    pub fn authorities(&self) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        self.ca_file.as_deref().map_or(Ok(Vec::new()), |path| certificates(CA_FILE, path))
    }
}

/// This computer, for development installations.
pub(super) fn loopback() -> Vec<IpNet> {
    let v4 = Ipv4Net::new_assert(std::net::Ipv4Addr::new(127, 0, 0, 0), 8);
    let v6 = Ipv6Net::new_assert(std::net::Ipv6Addr::LOCALHOST, 128);
    vec![v4.into(), v6.into()]
}
