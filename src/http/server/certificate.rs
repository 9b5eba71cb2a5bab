//! The certificate of the public listener, and its replacement while serving.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum_server::tls_rustls::RustlsConfig;
use rustls::{ServerConfig, crypto::aws_lc_rs, version};
use tokio::{
    signal::unix::{SignalKind, signal},
    time::MissedTickBehavior,
};

use crate::config::{Tls, TlsError, TlsStamp};

/// A certificate that cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// Its files cannot be used.
    #[error(transparent)]
    Files(#[from] TlsError),
    /// rustls refuses it, most often since key and certificate do not belong together.
    #[error("http.tls: the certificate cannot be served with this key: {0}")]
    Refused(#[from] rustls::Error),
}

/// A certificate in use. Connections that are open keep the one they began with.
pub struct Certificate {
    files: Tls,
    stamp: Mutex<Option<TlsStamp>>,
    config: RustlsConfig,
}

impl Certificate {
    /// Reads the files.
    ///
    /// # Errors
    /// When they cannot be read, or do not belong together.
    pub fn load(files: Tls) -> Result<Self, CertificateError> {
        let stamp = files.stamp();
        let config = RustlsConfig::from_config(Arc::new(server_config(&files)?));
        Ok(Self { files, stamp: Mutex::new(stamp), config })
    }

    /// Reads the files again. New connections get the new certificate.
    ///
    /// # Errors
    /// As [`Certificate::load`]. The old certificate then stays in use.
    pub fn reload(&self) -> Result<(), CertificateError> {
        self.config.reload_from_config(Arc::new(server_config(&self.files)?));
        Ok(())
    }

    /// Reloads at SIGHUP, and when a look each `every` finds the files changed. Runs until dropped.
    pub async fn watch(&self, every: Duration) -> std::io::Result<()> {
        let mut hangup = signal(SignalKind::hangup())?;
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let asked = tokio::select! {
                _ = hangup.recv() => true,
                _ = ticks.tick() => false,
            };
            if self.changed() || asked {
                match self.reload() {
                    Ok(()) => tracing::info!("the TLS certificate was replaced"),
                    Err(error) => tracing::error!(%error, "the TLS certificate stays as it was"),
                }
            }
        }
    }

    /// Whether the files are others than at the last look. A broken pair is so reported once, not at every look.
    fn changed(&self) -> bool {
        let now = self.files.stamp();
        let mut last = self.stamp.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = *last != now;
        *last = now;
        changed
    }

    pub(super) fn current(&self) -> RustlsConfig {
        self.config.clone()
    }
}

fn server_config(files: &Tls) -> Result<ServerConfig, CertificateError> {
    let read = files.files()?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&version::TLS13, &version::TLS12])?
        .with_no_client_auth()
        .with_single_cert(read.certificate, read.key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
