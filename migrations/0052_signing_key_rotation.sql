-- Signing keys come and go with overlap.

alter table signing_key drop constraint signing_key_status_check;
alter table signing_key
    -- next: in the JWKS, does not sign yet; active: signs; published: in the JWKS while what it signed can live; retired
    add constraint signing_key_status_check check (status in ('next', 'active', 'published', 'retired')),
    -- when it signs from, or signed from
    add column active_at       timestamptz,
    -- of one that is published: until when
    add column published_until timestamptz,
    add column retired_at      timestamptz,
    -- the private half of a retired key is nobody's any more
    alter column sealed drop not null;
update signing_key set active_at = created_at, sealed = case when status <> 'retired' then sealed end,
    published_until = case when status = 'published' then now() + interval '1 day' end,
    retired_at = case when status = 'retired' then now() end;
alter table signing_key
    alter column active_at set not null,
    add check ((status = 'retired') = (sealed is null)),
    add check ((status = 'retired') = (retired_at is not null)),
    add check (status <> 'published' or published_until is not null);
create unique index signing_key_next on signing_key (tenant, alg) where status = 'next';

-- Tenants in which a signing key has to begin, to end, or to be followed by another one: those that sign since before
-- `older_than`. Over all tenants, so that a job need not ask each.
create function signing_keys_due(at timestamptz, older_than timestamptz) returns table (tenant uuid)
    language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
    select distinct k.tenant from signing_key k join tenant n on n.id = k.tenant
     where n.status <> 'removed'
       and ((k.status = 'next' and k.active_at <= at)
         or (k.status = 'published' and k.published_until <= at)
         or (k.status = 'active' and k.active_at <= older_than
             and not exists (select from signing_key o where (o.tenant, o.alg) = (k.tenant, k.alg) and o.status = 'next')))
$$;

-- Tenants with values that are sealed under another key than the one in use, and how many.
create function sealed_elsewhere(in_use text) returns table (tenant uuid, values_left bigint)
    language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
    select k.tenant, count(*) from signing_key k where k.sealed is not null and k.kek_id <> in_use group by k.tenant
$$;

revoke all on function signing_keys_due(timestamptz, timestamptz), sealed_elsewhere(text) from public;
grant execute on function signing_keys_due(timestamptz, timestamptz), sealed_elsewhere(text) to sallyport_app;
