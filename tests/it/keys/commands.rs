//! `sallyport keys`, as an operator types it, on one node.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::PathBuf,
};

use sallyport::keys::{KeyFile, KeyKind, Keyring};
use serde_json::Value;
use sqlx::ConnectOptions as _;

use crate::harness::{
    db::TestDb,
    process::{Said, run},
    scratch::Scratch,
};

const ACME: &str = "[[tenant]]\nslug = \"acme\"\nname = \"Acme\"\n";

/// An installation with a key file of its own and one tenant.
pub(crate) struct Site {
    pub(crate) db: TestDb,
    pub(crate) scratch: Scratch,
    url: String,
    pub(crate) keys: PathBuf,
}

impl Site {
    pub(crate) async fn new() -> Self {
        let db = TestDb::new().await;
        let scratch = Scratch::new();
        let url = db.options().to_url_lossy().to_string();
        let keys = scratch.path("keys.toml");
        let site = Self { db, url, keys, scratch };
        site.done(&["keys", "init"]);
        let acme = site.scratch.write("acme.toml", ACME);
        site.done(&["apply", acme.to_str().unwrap()]);
        site
    }

    pub(crate) fn variables(&self) -> Vec<(&str, &str)> {
        vec![
            ("SALLYPORT_PUBLIC_URL", "https://mcp.example.com"),
            ("SALLYPORT_KEYS__FILE", self.keys.to_str().unwrap()),
            ("SALLYPORT_DATABASE__URL", &self.url),
        ]
    }

    pub(crate) fn run(&self, args: &[&str]) -> Said {
        run(args, &self.variables())
    }

    #[track_caller]
    pub(crate) fn done(&self, args: &[&str]) -> String {
        let said = self.run(args);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{args:?}");
        said.out
    }

    /// The one line of a command that fails.
    #[track_caller]
    pub(crate) fn fails(&self, args: &[&str]) -> String {
        let said = self.run(args);
        assert_eq!((said.code, said.err.lines().count()), (1, 1), "{args:?}: {} {}", said.out, said.err);
        said.err
    }

    pub(crate) fn text(&self) -> String {
        fs::read_to_string(&self.keys).unwrap()
    }

    fn keyring(&self) -> Keyring {
        Keyring::parse(&self.text()).unwrap()
    }

    /// A key of the list.
    fn listed(&self, kind: &str, id: &str) -> Value {
        let list: Value = serde_json::from_str(&self.done(&["keys", "list", "--json"])).unwrap();
        let keys = list["outside"].as_array().unwrap();
        keys.iter().find(|key| key["kind"] == kind && key["id"] == id).expect("it is listed").clone()
    }
}

#[tokio::test]
async fn a_pepper_is_rotated_and_retired_in_its_file() {
    let site = Site::new().await;
    let (old, before) = (site.keyring().in_use(KeyKind::Pepper), site.text());
    let owner = fs::metadata(&site.keys).unwrap();
    assert_eq!(site.listed("pepper", &old)["state"], "in_use");

    let said = site.done(&["keys", "rotate", "pepper"]);
    let keyring = site.keyring();
    let new = keyring.check_values().into_iter().map(|key| key.id).find(|id| !before.contains(id.as_str())).unwrap();
    assert!(said.contains(&format!("added the pepper key {new} to ")), "{said}");
    let next =
        format!("the pepper key {new} is in use\n{old} holds nothing any more: `sallyport keys retire pepper {old}`\n");
    assert!(said.ends_with(&next), "{said}");
    let file = fs::metadata(&site.keys).unwrap();
    assert_eq!(file.permissions().mode() & 0o7777, 0o600);
    assert_eq!((file.uid(), file.gid()), (owner.uid(), owner.gid()));
    assert_eq!(fs::read_dir(site.keys.parent().unwrap()).unwrap().count(), 2, "nothing else is left behind");
    assert_eq!(
        (&site.listed("pepper", &old)["state"], &site.listed("pepper", &new)["state"]),
        (&"older".into(), &"in_use".into())
    );
    let list = site.done(&["keys", "list"]);
    assert!(list.contains(&format!("pepper        {new}  in use since ")), "{list}");
    assert!(list.contains("signing acme") && list.contains("holds 2 signing keys"), "{list}");

    assert!(site.fails(&["keys", "retire", "pepper", &new]).contains("is in use: `sallyport keys rotate pepper`"));
    assert!(site.fails(&["keys", "retire", "pepper", "none"]).contains("there is no pepper key \"none\""));
    let both = site.text();
    let said = site.done(&["keys", "retire", "pepper", &old]);
    assert!(said.starts_with(&format!("retired the pepper key {old}\ntook it out of ")), "{said}");
    assert!(said.contains("Keep backup copies as long as dumps of their time"), "{said}");
    assert!(!site.text().contains(&old) && site.text().contains(&new));
    assert_eq!(site.listed("pepper", &old)["state"], "retired");

    // A copy from before the rotation, and one from before the end of the old key.
    let create = ["initial-token", "create", "--tenant", "acme"];
    fs::write(&site.keys, &before).unwrap();
    let older = site.fails(&create);
    assert!(
        older.contains(&format!(
            "the key file lacks the pepper key \"{new}\", which this database uses. After a restore: use the copy of the key file \
             from the time of the dump. Otherwise: use the file to which {new} was added\n"
        )),
        "{older}"
    );
    assert!(site.done(&["keys", "list"]).contains("MISSING in the key file"), "it can still be looked at");
    fs::write(&site.keys, &both).unwrap();
    site.done(&create);
    let (live, spent): (i64, i64) = sqlx::query_as("select live, spent from key_values(now()) where key_id = $1")
        .bind(&new)
        .fetch_one(&site.db.owner)
        .await
        .unwrap();
    assert_eq!((live, spent), (1, 0), "made with the new one, though the old one is first in the file");
    assert!(site.done(&["keys", "list"]).contains("still in the key file: take it out"));
    assert!(site.done(&["keys", "retire", "pepper", &old]).contains("was retired before\ntook it out of "));
}

#[tokio::test]
async fn what_dies_by_force_is_said_first_and_asked() {
    let site = Site::new().await;
    let old = site.keyring().in_use(KeyKind::Kek);
    let in_use = site.run(&["keys", "retire", "kek", &old, "--force"]);
    assert_eq!((in_use.code, in_use.out.as_str()), (1, ""), "nothing is listed that will not happen");
    assert!(in_use.err.contains("is in use: `sallyport keys rotate kek`"), "{}", in_use.err);
    let rotated = site.done(&["keys", "rotate", "kek"]);
    let next =
        format!("{old} still holds 2 signing keys; `sallyport keys list` shows when it holds nothing, then `sallyport");
    assert!(rotated.contains(&next), "{rotated}");
    let refused = site.fails(&["keys", "retire", "kek", &old]);
    assert!(refused.contains("still holds 2 signing keys"), "{refused}");
    let unasked = site.run(&["keys", "retire", "kek", &old, "--force"]);
    assert_eq!(unasked.code, 1);
    assert!(unasked.out.contains("  2 signing keys: replaced at once"), "{}", unasked.out);
    assert!(unasked.err.contains("nothing was changed"), "{}", unasked.err);
    assert!(site.text().contains(&old));
    let forced = site.done(&["keys", "retire", "kek", &old, "--force", "--yes"]);
    assert!(forced.contains(&format!("retired the kek key {old}\n")), "{forced}");
    let list: Value = serde_json::from_str(&site.done(&["keys", "list", "--json"])).unwrap();
    let states: Vec<&str> =
        list["signing"].as_array().unwrap().iter().map(|key| key["state"].as_str().unwrap()).collect();
    assert_eq!(states.iter().filter(|state| **state == "active").count(), 2, "{states:?}");
    assert_eq!(states.len(), 4);
    let (table, all) = (site.done(&["keys", "list"]), site.done(&["keys", "list", "--all"]));
    assert_eq!((table.matches("signing acme").count(), all.matches("signing acme").count()), (2, 4), "{table}");
    assert!(table.ends_with("2 retired signing keys are not shown: --all shows them\n"), "{table}");
}

#[tokio::test]
async fn signing_keys_follow_in_one_tenant_or_in_all() {
    let site = Site::new().await;
    let said = site.done(&["keys", "rotate", "signing"]);
    assert_eq!(said.matches(" is published and signs from ").count(), 2, "{said}");
    let again = site.done(&["keys", "rotate", "signing", "--tenant", "acme"]);
    assert_eq!(again.matches(" was published before and signs from ").count(), 2, "{again}");
    let now = site.done(&["keys", "rotate", "signing", "--tenant", "acme", "--now"]);
    assert_eq!(now.matches(" signs, those before it are gone").count(), 2, "{now}");
    let unknown = site.fails(&["keys", "rotate", "signing", "--tenant", "none"]);
    assert!(unknown.contains("there is no tenant \"none\"; there is \"acme\""), "{unknown}");
}

#[tokio::test]
async fn keys_that_no_command_can_change_are_written_elsewhere() {
    let site = Site::new().await;
    let text = site.text();
    let from_variable = |text: &str, args: &[&str]| {
        let mut variables = site.variables();
        variables[1] = ("SALLYPORT_KEYS", text);
        run(args, &variables)
    };
    let refused = from_variable(&text, &["keys", "rotate", "audit-handle"]);
    assert_eq!((refused.code, refused.out.as_str()), (1, ""));
    assert!(refused.err.contains("--out FILE"), "{}", refused.err);
    let written = from_variable(&text, &["keys", "rotate", "audit-handle", "--out", "-"]);
    assert_eq!((written.code, written.err.as_str()), (0, ""));
    assert_eq!(Keyring::parse(&written.out).unwrap().check_values().len(), 5);
    let twice = from_variable(&written.out, &["keys", "rotate", "audit-handle", "--out", "-"]);
    assert_eq!((twice.code, twice.out.as_str()), (1, ""), "nothing but a key file goes there");
    let used = from_variable(&written.out, &["keys", "rotate", "audit-handle"]);
    assert_eq!(used.code, 0, "{}", used.err);
    assert!(used.out.contains("is in use"), "{}", used.out);
    let old = Keyring::parse(&text).unwrap().in_use(KeyKind::AuditHandle);
    let retired = from_variable(&written.out, &["keys", "retire", "audit-handle", &old]);
    assert!(retired.out.contains("out of SALLYPORT_KEYS yourself"), "{} {}", retired.out, retired.err);

    // A file that cannot be replaced stays as it was.
    let site = Site::new().await;
    fs::create_dir(site.keys.with_added_extension("new")).unwrap();
    let before = site.text();
    assert!(site.fails(&["keys", "rotate", "pepper"]).contains("which is as it was"));
    assert_eq!(site.text(), before);
}

#[tokio::test]
async fn a_link_to_the_key_file_stays_one_and_commands_beside_each_other_lose_nothing() {
    let site = Site::new().await;
    let real = site.scratch.path("real.toml");
    fs::rename(&site.keys, &real).unwrap();
    std::os::unix::fs::symlink(&real, &site.keys).unwrap();
    std::thread::scope(|scope| {
        for kind in ["pepper", "kek"] {
            let site = &site;
            scope.spawn(move || site.done(&["keys", "rotate", kind, "--stage"]));
        }
    });
    assert!(fs::symlink_metadata(&site.keys).unwrap().is_symlink());
    assert_eq!(site.keyring().check_values().len(), 6);
    let audit_handle = site.keyring().in_use(KeyKind::AuditHandle);
    let as_listed = site.fails(&["keys", "retire", "audit_handle", &audit_handle]);
    assert!(as_listed.contains("is in use: `sallyport keys rotate audit-handle`"), "{as_listed}");
    let waits = site.done(&["keys", "rotate", "pepper", "--stage"]);
    assert!(waits.contains("is in the key file, and not in use yet"), "{waits}");
    assert_eq!(site.keyring().check_values().len(), 6, "it goes on with the one that is there");
    assert!(site.done(&["keys", "list"]).contains("new, never used"));
}

/// As it is of an installation that was made before there were such keys.
#[tokio::test]
async fn a_key_file_without_a_kind_of_key_gets_the_first_one() {
    let site = Site::new().await;
    let mut file = KeyFile::parse(&site.text()).unwrap();
    let id = site.keyring().in_use(KeyKind::Checkpoint);
    assert!(file.remove(KeyKind::Checkpoint, &id));
    fs::write(&site.keys, file.render().as_bytes()).unwrap();
    assert!(site.fails(&["keys", "list"]).contains("`sallyport keys rotate checkpoint` adds one"));
    assert!(site.done(&["keys", "rotate", "checkpoint"]).contains("the first of its kind"));
    assert_ne!(site.keyring().in_use(KeyKind::Checkpoint), id);
    site.done(&["keys", "list"]);
}
