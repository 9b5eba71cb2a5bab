//! `sallyport apply --probe`: asks servers what they offer, and proposes catalogues.

use std::io::{self, IsTerminal as _, Write as _};

use super::{CliError, Installation, output};
use crate::{
    app::StartError,
    apply::{Document, proposal},
    audit::Event,
    ids::Slug,
    keys::Keyring,
    store::Store,
    tenants::{self, Server, Tenant},
    upstream::{DialSettings, Dialer, Upstreams, probe},
};

/// Asks every enabled server of the document. One that does not answer is a line, not an error: what was applied stays.
pub(super) async fn servers(
    installation: &Installation,
    store: &Store,
    keyring: &Keyring,
    document: &Document,
) -> Result<(), CliError> {
    let settings = DialSettings::of(&installation.config.upstream).map_err(StartError::from)?;
    let dialer = Dialer::new(&settings).map_err(StartError::from)?;
    let lifetime = installation.config.tokens.inner_jwt;
    let upstreams = Upstreams::new(dialer, lifetime, installation.clock.clone(), installation.entropy.clone());
    for doc in &document.tenants {
        let tenant = tenants::load(store, keyring, &installation.config.public_url, &doc.slug).await?;
        for server in doc.servers.iter().filter(|server| server.enabled != Some(false)) {
            match tenant.as_ref().and_then(|tenant| Some((tenant, tenant.server(server.slug.as_str())?))) {
                Some((tenant, server)) => one(installation, store, &upstreams, tenant, server).await?,
                None => nothing(&doc.slug, &server.slug, "it is not there, or disabled")?,
            }
        }
    }
    Ok(())
}

async fn one(
    installation: &Installation,
    store: &Store,
    upstreams: &Upstreams,
    tenant: &Tenant,
    server: &Server,
) -> Result<(), CliError> {
    let mut tx = store.tenant_tx(tenant.id).await?;
    installation.recorder().record(&mut tx, &Event::ServerProbed { server: server.id }).await?;
    tx.commit().await?;
    if io::stderr().is_terminal() {
        // Only there for somebody who waits.
        let _ = writeln!(io::stderr().lock(), "asking {}/{} …", tenant.slug, server.slug);
    }
    match probe::probe(upstreams, tenant, server, &installation.clock).await {
        Ok(offer) => output::line(format_args!("\n{}", proposal(tenant.slug.as_str(), server, &offer).trim_end())),
        Err(error) => nothing(&tenant.slug, &server.slug, &error.to_string()),
    }
}

fn nothing(tenant: &Slug, server: &Slug, why: &str) -> Result<(), CliError> {
    output::line(format_args!("\n# Server {tenant}/{server}: nothing to propose: {why}"))
}
