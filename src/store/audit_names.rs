//! What people call the things that events name by their ids.

use std::collections::HashMap;

use uuid::Uuid;

use super::{StoreError, TenantTx};
use crate::ids::{ClientId, GrantId, PersonId, ServerId};

/// Ids that one search for a name finds at most.
const MOST: i64 = 50;

/// What stands behind a family of tokens.
#[derive(Clone, Debug)]
pub struct Behind {
    /// The family.
    pub family: Uuid,
    /// Its grant.
    pub grant: GrantId,
    /// Who gave it; none where a machine client acts for itself.
    pub person: Option<PersonId>,
    /// To whom.
    pub client: ClientId,
    /// For what.
    pub server: ServerId,
}

/// The grants behind families.
pub async fn behind(tx: &mut TenantTx, families: &[Uuid]) -> Result<Vec<Behind>, StoreError> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        Behind,
        r#"select f.id as family, g.id as "grant: GrantId", g.person as "person: PersonId", g.client as "client: ClientId",
                  g.server as "server: ServerId"
             from family f join access_grant g on (g.tenant, g.id) = (f.tenant, f.grant_id)
            where f.tenant = $1 and f.id = any ($2)"#,
        tenant.0,
        families
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// The names of people, clients, servers and identity providers, by id, as far as they are known; of removed ones, too.
pub async fn names(tx: &mut TenantTx, ids: &[String]) -> Result<HashMap<String, String>, StoreError> {
    let tenant = tx.tenant();
    let uuids: Vec<Uuid> = ids.iter().filter_map(|id| Uuid::parse_str(id).ok()).collect();
    let rows = sqlx::query!(
        r#"select id as "id!", name as "name!" from client where tenant = $1 and id = any ($2)
           union all select id::text, username from person where tenant = $1 and id = any ($3)
           union all select id::text, name from server where tenant = $1 and id = any ($3)
           union all select id::text, name from identity_provider where tenant = $1 and id = any ($3)"#,
        tenant.0,
        ids,
        &uuids
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.name)).collect())
}

/// The ids of what is called by a pattern: people, clients, servers and identity providers.
pub(super) async fn called(tx: &mut TenantTx, pattern: &str) -> Result<Vec<String>, StoreError> {
    let tenant = tx.tenant();
    let ids = sqlx::query_scalar!(
        r#"select id as "id!" from (
               select id, name from client where tenant = $1
               union all select id::text, username from person where tenant = $1
               union all select id::text, display_name from person where tenant = $1
               union all select id::text, name from server where tenant = $1
               union all select id::text, slug from server where tenant = $1
               union all select id::text, name from identity_provider where tenant = $1) known
            where name ilike $2 limit $3"#,
        tenant.0,
        pattern,
        MOST
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(ids)
}
