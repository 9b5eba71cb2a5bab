-- Outside authorization servers: issuers whose JWT access tokens (RFC 9068) a server accepts beside ours.
create table server_issuer (
    tenant   uuid  not null,
    server   uuid  not null,
    -- byte for byte as its tokens have it
    issuer   text  not null,
    settings jsonb not null,
    primary key (tenant, server, issuer),
    foreign key (tenant, server) references server
);
comment on table server_issuer is 'Whose access tokens a server accepts beside ours, and how they are read.';

alter table server_issuer enable row level security;
alter table server_issuer force row level security;
create policy tenant_rows on server_issuer to sallyport_app
    using (tenant = nullif(current_setting('sallyport.tenant', true), '')::uuid)
    with check (tenant = nullif(current_setting('sallyport.tenant', true), '')::uuid);
create policy owner_rows on server_issuer to sallyport_owner using (true) with check (true);
grant select, insert, delete on server_issuer to sallyport_app;

-- Clients of outside issuers: written down when a token of theirs comes for the first time.
alter table client
    drop constraint client_origin_check,
    add constraint client_origin_check check (origin in ('registered', 'configured', 'document', 'outside'));
create index client_outside on client (tenant, created_at) where origin = 'outside';

-- When a permission of a subject from outside ended last: what was issued before that stays dead.
create index access_grant_outside_ended on access_grant (tenant, subject, client, server, revoked_at)
    where revoked_at is not null and subject like 'issuer:%';

-- A cache fill for a token that somebody else issued, in one round trip: what it can be mapped to, and everything that can
-- end that. The head of the authority log is read in the same statement, as by token_lookup.
create function outside_lookup(of_node uuid, of_tenant uuid, of_subject text, of_client text, of_server uuid)
    returns table (
        registered    boolean,
        head          bigint,
        live          boolean,
        grant_id      uuid,
        grant_version bigint,
        grant_scopes  text[],
        family        uuid,
        family_ends   timestamptz,
        ended_at      timestamptz
    )
    language plpgsql as $$
begin
    perform set_config('sallyport.tenant', of_tenant::text, true);
    return query
        select exists (select from node k where k.id = of_node and not k.suspect),
               (select h.seq from authority_head h),
               s.status = 'active' and n.status = 'active'
                   and coalesce(c.status = 'active' and c.origin = 'outside', true),
               g.id, g.version, g.scopes, f.id, f.expires_at,
               greatest(
                   (select max(e.revoked_at) from access_grant e
                     where e.tenant = of_tenant and e.subject = of_subject and e.client = of_client
                       and e.server = of_server and e.revoked_at is not null and e.subject like 'issuer:%'),
                   (select max(e.revoked_at) from family e where e.tenant = of_tenant and e.grant_id = g.id))
          from tenant n
          join server s on s.tenant = n.id and s.id = of_server
          left join client c on c.tenant = n.id and c.id = of_client
          left join access_grant g on g.tenant = n.id and g.subject = of_subject and g.client = of_client
                                  and g.server = of_server and g.revoked_at is null
          left join lateral (
               select e.id, e.expires_at from family e
                where e.tenant = g.tenant and e.grant_id = g.id and e.revoked_at is null
                order by e.created_at desc, e.id desc limit 1) f on true
         where n.id = of_tenant;
end $$;
