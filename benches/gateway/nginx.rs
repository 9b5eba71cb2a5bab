//! nginx in front of the same upstream: as a plain proxy, and as the gateway of the phantom token pattern.
//!
//! The pattern: clients hold opaque tokens; the gateway asks an introspection endpoint for each, which answers with a
//! JWT, keeps that for a while, and passes the JWT on instead of the token. Set up as nginx's own documentation does it,
//! and for speed: connections to the upstream are kept, every worker has a socket of its own.

use std::{net::SocketAddr, process::Command};

use rustix::process::geteuid;

use super::{
    child::{Running, bound, free_address},
    harness::scratch::Scratch,
    upstream::{GUARDED, OPEN},
};

/// How long nginx accepts a token without asking, and so how long after its revocation.
pub(crate) const CACHED_SECONDS: u32 = 10;

/// A running nginx.
pub(crate) struct Nginx {
    running: Running,
    /// Passes everything on.
    pub(crate) plain: SocketAddr,
    /// Swaps tokens.
    pub(crate) phantom: SocketAddr,
    /// Swaps tokens, and writes a line for each call.
    pub(crate) phantom_logged: SocketAddr,
    pub(crate) version: String,
    _files: Scratch,
}

impl Nginx {
    pub(crate) fn start(upstream: SocketAddr, introspection: SocketAddr) -> Self {
        let files = Scratch::new();
        let [plain, phantom, phantom_logged] = [free_address(), free_address(), free_address()];
        let places = format!(
            "{}{}{}",
            server(plain, "off", &passed_on()),
            server(phantom, "off", &swapped()),
            server(phantom_logged, "/dev/null", &swapped())
        );
        let configuration = files.write("nginx.conf", &whole(upstream, introspection, &places));
        let directory = format!("{}/", files.path("").display());
        let mut command = bound("nginx");
        command.arg("-e").arg("stderr").arg("-p").arg(&directory).arg("-c").arg(configuration);
        let running = Running::start(&mut command, phantom_logged);
        Self { running, plain, phantom, phantom_logged, version: version(), _files: files }
    }

    pub(crate) fn id(&self) -> u32 {
        self.running.id()
    }
}

fn version() -> String {
    let said = Command::new("nginx").arg("-v").output().unwrap().stderr;
    String::from_utf8_lossy(&said).trim().trim_start_matches("nginx version: ").to_owned()
}

fn whole(upstream: SocketAddr, introspection: SocketAddr, servers: &str) -> String {
    // Started by root, workers would be somebody who cannot enter this directory.
    let user = if geteuid().is_root() { "user root;" } else { "" };
    format!(
        "
daemon off;
{user}
worker_processes auto;
pid nginx.pid;
error_log stderr error;
events {{ worker_connections 1024; }}
http {{
    keepalive_requests 1000000000;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    proxy_cache_path introspected keys_zone=introspected:1m;
    proxy_http_version 1.1;
    upstream mcp {{ server {upstream}; keepalive 128; keepalive_requests 1000000000; }}
    upstream introspection {{ server {introspection}; keepalive 16; }}
{servers}
}}
"
    )
}

fn server(address: SocketAddr, log: &str, places: &str) -> String {
    format!("    server {{\n        listen {address} reuseport;\n        access_log {log};\n{places}    }}\n")
}

fn passed_on() -> String {
    format!(
        "        location = {OPEN} {{
            proxy_pass http://mcp;
            proxy_set_header Connection \"\";
        }}
"
    )
}

fn swapped() -> String {
    format!(
        "        location = {GUARDED} {{
            auth_request /introspect;
            auth_request_set $jwt $upstream_http_x_phantom_token;
            proxy_pass http://mcp;
            proxy_set_header Connection \"\";
            proxy_set_header Authorization \"Bearer $jwt\";
        }}
        location = /introspect {{
            internal;
            proxy_method POST;
            proxy_pass http://introspection;
            proxy_set_header Connection \"\";
            proxy_set_header Content-Type application/x-www-form-urlencoded;
            proxy_set_body \"token=$http_authorization\";
            proxy_cache introspected;
            proxy_cache_key $http_authorization;
            proxy_cache_methods POST;
            proxy_cache_lock on;
            proxy_cache_valid 200 {CACHED_SECONDS}s;
        }}
"
    )
}
