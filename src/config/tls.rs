//! `[http.tls]`

use std::{
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use zeroize::Zeroizing;

use super::reader::Reader;

/// The certificate that the public listener shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The certificate chain in PEM, ours first.
    pub certificate: PathBuf,
    /// Its private key in PEM.
    pub key: PathBuf,
}

/// What the two files held when they were read.
pub struct TlsFiles {
    /// The certificate chain, ours first.
    pub certificate: Vec<CertificateDer<'static>>,
    /// Its private key.
    pub key: PrivateKeyDer<'static>,
}

/// Tells whether one of the two files was written since: inode, size and time of change of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TlsStamp([(u64, u64, i64, i64); 2]);

/// A certificate or key that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{key}: cannot read {path:?}: {source}")]
    Read {
        /// The setting.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file holds no PEM of the right kind.
    #[error("{key}: {path:?} holds no {what} in PEM")]
    Pem {
        /// The setting.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
    },
}

const CERTIFICATE: &str = "http.tls.certificate";
const KEY: &str = "http.tls.key";

impl Tls {
    /// Reads both files, as they are now.
    ///
    /// # Errors
    /// When one cannot be read or holds something else. Whether the two belong together is not looked at.
    pub fn files(&self) -> Result<TlsFiles, TlsError> {
        let certificate = certificates(CERTIFICATE, &self.certificate)?;
        let pem = std::fs::read(&self.key).map(Zeroizing::new);
        let pem = pem.map_err(|source| TlsError::Read { key: KEY, path: self.key.clone(), source })?;
        let key = PrivateKeyDer::from_pem_slice(&pem).map_err(|_| TlsError::Pem {
            key: KEY,
            path: self.key.clone(),
            what: "private key",
        })?;
        Ok(TlsFiles { certificate, key })
    }

    /// What the files look like from outside. None while one is missing.
    pub fn stamp(&self) -> Option<TlsStamp> {
        let of = |path: &Path| {
            let file = std::fs::metadata(path).ok()?;
            Some((file.ino(), file.size(), file.ctime(), file.ctime_nsec()))
        };
        Some(TlsStamp([of(&self.certificate)?, of(&self.key)?]))
    }

    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        match (reader.path(CERTIFICATE), reader.path(KEY)) {
            (None, None) => None,
            (Some(certificate), Some(key)) => {
                let tls = Self { certificate, key };
                if let Err(error) = tls.files() {
                    let text = error.to_string();
                    let (key, message) = text.split_once(": ").unwrap_or((CERTIFICATE, &text));
                    reader.problem(key, message);
                }
                Some(tls)
            }
            (Some(_), None) => {
                reader.problem(KEY, "is required with http.tls.certificate");
                None
            }
            (None, Some(_)) => {
                reader.problem(CERTIFICATE, "is required with http.tls.key");
                None
            }
        }
    }
}

/// Reads the certificates in a file that the setting `key` names.
pub(super) fn certificates(key: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let pem = std::fs::read(path).map_err(|source| TlsError::Read { key, path: path.to_owned(), source })?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let no_pem = || TlsError::Pem { key, path: path.to_owned(), what: "certificate" };
    chain.ok().filter(|chain| !chain.is_empty()).ok_or_else(no_pem)
}
