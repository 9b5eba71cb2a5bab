//! One real process behind its proxy.

use std::{fs, net::SocketAddr};

use rustix::process::Signal;

use super::{LONG, PUBLIC_URL, poll, proxy::Proxy, sent};
use crate::harness::{app::TestApp, process::Serving, web::client_with};

/// One process.
pub(crate) struct Node {
    serving: Serving,
    /// Between it and the database.
    pub(crate) proxy: Proxy,
    /// Finds the public address at this process.
    pub(crate) http: reqwest::Client,
}

impl Node {
    pub(super) async fn start(app: &TestApp, more: &[(&'static str, &str)]) -> Self {
        let more: Vec<_> = more.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let proxy = Proxy::start(&app.db.options()).await;
        let (url, keys) = (proxy.url("sallyport_app", &app.db.name), app.key_file.to_string());
        let starting = tokio::task::spawn_blocking(move || {
            let mut settings = vec![
                ("SALLYPORT_PUBLIC_URL", PUBLIC_URL),
                ("SALLYPORT_LISTEN", "127.0.0.1:0"),
                ("SALLYPORT_HTTP__OPERATIONS_LISTEN", "127.0.0.1:0"),
                ("SALLYPORT_KEYS", &keys),
                ("SALLYPORT_DATABASE__URL", &url),
                ("SALLYPORT_DATABASE__MAX_CONNECTIONS", "6"),
                ("SALLYPORT_UPSTREAM__ALLOW_NETWORKS", "127.0.0.0/8"),
                ("SALLYPORT_LOG__FILTER", "info,sallyport::request=warn"),
            ];
            settings.extend(more.iter().map(|(name, value)| (*name, value.as_str())));
            let mut serving = Serving::start(&settings);
            serving.read_on();
            serving
        });
        let serving = starting.await.unwrap();
        let http = client_with(|client| client.resolve("localhost", serving.public).timeout(LONG));
        Self { serving, proxy, http }
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.serving.public
    }

    /// Returns when the process says that it can serve.
    pub(crate) async fn ready(&self) {
        let url = format!("http://{}/readyz", self.serving.operations);
        poll("a node to be ready", async || {
            self.http.get(&url).send().await.is_ok_and(|answer| answer.status() == 200)
        })
        .await;
    }

    /// One of its metrics that has no labels.
    pub(super) async fn number(&self, metric: &str) -> u64 {
        let url = format!("http://{}/metrics", self.serving.operations);
        let text = sent(self.http.get(url)).await.text().await.unwrap();
        let value = text.lines().find_map(|line| line.strip_prefix(metric)?.strip_prefix(' '));
        value.expect("the metric is there").parse().unwrap()
    }

    /// Stops the process in the middle of what it does, as a virtual machine that is moved. Returns when all of it stands
    /// still.
    pub(crate) async fn pause(&self) {
        self.serving.signal(Signal::STOP);
        poll("a process to stand still", async || self.threads().iter().all(|state| *state == 'T')).await;
    }

    /// Lets it go on.
    pub(crate) fn resume(&self) {
        self.serving.signal(Signal::CONT);
    }

    /// `kill -9`.
    pub(crate) fn kill(&self) {
        self.serving.signal(Signal::KILL);
    }

    /// The state of each thread, as in `ps`.
    fn threads(&self) -> Vec<char> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.serving.pid())).unwrap();
        let stats = tasks.filter_map(|task| fs::read_to_string(task.unwrap().path().join("stat")).ok());
        // The name may hold anything, and stands in brackets.
        stats.map(|stat| stat.rsplit_once(") ").unwrap().1.chars().next().unwrap()).collect()
    }
}
