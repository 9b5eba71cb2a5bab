-- Links by which people set a password themselves: when they are invited, and when they forgot it. Each can be used once.
create table person_link (
    tenant     uuid        not null,
    id         uuid        not null,
    hash       bytea       not null,
    pepper_id  text        not null,
    person     uuid        not null,
    purpose    text        not null check (purpose in ('invitation', 'reset')),
    created_at timestamptz not null,
    expires_at timestamptz not null,
    -- used, or given up for a newer one
    ended_at   timestamptz,
    primary key (tenant, id),
    unique (tenant, hash),
    foreign key (tenant, person) references person
);
comment on table person_link is 'One-time links to set a password, as keyed hashes.';
create index person_link_person on person_link (tenant, person);

alter table person_link enable row level security;
alter table person_link force row level security;
create policy tenant_rows on person_link to sallyport_app
    using (tenant = nullif(current_setting('sallyport.tenant', true), '')::uuid)
    with check (tenant = nullif(current_setting('sallyport.tenant', true), '')::uuid);
create policy owner_rows on person_link to sallyport_owner using (true) with check (true);
grant select, insert, update, delete on person_link to sallyport_app;

-- Nothing is stored under a retired pepper.
create trigger pepper_fence before insert or update of hash, pepper_id on person_link
    for each row execute function pepper_fence();

-- How many of them each pepper holds, over all tenants: beside `key_values`.
create function person_link_values(at timestamptz)
    returns table (kind text, key_id text, what text, live bigint, spent bigint)
    language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
    select 'pepper', x.pepper_id, 'person_link', count(*), 0::bigint
      from person_link x
      join tenant n on n.id = x.tenant
     where x.ended_at is null and x.expires_at > at and n.status <> 'removed'
     group by x.pepper_id
$$;
revoke all on function person_link_values(timestamptz) from public;
grant execute on function person_link_values(timestamptz) to sallyport_app;
