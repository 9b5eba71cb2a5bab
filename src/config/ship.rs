//! `[audit.ship.NAME]` and `[audit.anchor.NAME]`: where events and checkpoints go, one table a target.

use std::{fmt, net::IpAddr, path::PathBuf, str::FromStr};

use rustls::pki_types::CertificateDer;
use url::Url;

use super::{
    reader::Reader,
    secrets::own_secret_from_file,
    tls::{TlsError, certificates},
};
use crate::secret::SecretText;

/// What a target of events speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShipKind {
    /// RFC 5424 over TLS (RFC 5425).
    Syslog,
    /// Splunk's HTTP Event Collector.
    SplunkHec,
    /// The push API of Grafana Loki.
    Loki,
    /// The bulk API of Elasticsearch and OpenSearch.
    ElasticBulk,
}

/// How a target wants its events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShipFormat {
    /// The Open Cybersecurity Schema Framework.
    Ocsf,
    /// The Common Event Format.
    Cef,
    /// The entry of the log, with its index and the log's name.
    Json,
}

/// A place that events are sent to.
#[derive(Clone, Debug)]
pub struct ShipTarget {
    /// Its name in the configuration, by which its place in each log is remembered.
    pub name: String,
    /// What it speaks.
    pub kind: ShipKind,
    /// In which format.
    pub format: ShipFormat,
    /// Where it is, and what it takes for us.
    pub remote: Remote,
    /// The index that it puts events into, where it has such a thing.
    pub index: Option<String>,
}

/// An address with what it takes to get in.
#[derive(Clone, Debug)]
pub struct Remote {
    /// `https://`, `tls://`; `http://` and `tcp://` on this computer only.
    pub url: Url,
    /// The user of basic authentication.
    pub user: Option<String>,
    /// What is kept between the two.
    pub secret: Option<SecretText>,
    /// Certificate authorities to trust, in PEM, instead of the public ones.
    pub ca_file: Option<PathBuf>,
}

impl Remote {
    /// Reads the certificate authorities. Empty: the public ones.
    ///
    /// # Errors
    /// When the file cannot be read or holds no certificate.
    pub fn authorities(&self) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        self.ca_file.as_deref().map_or(Ok(Vec::new()), |path| certificates("ca_file", path))
    }

    /// None: something is missing or wrong, and has been said.
    pub(super) fn read(reader: &mut Reader, at: &str, schemes: Schemes) -> Option<Self> {
        let url = reader.required(&format!("{at}.url"), |text| address(text, schemes));
        let user = reader.optional(&format!("{at}.user"), |text| Ok::<_, String>(text.to_owned()));
        let secret = secret(reader, at);
        let ca_file = reader.path(&format!("{at}.ca_file"));
        let remote = Self { url: url?, user, secret, ca_file };
        if let Err(error) = remote.authorities() {
            let text = error.to_string();
            let message = text.split_once(": ").map_or(text.as_str(), |(_, message)| message);
            reader.problem(&format!("{at}.ca_file"), message);
        }
        Some(remote)
    }
}

/// Which addresses a kind of target has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Schemes {
    /// `https://`, and `http://` on this computer.
    Web,
    /// `tls://`, and `tcp://` on this computer.
    Stream,
}

impl ShipTarget {
    /// All targets.
    pub(super) fn read_all(reader: &mut Reader) -> Vec<Self> {
        let names = reader.names_under("audit.ship");
        names.into_iter().filter_map(|name| Self::read(reader, name)).collect()
    }

    fn read(reader: &mut Reader, name: String) -> Option<Self> {
        let at = format!("audit.ship.{name}");
        let known = named(reader, &at, &name);
        let kind = reader.required(&format!("{at}.kind"), str::parse::<ShipKind>);
        let format = reader.value(&format!("{at}.format"), ShipFormat::Ocsf, str::parse);
        let schemes = if kind == Some(ShipKind::Syslog) { Schemes::Stream } else { Schemes::Web };
        let remote = Remote::read(reader, &at, schemes);
        let index = reader.optional(&format!("{at}.index"), index);
        Some(Self { name: known?, kind: kind?, format, remote: remote?, index })
    }
}

/// A name goes into metrics and log lines, and a variable's name has capitals and underscores only.
pub(super) fn named(reader: &mut Reader, at: &str, name: &str) -> Option<String> {
    let ok =
        name.len() <= 64 && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    if ok && !name.is_empty() {
        return Some(name.to_owned());
    }
    reader.problem(at, "a target's name has up to 64 letters a to z, digits and underscores");
    None
}

/// A secret that can come from a file of its own: `secret_file`.
pub(super) fn secret(reader: &mut Reader, at: &str) -> Option<SecretText> {
    let inline = reader.secret(&format!("{at}.secret"));
    let key = format!("{at}.secret_file");
    match (inline, reader.path(&key)) {
        (Some(_), Some(_)) => {
            reader.problem(&key, format!("is set as well as {at}.secret; keep one"));
            None
        }
        (inline, None) => inline,
        (None, Some(path)) => own_secret_from_file(&path).map_err(|error| reader.problem(&key, error.to_string())).ok(),
    }
}

fn address(text: &str, schemes: Schemes) -> Result<Url, String> {
    let (safe, plain) = match schemes {
        Schemes::Web => ("https", "http"),
        Schemes::Stream => ("tls", "tcp"),
    };
    let url = Url::parse(text).map_err(|_| format!("is no address; write it like {safe}://siem.example.com:6514"))?;
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err("must not hold a user name, a password or a fragment".to_owned());
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err("names no host".to_owned());
    }
    if schemes == Schemes::Stream && url.port().is_none() {
        return Err("names no port".to_owned());
    }
    match url.scheme() {
        scheme if scheme == safe => Ok(url),
        scheme if scheme == plain && is_loopback(&url) => Ok(url),
        scheme if scheme == plain => Err(format!("must begin with {safe}://; {plain}:// is for this computer only")),
        _ => Err(format!("must begin with {safe}://")),
    }
}

/// An address of this computer; a name is not one, since others may say what it means.
fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

fn index(text: &str) -> Result<String, String> {
    let ok = text.len() <= 128
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-.".contains(&byte));
    if ok { Ok(text.to_owned()) } else { Err("has up to 128 letters a to z, digits, and _ - .".to_owned()) }
}

impl FromStr for ShipKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "syslog" => Ok(Self::Syslog),
            "splunk_hec" => Ok(Self::SplunkHec),
            "loki" => Ok(Self::Loki),
            "elastic_bulk" => Ok(Self::ElasticBulk),
            _ => Err("must be syslog, splunk_hec, loki or elastic_bulk".to_owned()),
        }
    }
}

impl fmt::Display for ShipKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Syslog => "syslog",
            Self::SplunkHec => "splunk_hec",
            Self::Loki => "loki",
            Self::ElasticBulk => "elastic_bulk",
        })
    }
}

impl FromStr for ShipFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "ocsf" => Ok(Self::Ocsf),
            "cef" => Ok(Self::Cef),
            "json" => Ok(Self::Json),
            _ => Err("must be ocsf, cef or json".to_owned()),
        }
    }
}

impl fmt::Display for ShipFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ocsf => "ocsf",
            Self::Cef => "cef",
            Self::Json => "json",
        })
    }
}
