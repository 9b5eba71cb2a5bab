-- Device codes are stored under a pepper: they are counted with what else a key holds, and none is stored under a retired one.
create trigger pepper_fence before insert or update of hash, pepper_id on device_authorization
    for each row execute function pepper_fence();

create or replace function key_values(at timestamptz)
    returns table (kind text, key_id text, what text, live bigint, spent bigint)
    language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
    with live_family as materialized (
        select f.tenant, f.id
          from family f
          join access_grant g on (g.tenant, g.id) = (f.tenant, f.grant_id)
          join tenant n on n.id = f.tenant
         where f.revoked_at is null and f.expires_at > at and g.revoked_at is null and n.status <> 'removed'
    ), refresh as (
        select r.pepper_id, r.rotated_at, r.idle_expires_at,
               r.generation = max(r.generation) over (partition by r.tenant, r.family) as newest
          from refresh_token r join live_family f on (f.tenant, f.id) = (r.tenant, r.family)
    ), alive as (
        select id from tenant where status <> 'removed'
    )
    select 'pepper', t.pepper_id, 'access_token', count(*), 0
      from access_token t join live_family f on (f.tenant, f.id) = (t.tenant, t.family)
     where t.revoked_at is null and t.expires_at > at group by t.pepper_id
    union all
    select 'pepper', r.pepper_id, 'refresh_token',
           count(*) filter (where r.newest and r.idle_expires_at > at), count(*) filter (where not r.newest)
      from refresh r group by r.pepper_id
    union all
    select 'pepper', c.pepper_id, 'authorization_code',
           count(*) filter (where c.consumed_at is null and c.expires_at > at), count(*) filter (where c.consumed_at is not null)
      from auth_code c join live_family f on (f.tenant, f.id) = (c.tenant, c.family) group by c.pepper_id
    union all
    select 'pepper', i.pepper_id, 'authorization_request', count(*), 0
      from interaction i join alive a on a.id = i.tenant
     where i.decided_at is null and i.expires_at > at group by i.pepper_id
    union all
    select 'pepper', s.pepper_id, 'session', count(*), 0
      from session s join alive a on a.id = s.tenant
     where s.ended_at is null and s.expires_at > at group by s.pepper_id
    union all
    select 'pepper', c.secret_pepper_id, 'client_secret', count(*), 0
      from client c join alive a on a.id = c.tenant
     where c.secret_pepper_id <> '' and c.status <> 'removed' group by c.secret_pepper_id
    union all
    select 'pepper', c.registration_pepper_id, 'registration_token', count(*), 0
      from client c join alive a on a.id = c.tenant
     where c.registration_hash is not null and c.status <> 'removed' group by c.registration_pepper_id
    union all
    select 'pepper', i.pepper_id, 'initial_access_token', count(*), 0
      from initial_access_token i join alive a on a.id = i.tenant
     where i.uses_left > 0 and (i.expires_at is null or i.expires_at > at) group by i.pepper_id
    union all
    select 'pepper', d.pepper_id, 'device_authorization',
           count(*) filter (where d.redeemed_at is null and d.expires_at > at and (d.decided_at is null or d.family is not null)),
           count(*) filter (where d.redeemed_at is not null)
      from device_authorization d join alive a on a.id = d.tenant group by d.pepper_id
    union all
    select 'kek', k.kek_id, 'signing_key', count(*), 0
      from signing_key k where k.sealed is not null group by k.kek_id
$$;
