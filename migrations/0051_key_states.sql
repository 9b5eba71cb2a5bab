-- Which keys outside the database are in use, which are only read with, and which are gone for good.

alter table key_check
    -- new values are made with it: one of each kind
    add column in_use       boolean not null default false,
    -- since when, or when last; none: no value was ever made with it, so a key file may lack it
    add column in_use_since timestamptz,
    -- never used again, whatever a key file says
    add column retired_at   timestamptz,
    add check (not in_use or (in_use_since is not null and retired_at is null));
-- Any of those that are known may have been in use.
update key_check set in_use_since = created_at;
create unique index key_check_in_use on key_check (kind) where in_use;
comment on table key_check is 'The keys outside the database: a check value, so that a wrong key file stops the start, and which are in use.';
-- The check value stays what it was.
grant update (in_use, in_use_since, retired_at) on key_check to sallyport_app;

-- What each process that serves has read from its key file.
create table key_holder (
    process     uuid        not null,
    kind        text        not null,
    key_id      text        not null,
    in_use      boolean     not null,
    reported_at timestamptz not null,
    primary key (process, kind, key_id)
);
comment on table key_holder is 'Which keys outside the database each process that serves knows: a new one is used when all know it.';
grant select, insert, delete on key_holder to sallyport_app;

-- ---------------------------------------------------------------- nothing is stored under a retired key

-- Whoever retires a key takes the same lock exclusively: after that, nothing that was under way adds a value.
create function key_fence(of_kind text, of_id text) returns void
    language plpgsql as $$
begin
    perform pg_advisory_xact_lock_shared(hashtextextended(of_kind || '/' || of_id, 7310005));
    -- A statement of its own: it sees what was committed while the lock was waited for.
    if exists (select from key_check where kind = of_kind and key_id = of_id and retired_at is not null) then
        raise exception 'the % key "%" is retired', of_kind, of_id using errcode = 'object_not_in_prerequisite_state';
    end if;
end $$;

create function pepper_fence() returns trigger language plpgsql as $$
begin
    perform key_fence('pepper', new.pepper_id);
    return new;
end $$;

create function client_pepper_fence() returns trigger language plpgsql as $$
begin
    if new.secret_pepper_id is not null and (tg_op = 'INSERT' or new.secret_hash is distinct from old.secret_hash) then
        perform key_fence('pepper', new.secret_pepper_id);
    end if;
    if new.registration_pepper_id is not null
        and (tg_op = 'INSERT' or new.registration_hash is distinct from old.registration_hash) then
        perform key_fence('pepper', new.registration_pepper_id);
    end if;
    return new;
end $$;

create function kek_fence() returns trigger language plpgsql as $$
begin
    perform key_fence('kek', new.kek_id);
    return new;
end $$;

do $$
declare
    t text;
begin
    foreach t in array array['session', 'initial_access_token', 'interaction', 'auth_code', 'access_token', 'refresh_token'] loop
        execute format('create trigger pepper_fence before insert or update of hash, pepper_id on %I
            for each row execute function pepper_fence()', t);
    end loop;
end $$;
create trigger client_pepper_fence before insert or update of secret_hash, registration_hash on client
    for each row execute function client_pepper_fence();
create trigger kek_fence before insert or update of kek_id, sealed on signing_key
    for each row when (new.sealed is not null) execute function kek_fence();

-- ---------------------------------------------------------------- what each key still holds

-- Over all tenants. `live`: works if somebody presents it. `spent`: only tells a retry or a replay from noise. What has
-- expired or was revoked is nobody's loss and is not counted.
create function key_values(at timestamptz)
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
    select 'kek', k.kek_id, 'signing_key', count(*), 0
      from signing_key k where k.sealed is not null group by k.kek_id
$$;
revoke all on function key_values(timestamptz) from public;
grant execute on function key_values(timestamptz) to sallyport_app;
