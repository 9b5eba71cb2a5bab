//! Sallyport as it serves in production: the built binary over a PostgreSQL that syncs to disk.

use std::{
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
};

use sallyport::{dev::postgres::Durability, keys::generate_key_file, secret::Entropy};
use sqlx::ConnectOptions as _;
use url::form_urlencoded::Serializer;
use zeroize::Zeroizing;

use super::{
    child::{Running, bound, free_address},
    harness::{
        db::{TestDb, postgres_with},
        process,
        scratch::Scratch,
    },
    load::Call,
    login::{Login, Tokens},
    upstream::GUARDED,
    usage::Tree,
    wire::Connection,
};

/// Tenants by when the intent of a call must be durable.
pub(crate) const BEFORE: &str = "before";
pub(crate) const OVERLAP: &str = "overlap";

/// A tool that changes something, and one that was accepted as read-only.
const CHANGING: &str = "update";
const READING: &str = "search";

const PROGRAM: &str = env!("CARGO_BIN_EXE_sallyport");
/// A public client, which people use.
pub(crate) const CLIENT: &str = "bench";
pub(crate) const REDIRECT: &str = "http://127.0.0.1:7777/callback";
/// A client that acts for itself.
pub(crate) const MACHINE: &str = "machine";
/// The resource, and its name where it asks about tokens.
pub(crate) const ASKER: &str = "tools";
pub(crate) const SCOPES: [&str; 2] = ["mcp:read", "mcp:write"];
pub(crate) const PERSON: &str = "ada";
const PASSWORD: &str = "the password of ada";

/// A serving process.
pub(crate) struct Node {
    running: Running,
    pub(crate) address: SocketAddr,
}

impl Node {
    pub(crate) fn id(&self) -> u32 {
        self.running.id()
    }
}

/// An installation with a tenant for each way of keeping evidence.
pub(crate) struct Site {
    /// Processes that serve. The first one always does.
    pub(crate) nodes: Vec<Node>,
    pub(crate) db: TestDb,
    pub(crate) keys: Zeroizing<String>,
    /// What identifiers are built from: the first node's address.
    pub(crate) base: String,
    /// Of the client that acts for itself.
    pub(crate) client_secret: String,
    /// Of the resource. None of a build without introspection.
    pub(crate) server_secret: Option<String>,
    /// In MiB, of the first node before its first request.
    pub(crate) fresh_memory: f64,
    _files: Scratch,
}

impl Site {
    /// Starts it in front of an upstream.
    pub(crate) async fn start(upstream: SocketAddr) -> Self {
        postgres_with(Durability::Full).await;
        let address = free_address();
        let mut site = Self {
            nodes: Vec::new(),
            db: TestDb::new().await,
            keys: generate_key_file(&Entropy::system()).unwrap(),
            base: format!("http://{address}"),
            client_secret: secret("client").expect("a client's secret"),
            server_secret: secret("server"),
            fresh_memory: 0.0,
            _files: Scratch::new(),
        };
        site._files.write("password", PASSWORD);
        site._files.write("machine.secret", &site.client_secret);
        if let Some(secret) = &site.server_secret {
            site._files.write("tools.secret", secret);
        }
        let asks = site.server_secret.is_some();
        let tenants = [BEFORE, OVERLAP].map(|evidence| tenant(evidence, upstream, asks)).concat();
        let file = site._files.write("tenants.toml", &tenants);
        site.run(&["apply", file.to_str().unwrap()]);
        site.nodes.push(site.node(PROGRAM.as_ref(), address));
        site.fresh_memory = Tree::of(site.nodes[0].id()).memory();
        site
    }

    /// Starts or ends processes until there are so many.
    pub(crate) fn scale(&mut self, nodes: usize) {
        self.nodes.truncate(nodes);
        while self.nodes.len() < nodes {
            self.nodes.push(self.node(PROGRAM.as_ref(), free_address()));
        }
    }

    /// Starts a process of another build. Its number.
    pub(crate) fn add(&mut self, program: &Path) -> usize {
        self.nodes.push(self.node(program, free_address()));
        self.nodes.len() - 1
    }

    fn node(&self, program: &Path, address: SocketAddr) -> Node {
        // What it logs goes all the way to a file that keeps nothing.
        let mut command = bound(program.to_str().unwrap());
        command.arg("serve").env_clear().envs(self.variables()).stderr(Stdio::null());
        command.env("SALLYPORT_LISTEN", address.to_string());
        Node { running: Running::start(&mut command, address), address }
    }

    fn variables(&self) -> [(&'static str, String); 7] {
        [
            ("SALLYPORT_PUBLIC_URL", self.base.clone()),
            ("SALLYPORT_KEYS", self.keys.to_string()),
            ("SALLYPORT_DATABASE__URL", self.db.options().to_url_lossy().to_string()),
            ("SALLYPORT_HTTP__OPERATIONS_LISTEN", "off".to_owned()),
            ("SALLYPORT_UPSTREAM__ALLOW_NETWORKS", "127.0.0.0/8".to_owned()),
            // The whole measurement, with one login.
            ("SALLYPORT_TOKENS__ACCESS_SECONDS", "86400".to_owned()),
            ("SALLYPORT_LOGIN__ARGON2_MEMORY_KIB", "7168".to_owned()),
        ]
    }

    fn run(&self, args: &[&str]) {
        self.say(args);
    }

    /// What a command prints, which must succeed.
    pub(crate) fn say(&self, args: &[&str]) -> String {
        let variables = self.variables();
        let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let said = process::run(args, &variables);
        assert_eq!(said.code, 0, "sallyport {args:?}: {}{}", said.out, said.err);
        said.out
    }

    /// A command, to be run.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(args).env_clear().envs(self.variables());
        command
    }

    /// The database's first process.
    pub(crate) fn database(&self) -> u32 {
        let data = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("pg-{}", std::process::id()));
        let file = std::fs::read_to_string(data.join("pgdata/postmaster.pid")).unwrap();
        file.lines().next().unwrap().parse().unwrap()
    }

    /// A new login of the person of a tenant.
    pub(crate) async fn login(&self, tenant: &str) -> Tokens {
        let login = Login {
            base: &self.base,
            tenant,
            resource: &format!("{}{}", self.base, resource(tenant)),
            client: CLIENT,
            redirect_uri: REDIRECT,
            username: PERSON,
            password: PASSWORD,
            scopes: &SCOPES,
        };
        login.tokens().await
    }

    /// Whether a node's metadata names an introspection endpoint.
    pub(crate) async fn introspects(&self, node: usize) -> bool {
        let path = format!("/.well-known/oauth-authorization-server/t/{OVERLAP}");
        let mut connection = Connection::open(self.nodes[node].address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n", self.host());
        let answer = connection.send(request.as_bytes()).await.unwrap();
        String::from_utf8_lossy(answer.body).contains("\"introspection_endpoint\":")
    }

    /// `HOST` of every request, whichever node it goes to, as behind a balancer.
    pub(crate) fn host(&self) -> &str {
        self.base.strip_prefix("http://").unwrap()
    }

    /// A call of the tool that the tenant's way of keeping evidence is about.
    pub(crate) fn call(&self, node: usize, tenant: &str, access: &str) -> Call {
        let tool = if tenant == BEFORE { CHANGING } else { READING };
        Call::to(self.nodes[node].address, self.host(), &resource(tenant), access, tool)
    }

    /// An endpoint of a tenant's issuer, on the first node.
    pub(crate) fn endpoint(&self, tenant: &str, name: &str) -> Endpoint {
        let head = format!(
            "POST /t/{tenant}/{name} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/x-www-form-urlencoded\r\n",
            self.host()
        );
        Endpoint { address: self.nodes[0].address, head }
    }
}

/// Takes forms of the client.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) address: SocketAddr,
    head: String,
}

impl Endpoint {
    /// Posts a form that must succeed. The answer's body.
    pub(crate) async fn post(&self, connection: &mut Connection, form: &[(&str, &str)]) -> Vec<u8> {
        let body = Serializer::new(String::new()).append_pair("client_id", CLIENT).extend_pairs(form).finish();
        let request = format!("{}content-length: {}\r\n\r\n{body}", self.head, body.len());
        let answer = connection.send(request.as_bytes()).await.unwrap();
        assert_eq!(answer.status, 200, "{:?}", String::from_utf8_lossy(answer.body));
        answer.body.to_vec()
    }
}

pub(crate) fn resource(tenant: &str) -> String {
    format!("/t/{tenant}/mcp/{ASKER}")
}

/// A fresh secret. None where there is none of the kind.
fn secret(kind: &str) -> Option<String> {
    let said = process::run(&[kind, "secret"], &[]);
    (said.code == 0).then(|| said.out.trim().to_owned())
}

fn tenant(evidence: &str, upstream: SocketAddr, asks: bool) -> String {
    let introspection = if asks { "introspection_secret = { file = \"tools.secret\" }" } else { "" };
    format!(
        r#"
[[tenant]]
slug = "{evidence}"
name = "Bench"

[tenant.settings]
evidence = "{evidence}"

[[tenant.server]]
slug = "{ASKER}"
upstream = "http://{upstream}{GUARDED}"
{introspection}
catalogue = [
    {{ tool = "{READING}", scope = "mcp:read", read_only = true }},
    {{ tool = "{CHANGING}", scope = "mcp:write" }},
]

[[tenant.person]]
username = "{PERSON}"
password = {{ file = "password" }}

[[tenant.client]]
id = "{CLIENT}"
name = "Bench"
redirect_uris = ["{REDIRECT}"]

[[tenant.client]]
id = "{MACHINE}"
name = "Machine"
auth_method = "client_secret_basic"
secret = {{ file = "machine.secret" }}
client_credentials = [{{ server = "{ASKER}", scopes = ["{}", "{}"] }}]
"#,
        SCOPES[0], SCOPES[1]
    )
}
