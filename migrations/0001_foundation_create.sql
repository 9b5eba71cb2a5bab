-- The foundation. Run by sallyport_owner; sallyport_app serves.
--
-- Rules every tenant table keeps (the last block enforces them, and a test reads the catalogue):
--   * `tenant` comes first in every primary, unique and foreign key;
--   * row-level security is enabled and forced; the application sees the rows of `sallyport.tenant` only.
--     A pooled connection keeps an empty string after its transaction, not NULL: hence nullif;
--   * the owner is bound by FORCE too, so it has a policy of its own: without one its migrations would change no rows.

-- ---------------------------------------------------------------- platform

create table key_check (
    kind        text        not null check (kind in ('pepper', 'kek', 'audit_handle')),
    key_id      text        not null,
    check_value bytea       not null,
    created_at  timestamptz not null,
    primary key (kind, key_id)
);
comment on table key_check is 'A check value per key outside the database: a wrong or missing key stops the start.';

create table tenant (
    id         uuid        primary key,
    slug       text        not null unique,
    name       text        not null,
    settings   jsonb       not null default '{}',
    status     text        not null default 'active' check (status in ('active', 'disabled', 'removed')),
    created_at timestamptz not null
);

create table administrator (
    id            uuid        primary key,
    username      text        not null,
    password_hash text        not null,
    status        text        not null default 'active' check (status in ('active', 'disabled')),
    created_at    timestamptz not null
);
create unique index administrator_username on administrator (lower(username));

create table authority_head (
    only_row boolean primary key default true check (only_row),
    seq      bigint  not null
);
insert into authority_head (seq) values (0);

create table authority_log (
    seq    bigint      primary key,
    tenant uuid        references tenant,
    -- what lost authority, e.g. {"family": "…"}
    entry  jsonb       not null,
    at     timestamptz not null
);
comment on table authority_log is 'Everything that takes authority away, numbered in commit order.';

-- The one way into the log. The lock is held until commit, so numbers are in commit order.
create function authority_append(of_tenant uuid, what jsonb, now_at timestamptz) returns bigint
    language plpgsql as $$
declare
    n bigint;
begin
    perform pg_advisory_xact_lock(7310001);
    update authority_head set seq = seq + 1 returning seq into n;
    insert into authority_log (seq, tenant, entry, at) values (n, of_tenant, what, now_at);
    perform pg_notify('sallyport_authority', n::text);
    return n;
end $$;

-- ---------------------------------------------------------------- tenants' own

create table signing_key (
    tenant     uuid        not null references tenant,
    kid        text        not null,
    alg        text        not null check (alg in ('EdDSA', 'ES256')),
    kek_id     text        not null,
    sealed     bytea       not null,
    public_jwk jsonb       not null,
    -- active: signs; published: in the JWKS only, while what it signed can live; retired: gone from the JWKS
    status     text        not null default 'active' check (status in ('active', 'published', 'retired')),
    created_at timestamptz not null,
    primary key (tenant, kid)
);
create unique index signing_key_active on signing_key (tenant, alg) where status = 'active';

create table person (
    tenant        uuid        not null references tenant,
    id            uuid        not null,
    username      text        not null,
    display_name  text        not null,
    password_hash text,
    roles         text[]      not null default '{person}',
    status        text        not null default 'active' check (status in ('active', 'disabled', 'removed')),
    created_at    timestamptz not null,
    primary key (tenant, id)
);
create unique index person_username on person (tenant, lower(username));

create table session (
    tenant     uuid        not null,
    id         uuid        not null,
    hash       bytea       not null,
    pepper_id  text        not null,
    person     uuid        not null,
    amr        text[]      not null,
    auth_time  timestamptz not null,
    expires_at timestamptz not null,
    ended_at   timestamptz,
    primary key (tenant, id),
    unique (tenant, hash),
    foreign key (tenant, person) references person
);
create index session_expiry on session (tenant, expires_at);

create table login_throttle (
    tenant        uuid        not null references tenant,
    -- keyed hash of an account name or an address: neither is kept in clear
    bucket        bytea       not null,
    failures      integer     not null,
    window_start  timestamptz not null,
    blocked_until timestamptz,
    primary key (tenant, bucket)
);

create table client (
    tenant                 uuid        not null references tenant,
    id                     text        not null,
    origin                 text        not null check (origin in ('registered', 'configured')),
    name                   text        not null,
    -- the registered metadata as RFC 7591 names it, without what the server sets
    metadata               jsonb       not null,
    redirect_uris          text[]      not null,
    auth_method            text        not null check (auth_method in ('none', 'client_secret_basic', 'client_secret_post')),
    secret_hash            bytea,
    secret_pepper_id       text,
    registration_hash      bytea,
    registration_pepper_id text,
    -- digest of what a consent page shows of the client: a change voids consents
    display_digest         bytea       not null,
    status                 text        not null default 'active' check (status in ('active', 'disabled', 'removed')),
    created_at             timestamptz not null,
    last_used_at           timestamptz,
    primary key (tenant, id),
    check ((auth_method = 'none') = (secret_hash is null)),
    check ((secret_hash is null) = (secret_pepper_id is null)),
    check ((registration_hash is null) = (registration_pepper_id is null))
);
create index client_registered on client (tenant, created_at) where origin = 'registered';

create table initial_access_token (
    tenant     uuid        not null references tenant,
    hash       bytea       not null,
    pepper_id  text        not null,
    note       text        not null,
    uses_left  integer     not null check (uses_left >= 0),
    expires_at timestamptz,
    created_at timestamptz not null,
    primary key (tenant, hash)
);

create table server (
    tenant         uuid        not null references tenant,
    id             uuid        not null,
    slug           text        not null,
    name           text        not null,
    description    text        not null default '',
    upstream_url   text        not null,
    audience       text        not null,
    era            text        not null default 'auto' check (era in ('auto', 'modern', 'legacy')),
    signing_alg    text        not null default 'EdDSA' check (signing_alg in ('EdDSA', 'ES256')),
    -- what a client gets that asks for none, and what the 401 challenge names
    default_scopes text[]      not null,
    -- what anything needs that is not in the catalogue; without it such things are forbidden
    fallback_scope text,
    version        bigint      not null default 1,
    status         text        not null default 'active' check (status in ('active', 'disabled', 'removed')),
    created_at     timestamptz not null,
    primary key (tenant, id),
    unique (tenant, slug)
);
create unique index server_audience on server (tenant, audience) where status <> 'removed';

create table server_scope (
    tenant      uuid not null,
    server      uuid not null,
    name        text not null,
    effect      text not null check (effect in ('read', 'change')),
    description text not null,
    primary key (tenant, server, name),
    foreign key (tenant, server) references server
);

create table catalogue_item (
    tenant    uuid    not null,
    server    uuid    not null,
    kind      text    not null check (kind in ('tool', 'prompt', 'resource')),
    name      text    not null,
    scope     text    not null,
    read_only boolean not null,
    primary key (tenant, server, kind, name),
    foreign key (tenant, server, scope) references server_scope
);
comment on table catalogue_item is 'What an administrator accepted of a server: which scope covers which tool, prompt or resource.';

create table interaction (
    tenant         uuid        not null references tenant,
    id             uuid        not null,
    hash           bytea       not null,
    pepper_id      text        not null,
    browser_hash   bytea       not null,
    client         text        not null,
    server         uuid        not null,
    redirect_uri   text        not null,
    state          text,
    scopes         text[]      not null,
    code_challenge text        not null,
    login_hint     text,
    prompt         text[]      not null default '{}',
    -- the login that belongs to this interaction
    session        uuid,
    created_at     timestamptz not null,
    expires_at     timestamptz not null,
    decided_at     timestamptz,
    primary key (tenant, id),
    unique (tenant, hash),
    foreign key (tenant, client) references client,
    foreign key (tenant, server) references server
);
create index interaction_expiry on interaction (tenant, expires_at);

create table consent (
    tenant         uuid        not null,
    person         uuid        not null,
    client         text        not null,
    server         uuid        not null,
    -- loopback URIs without their port
    redirect_key   text        not null,
    scopes         text[]      not null,
    display_digest bytea       not null,
    client_name    text        not null,
    redirect_uris  text[]      not null,
    given_at       timestamptz not null,
    voided_at      timestamptz,
    primary key (tenant, person, client, server, redirect_key),
    foreign key (tenant, person) references person,
    foreign key (tenant, client) references client,
    foreign key (tenant, server) references server
);

create table access_grant (
    tenant     uuid        not null,
    id         uuid        not null,
    subject    text        not null,
    person     uuid,
    client     text        not null,
    server     uuid        not null,
    scopes     text[]      not null,
    version    bigint      not null default 1,
    created_at timestamptz not null,
    revoked_at timestamptz,
    primary key (tenant, id),
    foreign key (tenant, person) references person,
    foreign key (tenant, client) references client,
    foreign key (tenant, server) references server
);
create unique index access_grant_live on access_grant (tenant, subject, client, server) where revoked_at is null;

create table family (
    tenant        uuid        not null,
    id            uuid        not null,
    grant_id      uuid        not null,
    redirect_uri  text,
    created_at    timestamptz not null,
    expires_at    timestamptz not null,
    revoked_at    timestamptz,
    revoke_reason text,
    primary key (tenant, id),
    foreign key (tenant, grant_id) references access_grant,
    check ((revoked_at is null) = (revoke_reason is null))
);
create index family_grant on family (tenant, grant_id);

create table auth_code (
    tenant         uuid        not null,
    hash           bytea       not null,
    pepper_id      text        not null,
    family         uuid        not null,
    redirect_uri   text        not null,
    scopes         text[]      not null,
    code_challenge text        not null,
    failures       integer     not null default 0,
    created_at     timestamptz not null,
    expires_at     timestamptz not null,
    consumed_at    timestamptz,
    primary key (tenant, hash),
    foreign key (tenant, family) references family
);
create index auth_code_expiry on auth_code (tenant, expires_at);

create table access_token (
    tenant     uuid        not null,
    hash       bytea       not null,
    pepper_id  text        not null,
    family     uuid        not null,
    scopes     text[]      not null,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    revoked_at timestamptz,
    primary key (tenant, hash),
    foreign key (tenant, family) references family
);
create index access_token_family on access_token (tenant, family);
create index access_token_expiry on access_token (tenant, expires_at);

create table refresh_token (
    tenant          uuid        not null,
    hash            bytea       not null,
    pepper_id       text        not null,
    family          uuid        not null,
    generation      integer     not null,
    scopes          text[]      not null,
    created_at      timestamptz not null,
    idle_expires_at timestamptz not null,
    rotated_at      timestamptz,
    -- the successor's answer, sealed under a key derived from this token itself
    box             bytea,
    primary key (tenant, hash),
    unique (tenant, family, generation),
    foreign key (tenant, family) references family,
    check ((rotated_at is null) = (box is null))
);

create table audit_event (
    tenant     uuid        not null references tenant,
    id         uuid        not null,
    at         timestamptz not null,
    kind       text        not null,
    version    smallint    not null,
    request_id text,
    body       jsonb       not null,
    primary key (tenant, id)
);
comment on table audit_event is 'Typed events, inserted in the transaction they witness. The application may insert and read, nothing else.';

-- ---------------------------------------------------------------- hot path

-- A cache fill: sets the tenant and reads in one round trip. The head of the authority log is read in the same
-- statement as the row, so that a fill older than what a node has applied can be thrown away.
create function token_lookup(of_tenant uuid, hashes bytea[])
    returns table (
        head          bigint,
        hash          bytea,
        family        uuid,
        grant_id      uuid,
        grant_version bigint,
        subject       text,
        person        uuid,
        client        text,
        server        uuid,
        handle_scopes text[],
        grant_scopes  text[],
        expires_at    timestamptz,
        live          boolean
    )
    language plpgsql as $$
begin
    perform set_config('sallyport.tenant', of_tenant::text, true);
    return query
        select (select h.seq from authority_head h),
               t.hash, f.id, g.id, g.version, g.subject, g.person, g.client, g.server,
               t.scopes, g.scopes, least(t.expires_at, f.expires_at),
               t.revoked_at is null and f.revoked_at is null and g.revoked_at is null
                   and c.status = 'active' and s.status = 'active' and n.status = 'active'
                   and coalesce(p.status = 'active', true)
          from access_token t
          join family f on (f.tenant, f.id) = (t.tenant, t.family)
          join access_grant g on (g.tenant, g.id) = (f.tenant, f.grant_id)
          join client c on (c.tenant, c.id) = (g.tenant, g.client)
          join server s on (s.tenant, s.id) = (g.tenant, g.server)
          join tenant n on n.id = t.tenant
          left join person p on (p.tenant, p.id) = (g.tenant, g.person)
         where t.tenant = of_tenant and t.hash = any (hashes);
end $$;

-- ---------------------------------------------------------------- rules for all

do $$
declare
    t text;
begin
    for t in
        select c.relname from pg_class c
          join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant' and not a.attisdropped
         where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and c.relname <> 'authority_log'
    loop
        execute format('alter table %I enable row level security', t);
        execute format('alter table %I force row level security', t);
        execute format($p$create policy tenant_rows on %I to sallyport_app
            using (tenant = nullif(current_setting('sallyport.tenant', true), '')::uuid)
            with check (tenant = nullif(current_setting('sallyport.tenant', true), '')::uuid)$p$, t);
        execute format('create policy owner_rows on %I to sallyport_owner using (true) with check (true)', t);
        execute format('grant select, insert on %I to sallyport_app', t);
    end loop;
end $$;

grant usage on schema public to sallyport_app;
grant select, insert on key_check, tenant, administrator, authority_log to sallyport_app;
grant update on tenant, administrator to sallyport_app;
grant select, update on authority_head to sallyport_app;
grant update on signing_key, person, session, login_throttle, client, initial_access_token, server, server_scope,
    catalogue_item, interaction, consent, access_grant, family, auth_code, access_token, refresh_token to sallyport_app;
grant delete on session, login_throttle, initial_access_token, server_scope, catalogue_item, interaction, auth_code,
    access_token, refresh_token to sallyport_app;
-- `serve` compares the schema with the one it was built for.
grant select on _sqlx_migrations to sallyport_app;
