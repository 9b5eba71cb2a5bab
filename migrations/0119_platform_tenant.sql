-- Administrators of the platform are people of a tenant of its own, so that passwords, factors, sessions and throttling exist once.
-- It publishes nothing, and no client can be given anything there. The table that it replaces let nobody in anywhere.
alter table tenant add column platform boolean not null default false;
comment on column tenant.platform is 'The one whose people look after the others.';
-- Nobody shuts out those who look after everything.
alter table tenant add constraint tenant_platform_active check (not platform or status = 'active');
-- Which tenant that is, and what a tenant is called in addresses, stays as it was made.
revoke update on tenant from sallyport_app;
grant update (name, settings, status) on tenant to sallyport_app;
create unique index tenant_platform on tenant (platform) where platform;
drop table administrator;

-- How many of what each tenant has: numbers, and nothing of what they stand for.
create function tenants_counted(since timestamptz)
    returns table (tenant uuid, people bigint, servers bigint, clients bigint, calls bigint)
    language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
    select t.id,
           (select count(*) from person p where p.tenant = t.id and p.status = 'active'),
           (select count(*) from server s where s.tenant = t.id and s.status = 'active'),
           (select count(*) from client c where c.tenant = t.id and c.status = 'active'),
           (select coalesce(sum(u.calls), 0)::bigint from usage_hour u where u.tenant = t.id and u.hour >= since)
      from tenant t where not t.platform
$$;
revoke all on function tenants_counted(timestamptz) from public;
grant execute on function tenants_counted(timestamptz) to sallyport_app;

-- Calls of all tenants together.
create function platform_usage(unit text, since timestamptz)
    returns table (begins timestamptz, forwarded bigint, denied bigint)
    language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
    select date_trunc(unit, u.hour at time zone 'UTC') at time zone 'UTC',
           coalesce(sum(u.calls) filter (where u.outcome not in ('denied', 'refused')), 0)::bigint,
           coalesce(sum(u.calls) filter (where u.outcome in ('denied', 'refused')), 0)::bigint
      from usage_hour u where u.hour >= since group by 1 order by 1
$$;
revoke all on function platform_usage(text, timestamptz) from public;
grant execute on function platform_usage(text, timestamptz) to sallyport_app;
