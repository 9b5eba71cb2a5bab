-- When the person behind a family had logged in, and how old that may be for what a scope allows (RFC 9470).
alter table family add column auth_time timestamptz;
comment on column family.auth_time is 'None: nobody logged in, or it began before this was written down. Then no scope that asks for a fresh login is good.';
alter table server_scope add column max_auth_age integer check (max_auth_age > 0);
comment on column server_scope.max_auth_age is 'Seconds since the login after which a call that needs this scope needs another login.';
-- `max_age` of the request (OpenID Connect Core §3.1.2.1): seconds.
alter table interaction add column max_age integer check (max_age >= 0);

drop function token_lookup(uuid, uuid, bytea[]);
create function token_lookup(of_node uuid, of_tenant uuid, hashes bytea[])
    returns table (
        registered    boolean,
        head          bigint,
        hash          bytea,
        token         uuid,
        family        uuid,
        grant_id      uuid,
        grant_version bigint,
        subject       text,
        person        uuid,
        client        text,
        server        uuid,
        handle_scopes text[],
        grant_scopes  text[],
        auth_time     timestamptz,
        expires_at    timestamptz,
        live          boolean
    )
    language plpgsql as $$
begin
    perform set_config('sallyport.tenant', of_tenant::text, true);
    return query
        select exists (select from node k where k.id = of_node and not k.suspect),
               (select h.seq from authority_head h),
               t.hash, t.id, f.id, g.id, g.version, g.subject, g.person, g.client, g.server,
               t.scopes, g.scopes, f.auth_time, least(t.expires_at, f.expires_at),
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
