//! Writes a plan: rows and audit events, tenant by tenant, and the authority log at the end, since its lock keeps every
//! node from renewing its lease until the commit.

mod provider;

use std::collections::BTreeMap;

use super::{
    ApplyError, Tools, Written,
    diff::TenantSteps,
    document::OwnGrant,
    plan::{Action, Field, Kind},
    published::Published,
    step::{ClientWrite, NewPassword, PersonWrite, Removed, Step, Write},
};
use crate::{
    audit::{Event, FieldChange, Personal, PlatformEvent, Shown},
    clients::{Client, Status},
    cluster::Entry,
    ids::{ClientId, GrantId, PersonId, TenantId},
    keys::{SigningAlg, SigningKey},
    people::{NewPerson, PasswordHash, Username, create_with},
    store::{
        self, PlatformTx, StoreError, TenantTx,
        apply::Ended,
        grants::machine,
        outside,
        people::PersonRow,
        tenants::{self, TenantRow},
    },
    tenants::OutsideIssuer,
    token::revoke::{self, Reason},
};

pub(super) async fn write(
    tools: Tools<'_>,
    mut tx: PlatformTx,
    mut planned: Vec<TenantSteps>,
    marks: bool,
) -> Result<Written, ApplyError> {
    // Hashing takes its time; nothing is written yet.
    hash_passwords(tools, &mut planned).await?;
    let mut taken: Vec<(TenantId, Entry)> = Vec::new();
    let tenants = planned.iter().map(|tenant| tenant.id).collect();
    for planned in planned {
        tx = tenant(tools, tx, planned, &mut taken, marks).await.map_err(said)?;
    }
    Ok(Written { tx, tenants, taken, now: tools.recorder.clock.now() })
}

fn said(error: ApplyError) -> ApplyError {
    match error {
        ApplyError::Store(error) if error.violated() == Some(tenants::AUDIENCE_TAKEN) => ApplyError::AudienceTaken,
        error => error,
    }
}

async fn hash_passwords(tools: Tools<'_>, planned: &mut [TenantSteps]) -> Result<(), ApplyError> {
    for step in planned.iter_mut().flat_map(|tenant| &mut tenant.steps) {
        if let Write::Person(person) = &mut step.write
            && let Some(password) = person.password.take()
        {
            let hash = match password {
                NewPassword::Clear(password) => tools.hasher.hash(password).await?,
                NewPassword::Hash(hash) => hash,
            };
            person.password = Some(NewPassword::Hash(hash));
        }
    }
    Ok(())
}

async fn tenant(
    tools: Tools<'_>,
    mut tx: PlatformTx,
    planned: TenantSteps,
    taken: &mut Vec<(TenantId, Entry)>,
    marks: bool,
) -> Result<PlatformTx, ApplyError> {
    let now = tools.recorder.clock.now();
    if let Some(row) = &planned.new {
        tenants::insert_tenant(&mut tx, row, now).await?;
        store::first_link::end(&mut tx).await?;
        let created = PlatformEvent::TenantCreated { tenant: row.id, slug: row.slug.clone() };
        tools.recorder.record_platform(&mut tx, &created).await?;
    }
    for step in &planned.steps {
        if let Write::Tenant(row) | Write::Remove(Removed::Tenant(row)) = &step.write {
            update_tenant(tools, &mut tx, row, step.change.action).await?;
        }
    }
    let mut writer = Writer { tools, tx: tx.enter(planned.id).await?, taken, marks, fields: Vec::new() };
    if planned.new.is_some() {
        writer.signing_keys().await?;
    }
    // What is removed gives up its names first.
    let (removals, rest): (Vec<_>, Vec<_>) =
        planned.steps.into_iter().partition(|step| step.change.action == Action::Remove);
    for step in removals.into_iter().chain(rest) {
        writer.step(step, &planned.slug).await?;
    }
    Ok(writer.tx.leave().await?)
}

async fn update_tenant(
    tools: Tools<'_>,
    tx: &mut PlatformTx,
    row: &TenantRow,
    action: Action,
) -> Result<(), StoreError> {
    match action {
        Action::Create => return Ok(()),
        Action::Remove => {
            tenants::update_tenant(tx, &TenantRow { status: "removed".to_owned(), ..row.clone() }).await?;
        }
        Action::Change | Action::Disable | Action::Enable => tenants::update_tenant(tx, row).await?,
    }
    let changed = PlatformEvent::TenantChanged { tenant: row.id, slug: row.slug.clone(), change: past(action) };
    tools.recorder.record_platform(tx, &changed).await
}

/// The word of an audit event for what was done.
const fn past(action: Action) -> &'static str {
    match action {
        Action::Create => "created",
        Action::Change => "changed",
        Action::Disable => "disabled",
        Action::Enable => "enabled",
        Action::Remove => "removed",
    }
}

struct Writer<'a> {
    tools: Tools<'a>,
    tx: TenantTx,
    taken: &'a mut Vec<(TenantId, Entry)>,
    /// Whether what is made belongs to `apply`.
    marks: bool,
    /// What the next event says of the object at hand.
    fields: Vec<FieldChange>,
}

impl Writer<'_> {
    async fn signing_keys(&mut self) -> Result<(), ApplyError> {
        let recorder = self.tools.recorder;
        for alg in [SigningAlg::EdDSA, SigningAlg::ES256] {
            let (key, public) = SigningKey::generate(alg, self.tx.tenant(), self.tools.keyring, &recorder.entropy)?;
            store::keys::insert_signing_key(&mut self.tx, &key, &public, recorder.clock.now()).await?;
        }
        Ok(())
    }

    async fn step(&mut self, step: Step, tenant: &str) -> Result<(), ApplyError> {
        let action = step.change.action;
        let person = match &step.write {
            Write::Person(person) => Some(person.row.id),
            _ => None,
        };
        // A person who is made has no id yet by which the name could be erased.
        let fields = step.change.fields.into_iter();
        let fields =
            fields.filter(|field| action != Action::Create || field.name != "display_name" || person.is_none());
        self.fields = fields.map(|field| self.field(field, person)).collect::<Result<_, _>>()?;
        match step.write {
            Write::Tenant(row) => self.tenant(&row, action, tenant).await,
            Write::Server(server) => self.server(&server, action).await,
            Write::Person(person) => self.person(*person, action).await,
            Write::Client(client) => self.client(&client, action).await,
            Write::Provider(provider) => self.provider(&provider, action).await,
            Write::Remove(removed) => self.remove(removed, tenant).await,
        }
    }

    /// A person's fields as commitments, but for roles.
    fn field(&self, field: Field, person: Option<PersonId>) -> Result<FieldChange, StoreError> {
        let is_personal = person.is_some() && field.name == "display_name";
        let shown = |value: String| -> Result<Shown, StoreError> {
            if !is_personal {
                return Ok(Shown::Text(value));
            }
            Ok(Shown::Personal(Personal::new(&value, person, &self.tools.recorder.entropy)?))
        };
        Ok(FieldChange {
            name: field.name,
            old: field.old.map(shown).transpose()?,
            new: field.new.map(shown).transpose()?,
        })
    }

    async fn tenant(&mut self, row: &TenantRow, action: Action, slug: &str) -> Result<(), ApplyError> {
        if action == Action::Create {
            self.mark(Kind::Tenant, &row.id.to_string()).await?;
        } else {
            self.take(Entry::Tenant);
        }
        self.record(format!("tenant/{slug}"), action).await
    }

    async fn server(&mut self, server: &Published, action: Action) -> Result<(), ApplyError> {
        let now = self.tools.recorder.clock.now();
        // A removed server of that name keeps its id.
        let id = tenants::upsert_server(&mut self.tx, &server.row, now).await?;
        let server = Published { row: tenants::ServerRow { id, ..server.row.clone() }, ..server.clone() };
        store::server_secrets::replace(&mut self.tx, id, &server.secrets, now).await?;
        tenants::replace_policy(&mut self.tx, id, &server.scope_rows(), &server.catalogue_rows()).await?;
        self.issuers(&server).await?;
        if action == Action::Create {
            self.mark(Kind::Server, &id.to_string()).await?;
        }
        // A new one too: nodes that know the tenant do not know the server yet.
        self.take(Entry::Server(id));
        self.record(format!("server/{}", server.row.slug), action).await
    }

    /// Whom the server trusts beside us. What others gave ends with the entry of the server.
    async fn issuers(&mut self, server: &Published) -> Result<(), ApplyError> {
        let recorder = self.tools.recorder;
        outside::replace_issuers(&mut self.tx, server.row.id, &server.issuer_rows()?).await?;
        let kept: Vec<String> = server.issuers.iter().map(OutsideIssuer::name).collect();
        for ended in outside::end_grants_but(&mut self.tx, server.row.id, &kept, recorder.clock.now()).await? {
            recorder.record(&mut self.tx, &revoke::revoked(ended, Reason::AdministratorRevoked)).await?;
        }
        Ok(())
    }

    async fn person(&mut self, person: PersonWrite, action: Action) -> Result<(), ApplyError> {
        let PersonWrite { mut row, old, password, loses } = person;
        let hash = match password {
            Some(NewPassword::Hash(hash)) => Some(hash),
            Some(NewPassword::Clear(_)) | None => None,
        };
        let now = self.tools.recorder.clock.now();
        if action == Action::Create {
            row.id = self.new_person(&row, hash.clone()).await?;
            self.mark(Kind::Person, &row.id.to_string()).await?;
        } else {
            self.unchanged(old.as_ref()).await?;
            self.record(format!("person/{}", row.id), action).await?;
        }
        let new_password = hash.is_some();
        row.password_hash = hash.map(|hash| hash.as_str().to_owned()).or(row.password_hash);
        store::apply::write_person(&mut self.tx, &row).await?;
        if loses || new_password {
            store::sessions::end_all(&mut self.tx, row.id, now).await?;
        }
        if loses {
            self.take(Entry::Person(row.id));
        }
        Ok(())
    }

    /// Locks the row of a person, so that no login slips in between, and sees that it is as the plan found it: somebody
    /// may have shut the person out, or changed the password.
    async fn unchanged(&mut self, old: Option<&PersonRow>) -> Result<(), ApplyError> {
        let Some(old) = old else { return Ok(()) };
        match store::people::lock(&mut self.tx, old.id).await? {
            Some(now) if now == *old => Ok(()),
            _ => Err(ApplyError::ChangedMeanwhile(format!("the person {}", old.username))),
        }
    }

    /// Makes a person, or brings back a removed one, who has lost everything but the name.
    async fn new_person(&mut self, row: &PersonRow, password: Option<PasswordHash>) -> Result<PersonId, ApplyError> {
        let known = store::people::by_username(&mut self.tx, &row.username).await?;
        if let Some(removed) = known.filter(|known| known.status == "removed") {
            self.record(format!("person/{}", removed.id), Action::Create).await?;
            return Ok(removed.id);
        }
        let username = Username::parse(&row.username).map_err(StoreError::corrupt)?;
        let new = NewPerson { username, display_name: Some(row.display_name.clone()), password };
        let fields = std::mem::take(&mut self.fields);
        Ok(create_with(&mut self.tx, self.tools.recorder, new, fields).await?)
    }

    async fn client(&mut self, write: &ClientWrite, action: Action) -> Result<(), ApplyError> {
        let ClientWrite { client, own } = write;
        let known = store::clients::find_for_update(&mut self.tx, &client.id).await?;
        match known {
            None => store::clients::insert(&mut self.tx, client).await?,
            Some(_) => {
                store::clients::update(&mut self.tx, client).await?;
                store::clients::void_consents(&mut self.tx, client, self.tools.recorder.clock.now()).await?;
            }
        }
        if action == Action::Create {
            self.mark(Kind::Client, client.id.as_str()).await?;
        } else {
            self.take(Entry::Client(client.id.clone()));
        }
        self.own_grants(&client.id, own).await?;
        self.record(format!("client/{}", client.id), action).await
    }

    /// What the client may do for itself: exactly this. Whatever it loses goes with the entry of the client.
    async fn own_grants(&mut self, client: &ClientId, own: &[OwnGrant]) -> Result<(), ApplyError> {
        let recorder = self.tools.recorder;
        let now = recorder.clock.now();
        let mut wanted = BTreeMap::new();
        for server in tenants::servers(&mut self.tx).await? {
            let grant = own.iter().find(|grant| grant.server.as_str() == server.slug);
            wanted.extend(
                grant.map(|grant| (server.id, grant.scopes.iter().map(ToString::to_string).collect::<Vec<_>>())),
            );
        }
        for grant in machine::all(&mut self.tx).await?.into_iter().filter(|grant| grant.client == *client) {
            if !wanted.contains_key(&grant.server)
                && let Some(ended) = store::grants::revoke_grant(&mut self.tx, grant.id, now).await?
            {
                recorder.record(&mut self.tx, &revoke::revoked(ended, Reason::AdministratorRevoked)).await?;
            }
        }
        for (server, scopes) in wanted {
            let fresh = GrantId::new(&recorder.clock, &recorder.entropy)?;
            let grant = machine::set(&mut self.tx, fresh, client, server, &scopes, now).await?;
            let given = Event::GrantGiven { grant: grant.id, client: client.clone(), server, scopes };
            recorder.record(&mut self.tx, &given).await?;
        }
        Ok(())
    }

    async fn remove(&mut self, removed: Removed, slug: &str) -> Result<(), ApplyError> {
        let now = self.tools.recorder.clock.now();
        let (kind, id, object) = match removed {
            Removed::Tenant(row) => {
                self.take(Entry::Tenant);
                (Kind::Tenant, row.id.to_string(), slug.to_owned())
            }
            Removed::Server(server) => {
                store::apply::remove_server(&mut self.tx, server.row.id).await?;
                store::server_secrets::replace(&mut self.tx, server.row.id, &[], now).await?;
                store::apply::end_grants(&mut self.tx, &Ended::Server(server.row.id), now).await?;
                self.take(Entry::Server(server.row.id));
                (Kind::Server, server.row.id.to_string(), server.row.slug)
            }
            Removed::Person(row) => {
                self.unchanged(Some(&row)).await?;
                let gone = PersonRow { password_hash: None, status: "removed".to_owned(), ..row };
                store::apply::write_person(&mut self.tx, &gone).await?;
                store::people::forget_ways_in(&mut self.tx, gone.id).await?;
                store::sessions::end_all(&mut self.tx, gone.id, now).await?;
                store::apply::end_grants(&mut self.tx, &Ended::Person(gone.id), now).await?;
                self.take(Entry::Person(gone.id));
                (Kind::Person, gone.id.to_string(), gone.id.to_string())
            }
            Removed::Provider(row) => {
                store::providers::remove(&mut self.tx, row.id).await?;
                self.end_logins(row.id).await?;
                (Kind::Provider, row.id.to_string(), row.slug)
            }
            Removed::Client(client) => {
                let gone = Client { status: Status::Removed, ..*client };
                store::clients::update(&mut self.tx, &gone).await?;
                store::apply::end_grants(&mut self.tx, &Ended::Client(&gone.id), now).await?;
                self.take(Entry::Client(gone.id.clone()));
                (Kind::Client, gone.id.to_string(), gone.id.to_string())
            }
        };
        store::apply::unmark(&mut self.tx, kind, &id).await?;
        self.record(format!("{}/{object}", kind.name()), Action::Remove).await
    }

    async fn mark(&mut self, kind: Kind, id: &str) -> Result<(), StoreError> {
        if !self.marks {
            return Ok(());
        }
        store::apply::mark(&mut self.tx, kind, id, self.tools.recorder.clock.now()).await
    }

    fn take(&mut self, entry: Entry) {
        self.taken.push((self.tx.tenant(), entry));
    }

    async fn record(&mut self, object: String, action: Action) -> Result<(), ApplyError> {
        let fields = std::mem::take(&mut self.fields);
        let changed = Event::AdminChanged { object, change: past(action), fields };
        Ok(self.tools.recorder.record(&mut self.tx, &changed).await?)
    }
}
