//! `apply`, `admin`, `person` and `client`, as an operator types them.

use std::process::Stdio;

use sallyport::{keys::generate_key_file, secret::Entropy};
use serde_json::Value;
use sqlx::ConnectOptions as _;
use tokio::io::AsyncWriteExt as _;

use crate::harness::{
    db::TestDb,
    process::{Said, Serving, run, sallyport},
    scratch::Scratch,
    web::client,
};

pub(super) const ACME: &str = "[[tenant]]\nslug = \"acme\"\nname = \"Acme\"\n[[tenant.person]]\nusername = \"bob\"\n";

/// An installation for commands.
pub(super) struct Site {
    pub(super) db: TestDb,
    scratch: Scratch,
    pub(super) keys: String,
    url: String,
}

impl Site {
    pub(super) async fn new() -> Self {
        let db = TestDb::new().await;
        let url = db.options().to_url_lossy().to_string();
        Self { keys: generate_key_file(&Entropy::system()).unwrap().to_string(), url, scratch: Scratch::new(), db }
    }

    fn variables(&self) -> [(&str, &str); 4] {
        [
            ("SALLYPORT_PUBLIC_URL", "https://mcp.example.com"),
            ("SALLYPORT_KEYS", &self.keys),
            ("SALLYPORT_DATABASE__URL", &self.url),
            // Cheaper than anybody should have it.
            ("SALLYPORT_LOGIN__ARGON2_MEMORY_KIB", "7168"),
        ]
    }

    pub(super) fn run(&self, args: &[&str]) -> Said {
        run(args, &self.variables())
    }

    #[track_caller]
    pub(super) fn done(&self, args: &[&str]) -> String {
        let said = self.run(args);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{args:?}");
        said.out
    }

    /// The one line of a command that fails.
    #[track_caller]
    pub(super) fn fails(&self, args: &[&str]) -> String {
        let said = self.run(args);
        assert_eq!((said.code, said.out.as_str()), (1, ""), "{}", said.err);
        said.err
    }

    pub(super) fn file(&self, text: &str) -> String {
        self.scratch.write("acme.toml", text).display().to_string()
    }

    pub(super) async fn count(&self, query: &'static str) -> i64 {
        sqlx::query_scalar(query).fetch_one(&self.db.owner).await.unwrap()
    }
}

#[tokio::test]
async fn a_file_is_applied_once() {
    let site = Site::new().await;
    let file = site.file(ACME);
    let dry = site.done(&["apply", &file, "--dry-run"]);
    assert!(dry.starts_with("+ tenant acme      create\n    name  Acme\n"), "{dry}");
    assert!(dry.ends_with("2 to create; 0 stay as they are\nnothing was changed: this was a dry run\n"), "{dry}");
    assert_eq!(site.count("select (select count(*) from tenant) + (select count(*) from key_check)").await, 0);

    let first = site.done(&["apply", &file]);
    assert!(first.ends_with("2 to create; 0 stay as they are\napplied\n"), "{first}");
    assert_eq!(site.done(&["apply", &file]), "nothing to do; 2 stay as they are\n");
    let json: Value = serde_json::from_str(&site.done(&["apply", &file, "--json", "--dry-run"])).unwrap();
    assert_eq!(json, serde_json::json!({ "changes": [], "unchanged": 2, "notes": [], "dry_run": true }));
}

#[tokio::test]
async fn prune_is_said_and_tenants_are_said_twice() {
    let site = Site::new().await;
    site.done(&["apply", &site.file(ACME)]);
    let bare = site.file("[[tenant]]\nslug = \"acme\"\nname = \"Acme\"\n");
    assert_eq!(site.done(&["apply", &bare]), "nothing to do; 1 stays as it is\n");
    assert!(site.done(&["apply", &bare, "--prune"]).starts_with("- person acme/bob  remove\n"));
    let said = site.run(&["apply", &bare, "--prune-tenants"]);
    assert_eq!(said.code, 2, "{}", said.err);
    let nothing = site.file("");
    assert!(site.done(&["apply", &nothing, "--prune", "--prune-tenants"]).starts_with("- tenant acme  remove\n"));
}

#[tokio::test]
async fn mistakes_are_lines_with_file_and_number() {
    let site = Site::new().await;
    let file = site.file("[[tenant]]\nslug = \"acme\"\nnmae = \"Acme\"\n");
    let lines: Vec<_> = site.fails(&["apply", &file]).lines().map(str::to_owned).collect();
    assert_eq!(lines[0], "sallyport: nothing was changed, since 2 mistakes were found:");
    assert_eq!(lines[1], format!("{file}:1: tenant acme: name is required"));
    assert!(lines[2].starts_with(&format!("{file}:3: tenant acme: there is no key \"nmae\" here;")), "{}", lines[2]);
    assert!(site.fails(&["apply", "/nowhere.toml"]).starts_with("sallyport: cannot read \"/nowhere.toml\": "));
}

#[tokio::test]
async fn another_key_file_is_refused_before_anything_is_planned() {
    let site = Site::new().await;
    site.done(&["apply", &site.file(ACME)]);
    let other = Site { keys: generate_key_file(&Entropy::system()).unwrap().to_string(), ..site };
    for args in [&["apply", &other.file(ACME)][..], &["apply", &other.file(ACME), "--dry-run"]] {
        let said = other.fails(args);
        assert!(said.contains("start with the right key file"), "{said}");
    }
}

#[tokio::test]
async fn a_client_secret_goes_from_one_command_to_the_other() {
    let site = Site::new().await;
    let secret = site.done(&["client", "secret"]);
    assert!(secret.starts_with("sp_cs_") && secret.lines().count() == 1);
    assert_ne!(site.done(&["client", "secret"]), secret);
    site.scratch.write("web.secret", &secret);
    let file = site.file(&format!(
        "{ACME}[[tenant.client]]\nid = \"web\"\nname = \"Web\"\nauth_method = \"client_secret_basic\"\n\
         redirect_uris = [\"https://a.example/cb\"]\nsecret = {{ file = \"web.secret\" }}\n"
    ));
    let said = site.done(&["apply", &file]);
    assert!(said.contains("+ client acme/web") && !said.contains(secret.trim()), "{said}");
}

#[tokio::test]
async fn a_generated_password_is_shown_once_and_works() {
    let site = Site::new().await;
    let said = site.done(&["admin", "create", "ada"]);
    let password = said.lines().nth(1).unwrap().strip_prefix("password: ").unwrap().split("   ").next().unwrap();
    assert!(said.starts_with("made the administrator ada\n") && password.len() >= 20, "{said}");
    let hash: String =
        sqlx::query_scalar("select p.password_hash from person p join tenant t on t.id = p.tenant where t.platform")
            .fetch_one(&site.db.owner)
            .await
            .unwrap();
    assert!(hash.starts_with("$argon2id$"), "{hash}");
    let again = site.fails(&["admin", "create", "ADA"]);
    assert!(again.contains("there is an administrator \"ADA\" already"), "{again}");

    let json: Value = serde_json::from_str(&site.done(&["admin", "create", "bo", "--json"])).unwrap();
    assert_eq!(json["username"], "bo");
    assert!(json["password"].as_str().unwrap().len() >= 20);
}

#[tokio::test]
async fn a_password_comes_from_a_file_or_a_pipe_and_is_not_printed() {
    let site = Site::new().await;
    let file = site.scratch.write("password", "canary-horse\n").display().to_string();
    let said = site.done(&["admin", "create", "ada", "--password-file", &file]);
    assert_eq!(said, "made the administrator ada\n");

    let mut piped =
        tokio::process::Command::from(sallyport(&["admin", "create", "bo", "--password-file", "-"], &site.variables()));
    let mut piped = piped.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    piped.stdin.take().unwrap().write_all(b"canary-horse\n").await.unwrap();
    let output = piped.wait_with_output().await.unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "made the administrator bo\n");

    let short = site.scratch.write("short", "canary\n").display().to_string();
    let said = site.fails(&["admin", "create", "cy", "--password-file", &short]);
    assert!(said.contains("at least 8 characters") && !said.contains("canary"), "{said}");
}

#[tokio::test]
async fn people_are_made_disabled_and_given_passwords() {
    let site = Site::new().await;
    let no = site.fails(&["person", "create", "ada", "--tenant", "acme"]);
    assert_eq!(no, "sallyport: there is no tenant \"acme\"; there are none yet: `sallyport apply` makes them\n");
    site.done(&["apply", &site.file(ACME)]);
    assert!(site.fails(&["person", "create", "ada", "--tenant", "acem"]).ends_with("there is \"acme\"\n"));

    let made = site.done(&["person", "create", "ada", "--tenant", "acme", "--name", "Ada Lovelace"]);
    assert!(made.starts_with("made ada in acme\npassword: "), "{made}");
    let taken = site.fails(&["person", "create", "Ada", "--tenant", "acme"]);
    assert!(taken.contains("the username \"Ada\" is taken"), "{taken}");

    let before: String = sqlx::query_scalar("select password_hash from person where username = 'ada'")
        .fetch_one(&site.db.owner)
        .await
        .unwrap();
    let said = site.done(&["person", "password", "ada", "--tenant", "acme"]);
    assert!(said.starts_with("ada in acme has another password\npassword: "), "{said}");
    let after: String = sqlx::query_scalar("select password_hash from person where username = 'ada'")
        .fetch_one(&site.db.owner)
        .await
        .unwrap();
    assert_ne!(after, before);

    assert_eq!(site.done(&["person", "disable", "ada", "--tenant", "acme"]), "disabled ada in acme\n");
    assert_eq!(site.count("select count(*) from person where username = 'ada' and status = 'disabled'").await, 1);
    assert_eq!(site.count("select count(*) from authority_log where entry ? 'person'").await, 1, "through the log");
    let nobody = site.fails(&["person", "disable", "eve", "--tenant", "acme"]);
    assert!(nobody.contains("nobody in this tenant has the username \"eve\""), "{nobody}");
}

#[tokio::test]
async fn a_probe_that_comes_to_nothing_is_a_line_and_no_failure() {
    let site = Site::new().await;
    let server = "[[tenant.server]]\nslug = \"s\"\nupstream = \"http://127.0.0.1:9/mcp\"\n";
    let file = site.file(&format!("{ACME}{server}"));
    let dry = site.done(&["apply", &file, "--dry-run", "--probe"]);
    assert!(dry.ends_with("\n# Server acme/s: nothing to propose: it is not there, or disabled\n"), "{dry}");
    let said = site.done(&["apply", &file, "--probe"]);
    assert!(
        said.contains("\napplied\n\n# Server acme/s: nothing to propose: not sent: the upstream \"127.0.0.1\""),
        "{said}"
    );
    assert!(said.contains("upstream.allow_networks"), "{said}");
    assert_eq!(site.count("select count(*) from audit_event where kind = 'server.probed'").await, 1);
}

#[tokio::test]
async fn a_server_that_runs_obeys_a_command() {
    let site = Site::new().await;
    site.done(&["apply", &site.file(ACME)]);
    let listen = [("SALLYPORT_LISTEN", "127.0.0.1:0"), ("SALLYPORT_HTTP__OPERATIONS_LISTEN", "127.0.0.1:0")];
    let serving = Serving::start(&[&site.variables()[..], &listen].concat());
    let status = async || {
        let url = format!("http://{}/t/acme/jwks.json", serving.public);
        client().get(url).header("host", "mcp.example.com").send().await.unwrap().status().as_u16()
    };
    assert_eq!(status().await, 200);
    site.done(&["apply", &site.file(&ACME.replace("name = \"Acme\"", "name = \"Acme\"\nenabled = false"))]);
    assert_eq!(status().await, 404, "once the command has ended");
    site.done(&["apply", &site.file(&ACME.replace("name = \"Acme\"", "name = \"Acme\"\nenabled = true"))]);
    assert_eq!(status().await, 200);
}

#[test]
fn help_shows_examples() {
    for command in
        [&["apply"][..], &["admin", "create"], &["person", "create"], &["person", "disable"], &["person", "password"]]
    {
        let help = run(&[command, &["--help"]].concat(), &[]);
        assert_eq!(help.code, 0);
        for part in ["Example", "--config <FILE>", "--data-dir <DIR>"] {
            assert!(help.out.contains(part), "{part} is not in {}", help.out);
        }
    }
}
