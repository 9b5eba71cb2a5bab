-- How many calls, by hour: what pages draw without reading the log. Derived from the audit log, entry by entry, so each call is counted once.
create table usage_hour (
    tenant   uuid        not null references tenant,
    hour     timestamptz not null,
    server   uuid        not null,
    client   text        not null,
    -- the nil id: of no grant that is known here
    grant_id uuid        not null,
    -- how calls ended, or "denied" and "refused" for those that were not forwarded
    outcome  text        not null,
    calls    bigint      not null check (calls > 0),
    -- answered calls by their time, in milliseconds: up to 10, 30, 100, 300, 1000, 3000, 10000, and longer
    millis   bigint[]    not null check (array_length(millis, 1) = 8),
    primary key (tenant, hour, server, client, grant_id, outcome)
);
comment on table usage_hour is 'Calls by hour, for charts.';
create index usage_hour_grant on usage_hour (tenant, grant_id, hour);

-- How far each log is counted.
create table usage_cursor (
    tenant     uuid    not null references tenant,
    epoch      integer not null,
    -- the first entry that is not counted yet
    next_index bigint  not null,
    primary key (tenant)
);
comment on table usage_cursor is 'The first entry of the audit log that usage_hour does not have.';

do $$
declare
    of_table text;
begin
    foreach of_table in array array['usage_hour', 'usage_cursor'] loop
        execute format('alter table %I enable row level security', of_table);
        execute format('alter table %I force row level security', of_table);
        execute format('create policy tenant_rows on %I to sallyport_app
            using (tenant = nullif(current_setting(''sallyport.tenant'', true), '''')::uuid)
            with check (tenant = nullif(current_setting(''sallyport.tenant'', true), '''')::uuid)', of_table);
        execute format('create policy owner_rows on %I to sallyport_owner using (true) with check (true)', of_table);
        execute format('grant select, insert, update, delete on %I to sallyport_app', of_table);
    end loop;
end $$;

-- Tenants whose logs have entries that are not counted yet.
create function tenants_to_count() returns setof uuid
    language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
    select l.tenant from audit_log l
      join tenant n on n.id = l.tenant
      left join usage_cursor c on c.tenant = l.tenant
     where n.status <> 'removed' and l.size > 0
       and (c.tenant is null or (c.epoch, c.next_index) < (l.epoch, l.size))
     group by l.tenant
$$;
revoke all on function tenants_to_count() from public;
grant execute on function tenants_to_count() to sallyport_app;
