-- Bearer tokens of the admin API. Each acts for a person, and never beyond what that person may do at the time.
create table api_token (
    tenant       uuid        not null,
    id           uuid        not null,
    hash         bytea       not null,
    pepper_id    text        not null,
    person       uuid        not null,
    note         text        not null,
    -- 'clients:approve', 'servers:*', '*:read'
    rights       text[]      not null,
    created_at   timestamptz not null,
    expires_at   timestamptz not null,
    -- within some minutes
    last_used_at timestamptz,
    revoked_at   timestamptz,
    primary key (tenant, id),
    unique (tenant, hash),
    foreign key (tenant, person) references person
);
comment on table api_token is 'Bearer tokens of the admin API, as keyed hashes.';
create index api_token_person on api_token (tenant, person);

alter table api_token enable row level security;
alter table api_token force row level security;
create policy tenant_rows on api_token to sallyport_app
    using (tenant = nullif(current_setting('sallyport.tenant', true), '')::uuid)
    with check (tenant = nullif(current_setting('sallyport.tenant', true), '')::uuid);
create policy owner_rows on api_token to sallyport_owner using (true) with check (true);
grant select, insert, update, delete on api_token to sallyport_app;

-- Nothing is stored under a retired pepper.
create trigger pepper_fence before insert or update of hash, pepper_id on api_token
    for each row execute function pepper_fence();

-- How many of them each pepper holds, over all tenants: beside `key_values`.
create function api_token_values(at timestamptz)
    returns table (kind text, key_id text, what text, live bigint, spent bigint)
    language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
    select 'pepper', x.pepper_id, 'api_token', count(*), 0::bigint
      from api_token x
      join tenant n on n.id = x.tenant
     where x.revoked_at is null and x.expires_at > at and n.status <> 'removed'
     group by x.pepper_id
$$;
revoke all on function api_token_values(timestamptz) from public;
grant execute on function api_token_values(timestamptz) to sallyport_app;
