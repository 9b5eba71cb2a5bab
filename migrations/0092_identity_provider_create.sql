-- Identity providers (OpenID Connect) through which people of a tenant log in.
create table identity_provider (
    tenant      uuid        not null references tenant,
    id          uuid        not null,
    -- in the address that the provider sends people back to: never changes
    slug        text        not null,
    name        text        not null,
    issuer      text        not null,
    client_id   text        not null,
    auth_method text        not null check (auth_method in ('none', 'client_secret_basic', 'client_secret_post')),
    -- the client secret, sealed at the place of this row
    kek_id      text,
    sealed      bytea,
    settings    jsonb       not null default '{}',
    status      text        not null default 'active' check (status in ('active', 'disabled', 'removed')),
    created_at  timestamptz not null,
    primary key (tenant, id),
    unique (tenant, slug),
    check ((auth_method = 'none') = (sealed is null)),
    check ((kek_id is null) = (sealed is null))
);
comment on table identity_provider is 'OpenID Connect providers through which people of a tenant log in.';

-- Nothing is sealed under a retired key.
create trigger kek_fence before insert or update of kek_id, sealed on identity_provider
    for each row when (new.sealed is not null) execute function kek_fence();

-- Who a person is at a provider. Never found by name or address: by the provider's own, unchanging word for them alone.
create table person_identity (
    tenant        uuid        not null,
    provider      uuid        not null,
    subject       text        not null,
    person        uuid        not null,
    linked_at     timestamptz not null,
    last_login_at timestamptz,
    primary key (tenant, provider, subject),
    foreign key (tenant, provider) references identity_provider,
    foreign key (tenant, person) references person
);
comment on table person_identity is 'What identity providers call people of a tenant.';
create index person_identity_person on person_identity (tenant, person);

-- Logins on their way to a provider, ten minutes long, good once.
create table login_attempt (
    tenant     uuid        not null references tenant,
    -- of `state`
    hash       bytea       not null,
    provider   uuid        not null,
    -- nonce, code verifier and errand, under the handle of the browser that began: nobody else's browser opens it
    box        bytea       not null,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    used_at    timestamptz,
    primary key (tenant, hash),
    foreign key (tenant, provider) references identity_provider
);
comment on table login_attempt is 'Logins on their way to an identity provider.';
create index login_attempt_end on login_attempt (tenant, expires_at);

do $$
declare t text;
begin
    foreach t in array array['identity_provider', 'person_identity', 'login_attempt'] loop
        execute format('alter table %I enable row level security', t);
        execute format('alter table %I force row level security', t);
        execute format($p$create policy tenant_rows on %I to sallyport_app
            using (tenant = nullif(current_setting('sallyport.tenant', true), '')::uuid)
            with check (tenant = nullif(current_setting('sallyport.tenant', true), '')::uuid)$p$, t);
        execute format('create policy owner_rows on %I to sallyport_owner using (true) with check (true)', t);
        execute format('grant select, insert, update, delete on %I to sallyport_app', t);
    end loop;
end $$;

-- Through which provider a session began, and what the provider's claims allow for as long as it lasts.
alter table session
    add column provider     uuid,
    add column provider_sid text,
    add column given_roles  text[] not null default '{}';
create index session_provider on session (tenant, provider, provider_sid) where ended_at is null and provider is not null;

-- `sallyport apply` makes them, too.
alter table applied drop constraint applied_kind_check,
    add constraint applied_kind_check check (kind in ('tenant', 'server', 'person', 'client', 'provider'));

-- How many secrets each key holds, over all tenants: beside `key_values`.
create function identity_provider_values()
    returns table (kind text, key_id text, what text, live bigint, spent bigint)
    language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
    select 'kek', x.kek_id, 'identity_provider', count(*), 0::bigint
      from identity_provider x
      join tenant n on n.id = x.tenant
     where x.sealed is not null and x.status <> 'removed' and n.status <> 'removed'
     group by x.kek_id
$$;
revoke all on function identity_provider_values() from public;
grant execute on function identity_provider_values() to sallyport_app;
