-- Handles are stored anew under another pepper when they are next seen, so a stored hash is no name for one.

-- What the authority log calls an access token.
alter table access_token add column id uuid not null default gen_random_uuid();

-- What administrators and audit events call an initial access token: what its first hash began with.
alter table initial_access_token add column id text;
update initial_access_token set id = left(encode(hash, 'hex'), 12);
alter table initial_access_token alter column id set not null, add unique (tenant, id);

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
