-- Second factors: what people have, beside what they know.

-- Logins whose first factor was right and whose second one is due: ten minutes long, good once, found by a handle in a cookie.
create table login_step (
    tenant       uuid        not null,
    hash         bytea       not null,
    pepper_id    text        not null,
    person       uuid        not null,
    -- how the first factor was proved, and by whose word
    amr          text[]      not null,
    provider     uuid,
    provider_sid text,
    given_roles  text[]      not null default '{}',
    created_at   timestamptz not null,
    expires_at   timestamptz not null,
    used_at      timestamptz,
    primary key (tenant, hash),
    foreign key (tenant, person) references person
);
comment on table login_step is 'Logins that wait for a second factor, as keyed hashes.';
create index login_step_person on login_step (tenant, person);
create index login_step_end on login_step (tenant, expires_at);

-- What a person's authenticator and we share (RFC 6238).
create table person_totp (
    tenant       uuid        not null,
    person       uuid        not null,
    kek_id       text        not null,
    -- the secret, at the place of this row
    sealed       bytea       not null,
    -- the newest time step whose code was used: no code works twice
    last_step    bigint      not null,
    created_at   timestamptz not null,
    last_used_at timestamptz,
    primary key (tenant, person),
    foreign key (tenant, person) references person
);
comment on table person_totp is 'Authenticator apps of people: sealed secrets.';

-- Codes on paper, for whoever loses the rest. Each can be used once.
create table recovery_code (
    tenant     uuid        not null,
    person     uuid        not null,
    hash       bytea       not null,
    pepper_id  text        not null,
    created_at timestamptz not null,
    used_at    timestamptz,
    primary key (tenant, person, hash),
    foreign key (tenant, person) references person
);
comment on table recovery_code is 'Recovery codes of people, as keyed hashes.';

do $$
declare t text;
begin
    foreach t in array array['login_step', 'person_totp', 'recovery_code'] loop
        execute format('alter table %I enable row level security', t);
        execute format('alter table %I force row level security', t);
        execute format($p$create policy tenant_rows on %I to sallyport_app
            using (tenant = nullif(current_setting('sallyport.tenant', true), '')::uuid)
            with check (tenant = nullif(current_setting('sallyport.tenant', true), '')::uuid)$p$, t);
        execute format('create policy owner_rows on %I to sallyport_owner using (true) with check (true)', t);
        execute format('grant select, insert, update, delete on %I to sallyport_app', t);
    end loop;
end $$;

-- Nothing is stored or sealed under a retired key.
create trigger pepper_fence before insert or update of hash, pepper_id on login_step
    for each row execute function pepper_fence();
create trigger pepper_fence before insert or update of hash, pepper_id on recovery_code
    for each row execute function pepper_fence();
create trigger kek_fence before insert or update of kek_id, sealed on person_totp
    for each row execute function kek_fence();

-- How many of them each key holds, over all tenants: beside `key_values`.
create function second_factor_values(at timestamptz)
    returns table (kind text, key_id text, what text, live bigint, spent bigint)
    language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
    select 'pepper', x.pepper_id, 'login_step', count(*), 0::bigint
      from login_step x join tenant n on n.id = x.tenant
     where x.used_at is null and x.expires_at > at and n.status <> 'removed' group by x.pepper_id
    union all
    select 'pepper', x.pepper_id, 'recovery_code', count(*), 0::bigint
      from recovery_code x join tenant n on n.id = x.tenant
     where x.used_at is null and n.status <> 'removed' group by x.pepper_id
    union all
    select 'kek', x.kek_id, 'person_totp', count(*), 0::bigint
      from person_totp x join tenant n on n.id = x.tenant
     where n.status <> 'removed' group by x.kek_id
$$;
revoke all on function second_factor_values(timestamptz) from public;
grant execute on function second_factor_values(timestamptz) to sallyport_app;

-- Of every tenant what is sealed under another key than the one in use: signing keys, secrets at identity providers, authenticators.
create or replace function sealed_elsewhere(in_use text) returns table (tenant uuid, values_left bigint)
    language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
    select held.tenant, count(*) from (
        select k.tenant from signing_key k where k.sealed is not null and k.kek_id <> in_use
        union all
        select p.tenant from identity_provider p where p.sealed is not null and p.kek_id <> in_use
        union all
        select t.tenant from person_totp t where t.kek_id <> in_use) held
     group by held.tenant
$$;

-- By what somebody knows their own logins: "Firefox on Linux".
alter table session add column agent text not null default '';
