-- Events by month, so that old ones can go without a trace left in the table, and only when the log allows it.
--
-- Ids are UUIDs of version 7 and begin with the time in milliseconds: so a month is a range of ids, and the primary key stays.
-- What this migration finds, and what comes until the month ends, is one partition.

create function audit_bound(at timestamptz) returns uuid
    language sql immutable parallel safe set search_path = pg_catalog as $$
    select (substr(t, 1, 8) || '-' || substr(t, 9, 4) || '-0000-0000-000000000000')::uuid
      from (select lpad(to_hex(greatest(0, floor(extract(epoch from at) * 1000))::bigint), 12, '0')) as of_time (t)
$$;
comment on function audit_bound is 'Less than the id of every event from this moment on.';

-- Months are those of UTC, whatever the server's time zone.
create function audit_month(at timestamptz, months integer) returns timestamptz
    language sql immutable parallel safe set search_path = pg_catalog as $$
    select (date_trunc('month', at at time zone 'UTC') + make_interval(months => months)) at time zone 'UTC'
$$;

do $$
declare
    before    text;
    last_id   uuid;
    this_end  timestamptz;
begin
    -- By a clock that was ahead, events may lie in a month to come.
    select id into last_id from audit_event order by id desc limit 1;
    this_end := audit_month(now(), 1);
    if last_id is not null then
        this_end := greatest(this_end, audit_month(
            to_timestamp(('x' || lpad(substr(replace(last_id::text, '-', ''), 1, 12), 16, '0'))::bit(64)::bigint / 1000.0), 1));
    end if;
    before := 'audit_event_before_' || to_char(this_end at time zone 'UTC', 'YYYY_MM');
    execute format('alter table audit_event rename to %I', before);
    execute format('alter index audit_event_pkey rename to %I', before || '_pkey');
    execute format('alter index audit_event_xact rename to %I', before || '_xact');
    execute format('create table audit_event (like %I including defaults including constraints) partition by range (id)', before);
    alter table audit_event add constraint audit_event_pkey primary key (tenant, id);
    create index audit_event_xact on audit_event (tenant, xact, id);
    alter table audit_event add constraint audit_event_tenant_fkey foreign key (tenant) references tenant;
    execute format('alter table audit_event attach partition %I for values from (minvalue) to (%L)', before, audit_bound(this_end));
    -- Partitions are the owner's alone: the application sees events through the table, and its own tenant's.
    execute format('revoke all on %I from sallyport_app', before);
    execute format('drop policy tenant_rows on %I', before);
    create table audit_event_default partition of audit_event default;
    alter table audit_event_default enable row level security;
    alter table audit_event_default force row level security;
    create policy owner_rows on audit_event_default to sallyport_owner using (true) with check (true);
end $$;

comment on table audit_event is 'Typed events, inserted in the transaction they witness. The application may insert and read, nothing else.';
alter table audit_event enable row level security;
alter table audit_event force row level security;
create policy tenant_rows on audit_event to sallyport_app
    using (tenant = nullif(current_setting('sallyport.tenant', true), '')::uuid)
    with check (tenant = nullif(current_setting('sallyport.tenant', true), '')::uuid);
create policy owner_rows on audit_event to sallyport_owner using (true) with check (true);
grant select on audit_event to sallyport_app;
grant insert (tenant, id, at, kind, version, request_id, body) on audit_event to sallyport_app;

-- Makes the partitions of this month and of those that come, as far as they are missing; says how many. What waited in the
-- default partition moves. Nobody waits for long: whoever calls tries again later.
create function audit_make_partitions(ahead integer) returns integer
    language plpgsql security definer set search_path = public, pg_temp set lock_timeout = '2s' as $$
declare
    since  timestamptz;
    name   text;
    lower_ uuid;
    upper_ uuid;
    made   integer := 0;
begin
    perform pg_advisory_xact_lock(7310082);
    for month in 0 .. least(greatest(ahead, 0), 24) loop
        since := audit_month(now(), month);
        name := 'audit_event_' || to_char(since at time zone 'UTC', 'YYYY_MM');
        lower_ := audit_bound(since);
        upper_ := audit_bound(audit_month(since, 1));
        continue when to_regclass(name) is not null;
        begin
            execute format('create table %I (like audit_event including defaults including constraints)', name);
            execute format('alter table %I enable row level security', name);
            execute format('alter table %I force row level security', name);
            execute format('create policy owner_rows on %I to sallyport_owner using (true) with check (true)', name);
            if exists (select from audit_event_default d where d.id >= lower_ and d.id < upper_) then
                lock table audit_event_default in access exclusive mode;
                execute format('with moved as (delete from audit_event_default where id >= %L and id < %L returning *)
                                insert into %I select * from moved', lower_, upper_, name);
            end if;
            execute format('alter table audit_event attach partition %I for values from (%L) to (%L)', name, lower_, upper_);
            made := made + 1;
        exception when invalid_object_definition then
            -- The partition from before this migration has that month.
            null;
        end;
    end loop;
    return made;
end $$;

create table audit_hold (
    tenant    uuid        not null references tenant,
    id        uuid        not null,
    reason    text        not null check (char_length(reason) between 1 and 1000),
    placed_at timestamptz not null,
    placed_by text        check (char_length(placed_by) between 1 and 200),
    lifted_at timestamptz,
    primary key (tenant, id)
);
comment on table audit_hold is 'Legal holds: while one stands, no event of the tenant is removed.';
alter table audit_hold enable row level security;
alter table audit_hold force row level security;
create policy tenant_rows on audit_hold to sallyport_app
    using (tenant = nullif(current_setting('sallyport.tenant', true), '')::uuid)
    with check (tenant = nullif(current_setting('sallyport.tenant', true), '')::uuid);
create policy owner_rows on audit_hold to sallyport_owner using (true) with check (true);
grant select, insert, update (lifted_at) on audit_hold to sallyport_app;

-- The events of the tenant that is set from before a moment that may go: they are in the log, below its newest signed checkpoint.
create function audit_prunable(before timestamptz) returns table (event uuid)
    language sql stable set search_path = public, pg_temp as $$
    select e.id
      from audit_event e
      join audit_entry n on n.tenant = e.tenant and n.event = e.id
     where e.tenant = nullif(current_setting('sallyport.tenant', true), '')::uuid
       and e.id < audit_bound(before)
       and n.index < coalesce((select max(c.size) from audit_checkpoint c where c.tenant = n.tenant and c.epoch = n.epoch), 0)
$$;

-- Removes some of them, with their values, and says how many. Entries, tiles and checkpoints stay.
create function audit_prune(of_tenant uuid, before timestamptz, most integer) returns bigint
    language plpgsql security definer set search_path = public, pg_temp as $$
declare
    removed uuid[];
begin
    if of_tenant is distinct from nullif(current_setting('sallyport.tenant', true), '')::uuid then
        raise exception 'not the tenant that is set' using errcode = 'insufficient_privilege';
    end if;
    if exists (select from audit_hold h where h.tenant = of_tenant and h.lifted_at is null) then
        raise exception 'a legal hold stands' using errcode = 'object_not_in_prerequisite_state';
    end if;
    with chosen as (
        select p.event from audit_prunable(before) p order by p.event limit most
    ), gone as (
        delete from audit_event e using chosen c where e.tenant = of_tenant and e.id = c.event returning e.id
    )
    select array_agg(gone.id) into removed from gone;
    -- A grant goes on under the commitment to its subject.
    delete from audit_value v
     where v.tenant = of_tenant and v.event = any (removed)
       and not exists (select from access_grant g where g.tenant = of_tenant and g.subject_commitment = v.commitment);
    return coalesce(cardinality(removed), 0);
end $$;

-- Drops the partitions of months that are over for long and have no event left of anybody; says how many.
create function audit_drop_empty_partitions() returns integer
    language plpgsql security definer set search_path = public, pg_temp set lock_timeout = '2s' as $$
declare
    part    record;
    is_used boolean;
    dropped integer := 0;
begin
    for part in
        select c.relname::text as name
          from pg_inherits i join pg_class c on c.oid = i.inhrelid
         where i.inhparent = 'audit_event'::regclass and c.relname <> 'audit_event_default'
           and make_timestamptz(left(right(c.relname, 7), 4)::int, right(c.relname, 2)::int, 1, 0, 0, 0, 'UTC') < audit_month(now(), -2)
    loop
        execute format('select exists (select from %I)', part.name) into is_used;
        continue when is_used;
        lock table audit_event in access exclusive mode;
        execute format('select exists (select from %I)', part.name) into is_used;
        continue when is_used;
        execute format('drop table %I', part.name);
        dropped := dropped + 1;
    end loop;
    return dropped;
end $$;

revoke all on function audit_make_partitions, audit_prune, audit_drop_empty_partitions from public;
grant execute on function audit_make_partitions, audit_prune, audit_drop_empty_partitions to sallyport_app;
select audit_make_partitions(3);
