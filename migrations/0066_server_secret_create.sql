-- By what a protected resource proves itself when it asks about a token (RFC 7662). Several, so that one can follow another.
create table server_secret (
    tenant     uuid        not null,
    server     uuid        not null,
    hash       bytea       not null,
    pepper_id  text        not null,
    created_at timestamptz not null,
    primary key (tenant, server, hash),
    foreign key (tenant, server) references server
);
comment on table server_secret is 'Introspection secrets of servers, as keyed hashes.';

alter table server_secret enable row level security;
alter table server_secret force row level security;
create policy tenant_rows on server_secret to sallyport_app
    using (tenant = nullif(current_setting('sallyport.tenant', true), '')::uuid)
    with check (tenant = nullif(current_setting('sallyport.tenant', true), '')::uuid);
create policy owner_rows on server_secret to sallyport_owner using (true) with check (true);
grant select, insert, update, delete on server_secret to sallyport_app;

-- Nothing is stored under a retired pepper.
create trigger pepper_fence before insert or update of hash, pepper_id on server_secret
    for each row execute function pepper_fence();

-- How many of them each pepper holds, over all tenants: beside `key_values`.
create function server_secret_values()
    returns table (kind text, key_id text, what text, live bigint, spent bigint)
    language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
    select 'pepper', x.pepper_id, 'server_secret', count(*), 0::bigint
      from server_secret x
      join server s on (s.tenant, s.id) = (x.tenant, x.server)
      join tenant n on n.id = x.tenant
     where s.status <> 'removed' and n.status <> 'removed'
     group by x.pepper_id
$$;
revoke all on function server_secret_values() from public;
grant execute on function server_secret_values() to sallyport_app;
