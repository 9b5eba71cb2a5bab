//! Where authority is taken away, and that each place waits before it says so.

use std::{collections::BTreeMap, fs, path::Path};

/// Source files that make a [`Ticket`](sallyport::cluster::Ticket), with how many times, and files that wait for one.
/// Whoever changes the first table: who waits for the new one, and before what is said?
const TAKERS: [(&str, usize); 14] = [
    // `grant revoke` where nothing is there: settled there.
    ("src/cli/grant/revoke.rs", 1),
    // `apply`: settled once, for the newest, by the command, by `dev`, by edits of the console and of the admin API, and in tests.
    ("src/apply.rs", 1),
    // A client's metadata document says something new: settled there, before the person sees a page.
    ("src/clients/document.rs", 1),
    // RFC 7592, a change: settled there.
    ("src/clients/registration/manage.rs", 1),
    // Clients that were never used make room for one that registers: settled there.
    ("src/clients/registration/room.rs", 1),
    // A client is suspended, or was before: settled by the command, by the console and by the admin API.
    ("src/clients/standing.rs", 2),
    // `dev` points its server elsewhere: settled there.
    ("src/dev/seed.rs", 1),
    // Clients that were never used: settled there.
    ("src/jobs/janitor.rs", 1),
    // `keys retire`, by force and where it was done before: settled by the command.
    ("src/keys/rotation/retire.rs", 2),
    // Signing keys begin and end: settled by `keys rotate`, by the console, by the admin API and by the job.
    ("src/keys/rotation/signing.rs", 3),
    // A person is disabled: settled by the command, by the console and by the admin API.
    ("src/people/account.rs", 1),
    // An identity provider says that somebody is logged out there, or said so before: settled before it is answered.
    ("src/people/oidc/logout.rs", 4),
    // `grant revoke`, the console and the admin API: settled by each; a logout at an identity provider, as above.
    ("src/token/kill_switch.rs", 4),
    // What callers of this file settle: RFC 7009 itself, replays at the token endpoint (verdict), the account page, the
    // console, the admin API, RFC 7592, a removal.
    ("src/token/revoke.rs", 7),
];

const WAITERS: [(&str, usize); 29] = [
    // The admin API: all its changes go through the first of these, or are edits.
    ("src/api/caller.rs", 1),
    ("src/api/clients.rs", 2),
    ("src/api/grants.rs", 1),
    ("src/api/keys.rs", 1),
    ("src/api/people.rs", 1),
    // One object of one tenant, for the console and the admin API.
    ("src/apply/edit.rs", 1),
    // A tenant that is made, by the platform's console and the admin API.
    ("src/apply/tenant.rs", 1),
    ("src/cli/apply.rs", 1),
    ("src/cli/client/change.rs", 2),
    ("src/cli/grant/revoke.rs", 2),
    ("src/cli/keys/retire.rs", 1),
    ("src/cli/keys/rotate.rs", 1),
    ("src/cli/person.rs", 1),
    ("src/clients/document.rs", 1),
    ("src/clients/registration/manage.rs", 2),
    ("src/clients/registration/room.rs", 1),
    // The console: all its changes go through the first of these, or are edits.
    ("src/console/deed.rs", 1),
    ("src/console/clients/change.rs", 2),
    ("src/console/grants.rs", 1),
    ("src/console/keys.rs", 1),
    ("src/console/people/change.rs", 1),
    ("src/people/first/routes.rs", 1),
    ("src/dev/seed.rs", 2),
    ("src/jobs/janitor.rs", 1),
    ("src/jobs/signing_keys.rs", 1),
    ("src/people/routes/account.rs", 1),
    ("src/people/routes/backchannel.rs", 1),
    ("src/token/revoke.rs", 1),
    ("src/token/verdict.rs", 1),
];

fn count(dir: &Path, words: &[&str], found: &mut BTreeMap<String, usize>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            count(&path, words, found);
        } else {
            let text = fs::read_to_string(&path).unwrap_or_default();
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            let times = code.map(|line| words.iter().map(|word| line.matches(word).count()).sum::<usize>()).sum();
            if times > 0 {
                let root = Path::new(env!("CARGO_MANIFEST_DIR"));
                found.insert(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned(), times);
            }
        }
    }
}

fn in_sources(words: &[&str]) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    count(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), words, &mut found);
    found
}

fn table(rows: &[(&str, usize)]) -> BTreeMap<String, usize> {
    rows.iter().map(|(file, times)| ((*file).to_owned(), *times)).collect()
}

#[test]
fn each_place_that_takes_authority_away_is_known() {
    assert_eq!(
        in_sources(&[
            "cluster::take(",
            "cluster::take_all(",
            "cluster::take_everywhere(",
            "cluster::taken(",
            "cluster::taken_anywhere("
        ]),
        table(&TAKERS)
    );
}

#[test]
fn each_place_that_waits_is_known() {
    assert_eq!(in_sources(&[".settle(", "cluster::settle_elsewhere("]), table(&WAITERS));
}
