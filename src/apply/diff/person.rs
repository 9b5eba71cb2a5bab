//! People: what changes of them.

use super::{Findings, stays_enabled};
use crate::{
    apply::{
        ApplyError, PasswordDoc, PersonDoc, Prune, TenantDoc,
        facts::{Facts, yes},
        plan::{Field, Kind},
        state::State,
        step::{Compared, NewPassword, PersonWrite, Removed, Step, Write, removal, secret_field},
    },
    ids::PersonId,
    people::{Password, PasswordHash, Verdict},
    store::people::PersonRow,
};

pub(super) async fn all(
    findings: &mut Findings<'_>,
    doc: &TenantDoc,
    state: Option<&State>,
    prune: Prune,
) -> Result<(), ApplyError> {
    for person in &doc.people {
        let old = state.and_then(|state| state.people.get(&person.username.as_str().to_lowercase()));
        let vouched = old.is_some_and(|old| state.is_some_and(|state| state.vouched.contains(&old.id)));
        one(findings, person, old, vouched).await?;
    }
    let Some(state) = state.filter(|_| prune.objects()) else { return Ok(()) };
    let named = |username: &str| doc.people.iter().any(|doc| doc.username.as_str().to_lowercase() == username);
    for (_, row) in state.people.iter().filter(|(username, row)| !named(username) && state.made(Kind::Person, row.id)) {
        let change = removal(Kind::Person, findings.name(&row.username));
        findings.steps.push(Step { change, write: Write::Remove(Removed::Person(row.clone())) });
    }
    Ok(())
}

/// `vouched`: an identity provider says who this is.
async fn one(
    findings: &mut Findings<'_>,
    doc: &PersonDoc,
    old: Option<&PersonRow>,
    vouched: bool,
) -> Result<(), ApplyError> {
    let recorder = findings.tools.recorder;
    let id = match old {
        Some(old) => old.id,
        None => PersonId::new(&recorder.clock, &recorder.entropy)?,
    };
    let enabled = stays_enabled(doc.enabled, old.map(|old| old.status.as_str()));
    let row = PersonRow {
        id,
        username: old.map_or(doc.username.as_str(), |old| &old.username).to_owned(),
        display_name: doc.display_name.clone(),
        password_hash: old.and_then(|old| old.password_hash.clone()),
        roles: doc.roles.clone(),
        status: if enabled { "active" } else { "disabled" }.to_owned(),
    };
    let password = password(findings, doc, &row).await?;
    let secret: Option<Field> = password.as_ref().map(|_| secret_field("password", row.password_hash.is_some()));
    let (before, after) = (old.map(facts), facts(&row));
    let name = findings.name(&row.username);
    if !enabled && doc.enabled.is_none() {
        findings.stays_disabled(Kind::Person, &name);
    }
    let gains = old.is_some_and(|old| row.roles.iter().any(|role| !old.roles.contains(role)));
    if gains && vouched {
        let note =
            format!("person {name} gets more roles, and comes through an identity provider, which decides who that is");
        findings.notes.push(note);
    }
    let compared =
        Compared { kind: Kind::Person, name, old: before.as_ref(), new: &after, secrets: secret.into_iter().collect() };
    let loses = old.is_some_and(|old| {
        !enabled && old.status == "active" || old.roles.iter().any(|role| !row.roles.contains(role))
    });
    findings.compare(compared, || Write::Person(Box::new(PersonWrite { row, old: old.cloned(), password, loses })));
    Ok(())
}

/// The password to set, or None where the document names none or it is the one in use.
async fn password(
    findings: &Findings<'_>,
    doc: &PersonDoc,
    row: &PersonRow,
) -> Result<Option<NewPassword>, ApplyError> {
    let stored = row.password_hash.as_deref().map(PasswordHash::parse).transpose()?;
    match &doc.password {
        None => Ok(None),
        Some(PasswordDoc::Hash(hash)) => Ok((stored.as_ref() != Some(hash)).then(|| NewPassword::Hash(hash.clone()))),
        Some(PasswordDoc::Clear(password)) => {
            let copy = || Password::presented(password.expose());
            if let Some(stored) = stored {
                let verdict = findings.tools.hasher.verify(copy()?, Some(stored)).await?;
                if verdict != Verdict::Wrong {
                    return Ok(None);
                }
            }
            Ok(Some(NewPassword::Clear(copy()?)))
        }
    }
}

fn facts(row: &PersonRow) -> Facts {
    let mut facts = Facts::default();
    facts.add("display_name", &row.display_name);
    let mut roles = row.roles.clone();
    roles.sort();
    facts.add("roles", roles.join(", "));
    facts.add("enabled", yes(row.status == "active"));
    facts
}
