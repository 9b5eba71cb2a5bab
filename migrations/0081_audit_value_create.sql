-- What events say of people, and what is too long for an entry: the event has a commitment, the value is here.
--
-- A commitment is `sha256:` and SHA-256 of the salt and the value. Without its row it says nothing, and the tree over the
-- events stays what it was: so a person can be erased.
create table audit_value (
    tenant     uuid  not null,
    -- the first event with this commitment
    event      uuid  not null,
    commitment text  not null check (commitment ~ '^sha256:[0-9a-f]{64}$'),
    kind       text  not null check (kind in ('personal', 'large')),
    -- whose it is, where it is somebody's who logs in here
    person     uuid,
    salt       bytea not null check (octet_length(salt) = 16),
    -- a text as it is, anything else as canonical JSON
    value      text  not null,
    primary key (tenant, event, commitment)
);
comment on table audit_value is 'Values that events only commit to: personal ones, and long ones.';
create index audit_value_person on audit_value (tenant, person) where person is not null;

alter table audit_value enable row level security;
alter table audit_value force row level security;
create policy tenant_rows on audit_value to sallyport_app
    using (tenant = nullif(current_setting('sallyport.tenant', true), '')::uuid)
    with check (tenant = nullif(current_setting('sallyport.tenant', true), '')::uuid);
create policy owner_rows on audit_value to sallyport_owner using (true) with check (true);
grant select, insert, delete on audit_value to sallyport_app;

-- How events call the subject of a grant that comes from outside: one commitment for all of them.
alter table access_grant add column subject_commitment text check (subject_commitment ~ '^sha256:[0-9a-f]{64}$');

drop function outside_lookup(uuid, uuid, text, text, uuid);
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
        ended_at      timestamptz,
        subject_commitment text
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
                   (select max(e.revoked_at) from family e where e.tenant = of_tenant and e.grant_id = g.id)),
               g.subject_commitment
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
