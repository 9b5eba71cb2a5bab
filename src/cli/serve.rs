//! `sallyport serve`

use std::{io, net::TcpListener, sync::Arc, time::Duration};

use clap::Args;
use serde_json::{Value, json};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::{CliError, Installation, Place, logging, output};
use crate::{
    app::{self, App},
    http::{
        operations::{self, Check},
        server::{self, Certificate, Shutdown},
    },
    jobs,
    people::first,
};

/// How often the certificate's files are looked at.
const CERTIFICATE_LOOK: Duration = Duration::from_secs(5);

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sallyport serve --config /etc/sallyport/sallyport.toml

Does not start with a wrong key file, on another schema, or as a database role that row-level security does not bind.
SIGTERM or SIGINT: stops accepting, lets requests and streams end within http.shutdown_seconds; a second one cuts them.
SIGHUP: reads the TLS certificate again, which also happens within seconds after its files change.
Health, readiness and metrics: /healthz, /readyz and /metrics on http.operations_listen.")]
pub(super) struct ServeArgs {
    #[command(flatten)]
    place: Place,
}

pub(super) async fn run(args: ServeArgs) -> Result<(), CliError> {
    let installation = Installation::open(&args.place, "serve").await?;
    logging::start(&installation.config.log);
    let app = installation.app().await?;
    let served = serve(&app).await;
    // What became of the last calls is on the disk before the process ends.
    if app.calls.finish().await.is_err() {
        tracing::error!(
            "audit events of calls could not be written; the next start says that the outcome of these calls is not known"
        );
    }
    // Nobody needs to wait for this process any more, or to say what became of its calls.
    app.lease.end().await;
    jobs::refusals::finish(&app).await;
    app.store.close().await;
    served?;
    installation.close().await
}

async fn serve(app: &Arc<App>) -> Result<(), CliError> {
    let http = &app.config.http;
    let certificate = http.tls.clone().map(Certificate::load).transpose()?;
    let public = server::bind(app.config.listen.addresses())?;
    let private = server::bind(http.operations_listen)?;
    let shutdown = Shutdown::on_signals(http.shutdown).map_err(CliError::Serve)?;
    // From here on the signal does not end the process, as it does by default.
    let hangup = signal(SignalKind::hangup()).map_err(CliError::Serve)?;
    for (name, listener) in public.iter().map(|l| ("public", l)).chain(private.iter().map(|l| ("operations", l))) {
        log_listener(name, listener).map_err(CliError::Serve)?;
    }

    let router = app::routes::router(app.clone());
    let public = server::serve(router, public, certificate.as_ref(), http, &shutdown);
    let operations = operations(app, private, &shutdown);
    let watch = async {
        match &certificate {
            Some(certificate) => certificate.watch(CERTIFICATE_LOOK).await,
            None => note_hangups(hangup).await,
        }
    };
    let stop = CancellationToken::new();
    let mut jobs = jobs::start(app.clone(), stop.clone());
    tracing::info!(public_url = %app.config.public_url, process = %app.process, "serving");
    say_first_link(app).await?;
    // Operations are answered until the last request has ended.
    let ended: io::Result<()> = tokio::select! {
        ended = public => ended,
        ended = operations => ended,
        ended = watch => ended,
        // Without a lease each request would read the database; without a key, what others made would be refused.
        _ = &mut jobs => return Err(CliError::Serve(io::Error::other("the lease or the keys are not kept any more"))),
    };
    stop.cancel();
    // A panic has been logged where it happened.
    let _ = jobs.await;
    ended.map_err(CliError::Serve)?;
    tracing::info!("stopped");
    Ok(())
}

/// Where there is nothing yet, whoever started this can begin. On standard output, since it is no line of the log: it opens
/// everything, once.
async fn say_first_link(app: &App) -> Result<(), CliError> {
    if let Some(link) = first::make(app).await? {
        let address = format!("{}/console/first?link={}", app.config.public_url.as_str(), link.expose());
        output::line(format_args!(
            "There is nothing here yet. Begin within 24 hours, once, at the newest of these links:\n{address}"
        ))?;
    }
    Ok(())
}

/// Without a certificate there is nothing to read again.
async fn note_hangups(mut hangup: Signal) -> io::Result<()> {
    while hangup.recv().await.is_some() {
        tracing::info!("SIGHUP: there is no TLS certificate to read again");
    }
    std::future::pending().await
}

async fn operations(app: &Arc<App>, listeners: Vec<TcpListener>, shutdown: &Shutdown) -> io::Result<()> {
    if listeners.is_empty() {
        return std::future::pending().await;
    }
    let router = operations::router(app.metrics.clone(), checks(app, shutdown), about(app));
    server::serve(router, listeners, None, &app.config.http, &Shutdown::new(Duration::ZERO)).await
}

/// How this process stands: its id as it is logged, and how close it is to the authority log.
fn about(app: &Arc<App>) -> impl Fn() -> Value + use<> {
    let (node, process) = (app.node.clone(), app.process);
    move || {
        let (applied, head) = (node.applied(), node.head_seen());
        json!({
            "process": process,
            "lease_age_ms": node.lease_age().map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX)),
            "authority_log": { "applied": applied, "lag": (head - applied).max(0) },
        })
    }
}

fn checks(app: &Arc<App>, shutdown: &Shutdown) -> Vec<Check> {
    let stopping = shutdown.clone();
    let (store, schema, keys, calls) = (app.clone(), app.clone(), app.clone(), app.calls.clone());
    let (node, clock) = (app.node.clone(), app.clock.clone());
    vec![
        Check::new("accepting", move || {
            let stopping = stopping.has_begun();
            async move { if stopping { Err("stopping") } else { Ok(()) } }
        }),
        Check::new("store", move || {
            let app = store.clone();
            async move { app.store.ping().await }
        }),
        Check::new("lease", move || {
            let lease = node.check_lease();
            async move { lease }
        }),
        Check::new("evidence", move || {
            let ready = calls.ready();
            async move { ready }
        }),
        Check::new("clock", move || {
            let odd = clock.is_odd();
            async move { if odd { Err("this machine's clock is not believed: see the log") } else { Ok(()) } }
        }),
        Check::new("schema", move || {
            let app = schema.clone();
            async move { app.store.check_schema().await }
        }),
        Check::new("keys", move || {
            let app = keys.clone();
            async move { app.store.check_keys(&app.keyring, &app.recorder(None)).await.map(drop) }
        }),
    ]
}

fn log_listener(name: &str, listener: &TcpListener) -> io::Result<()> {
    tracing::info!(listener = name, address = %listener.local_addr()?, "listening");
    Ok(())
}
