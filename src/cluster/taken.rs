//! What a run of entries takes away, put together so that caches are gone through once, however many entries there are.

use std::collections::{HashMap, HashSet};

use super::{Entry, Verified};
use crate::{
    ids::{AccessTokenId, ClientId, FamilyId, GrantId, PersonId, ServerId, TenantId},
    store::authority::AuthorityRow,
};

/// By tenant. Under none: from all of them.
#[derive(Debug, Default)]
pub(super) struct Taken(HashMap<Option<TenantId>, OfTenant>);

#[derive(Debug, Default)]
struct OfTenant {
    everything: bool,
    /// What was known of them; calls go on.
    signing_keys: bool,
    tokens: HashSet<AccessTokenId>,
    families: HashSet<FamilyId>,
    grants: HashSet<GrantId>,
    clients: HashSet<ClientId>,
    people: HashSet<PersonId>,
    servers: HashSet<ServerId>,
}

impl Taken {
    pub(super) fn by(rows: &[AuthorityRow]) -> Self {
        let mut this = Self::default();
        for row in rows {
            this.0.entry(row.tenant).or_default().add(Entry::from_json(&row.entry));
        }
        this
    }

    /// Whether `held` rests on any of it.
    pub(super) fn hits(&self, held: &Verified) -> bool {
        self.of(held.tenant).any(|taken| taken.hits(held))
    }

    /// Whether what is known of this tenant itself is not true any more: servers, scopes, settings, keys.
    pub(super) fn changes(&self, tenant: TenantId) -> bool {
        self.of(tenant).any(|taken| taken.everything || taken.signing_keys || !taken.servers.is_empty())
    }

    fn of(&self, tenant: TenantId) -> impl Iterator<Item = &OfTenant> {
        self.0.get(&Some(tenant)).into_iter().chain(self.0.get(&None))
    }
}

impl OfTenant {
    fn add(&mut self, entry: Entry) {
        match entry {
            Entry::AccessToken(id) => _ = self.tokens.insert(id),
            Entry::Family(id) => _ = self.families.insert(id),
            Entry::Grant(id) => _ = self.grants.insert(id),
            Entry::Grants(ids) => self.grants.extend(ids),
            Entry::Client(id) => _ = self.clients.insert(id),
            Entry::Person(id) => _ = self.people.insert(id),
            Entry::Server(id) => _ = self.servers.insert(id),
            Entry::Tenant => self.everything = true,
            Entry::SigningKeys => self.signing_keys = true,
        }
    }

    fn hits(&self, held: &Verified) -> bool {
        self.everything
            || self.tokens.contains(&held.token)
            || self.families.contains(&held.family)
            || self.grants.contains(&held.grant)
            || self.clients.contains(&held.client)
            || held.person.is_some_and(|person| self.people.contains(&person))
            || self.servers.contains(&held.server)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use time::macros::datetime;
    use uuid::Uuid;

    use super::*;
    use crate::policy::ScopeSet;

    const fn id(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    const TENANT: TenantId = TenantId(id(1));
    const OTHER: TenantId = TenantId(id(2));

    fn held() -> Verified {
        Verified {
            tenant: TENANT,
            audit_handle: String::new(),
            hash: [7; 32],
            token: AccessTokenId(id(7)),
            family: FamilyId(id(3)),
            grant: GrantId(id(4)),
            grant_version: 1,
            subject: "person:5".to_owned(),
            recorded_subject: "person:5".to_owned(),
            person: Some(PersonId(id(5))),
            client: ClientId::parse("web").unwrap(),
            server: ServerId(id(6)),
            scopes: ScopeSet::default(),
            auth_time: None,
            expires_at: datetime!(2026-08-03 11:00 UTC),
        }
    }

    fn taken(rows: &[(Option<TenantId>, Value)]) -> Taken {
        let row = |(tenant, entry): &(Option<TenantId>, Value)| AuthorityRow {
            seq: 1,
            mark: id(0),
            tenant: *tenant,
            entry: entry.clone(),
        };
        Taken::by(&rows.iter().map(row).collect::<Vec<_>>())
    }

    #[test]
    fn everything_that_a_call_rests_on_can_be_taken() {
        for entry in [
            json!({"access_token": id(7)}),
            json!({"family": id(3)}),
            json!({"grant": id(4)}),
            json!({"grants": [id(9), id(4)]}),
            json!({"client": "web"}),
            json!({"person": id(5)}),
            json!({"server": id(6)}),
            json!("tenant"),
            // What this program does not know, or cannot read, is the widest.
            json!({"moon": 1}),
            json!({"access_token": "7"}),
        ] {
            assert!(taken(&[(Some(TENANT), entry.clone())]).hits(&held()), "{entry}");
            assert!(taken(&[(None, entry.clone())]).hits(&held()), "of all tenants: {entry}");
            assert!(!taken(&[(Some(OTHER), entry.clone())]).hits(&held()), "another tenant's: {entry}");
            // Among others.
            let many =
                taken(&[(Some(OTHER), json!("tenant")), (Some(TENANT), json!({"family": id(9)})), (None, entry)]);
            assert!(many.hits(&held()));
        }
    }

    #[test]
    fn what_is_taken_from_others_stays_with_them() {
        for entry in [
            json!({"access_token": id(8)}),
            json!("signing_keys"),
            json!({"family": id(4)}),
            json!({"grant": id(3)}),
            json!({"grants": []}),
            json!({"client": "app"}),
            json!({"person": id(6)}),
            json!({"server": id(5)}),
        ] {
            assert!(!taken(&[(Some(TENANT), entry.clone())]).hits(&held()), "{entry}");
        }
        assert!(!taken(&[]).hits(&held()));
    }

    #[test]
    fn a_tenant_is_read_anew_when_it_or_a_server_of_it_changed() {
        for (entry, changes) in [
            (json!("tenant"), true),
            (json!({"server": id(6)}), true),
            (json!("signing_keys"), true),
            (json!({"moon": 1}), true),
            (json!({"client": "web"}), false),
            (json!({"person": id(5)}), false),
        ] {
            assert_eq!(taken(&[(Some(TENANT), entry.clone())]).changes(TENANT), changes, "{entry}");
            assert!(!taken(&[(Some(OTHER), entry.clone())]).changes(TENANT), "{entry}");
            assert_eq!(taken(&[(None, entry.clone())]).changes(TENANT), changes, "{entry}");
        }
    }
}
