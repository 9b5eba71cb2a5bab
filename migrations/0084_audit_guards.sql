-- What a log takes from whoever serves, and what not: nothing that the database can tell by itself. The role of the application may
-- be in wrong hands, or in a program with an error.

-- The server that a log grows on. On another one the numbers of transactions are others, and an event could be passed over.
create function audit_server() returns bigint
    language sql stable set search_path = pg_catalog as $$ select system_identifier from pg_control_system() $$;
alter table audit_log add column server bigint not null default audit_server();

-- A moment that every reader can read.
alter table audit_event add constraint audit_event_at check (at >= '2000-01-01 00:00Z' and at < '3000-01-01 00:00Z');
alter table audit_event add constraint audit_event_texts
    check (char_length(kind) between 1 and 100 and char_length(request_id) between 1 and 200);
alter table platform_event add constraint platform_event_at check (at >= '2000-01-01 00:00Z' and at < '3000-01-01 00:00Z');
alter table platform_event add constraint platform_event_texts
    check (char_length(kind) between 1 and 100 and char_length(request_id) between 1 and 200);
alter table audit_hold add constraint audit_hold_at check (placed_at >= '2000-01-01 00:00Z' and placed_at < '3000-01-01 00:00Z');

-- Of this server's present or past, whatever a caller's clock says.
create function audit_moment(at timestamptz) returns timestamptz
    language sql volatile set search_path = pg_catalog as $$
    select greatest('2000-01-01 00:00Z', least(at, clock_timestamp()))
$$;

drop function audit_append;
-- Adds the next events to the log of the tenant that is set: exactly those that follow, in the order of their transactions and ids,
-- of transactions below the oldest that still runs. False: it is not any more what the caller has read, and nothing was changed.
--
-- What is in the log already is asked for each event: a join would be planned as one with the whole log.
-- Tiles are those that change, from the first hash on; what they had stays as it was. The hashes are the caller's word: they
-- are checked against the events by whoever signs for them, exports them or verifies them.
create function audit_append(
    of_epoch     integer,
    old_size     bigint,
    new_root     bytea,
    now_at       timestamptz,
    events       uuid[],
    tile_levels  smallint[],
    tile_indexes bigint[],
    tile_hashes  bytea[]
) returns boolean
    language plpgsql security definer set search_path = public, pg_temp as $$
declare
    of_tenant constant uuid := nullif(current_setting('sallyport.tenant', true), '')::uuid;
    platform  constant uuid := '00000000-0000-0000-0000-000000000000';
    count     constant integer := coalesce(cardinality(events), 0);
    head      audit_log;
    following uuid[];
    of_xact   bigint;
    written   integer;
begin
    if count = 0 then
        raise exception 'nothing to add' using errcode = 'check_violation';
    end if;
    select * into head from audit_log l
     where l.tenant = of_tenant and l.epoch = of_epoch and l.size = old_size
       and not exists (select from audit_log n where n.tenant = of_tenant and n.epoch > of_epoch)
       for update;
    if not found then
        return false;
    end if;
    if head.server <> audit_server() then
        raise exception 'the log was begun on another server' using errcode = 'object_not_in_prerequisite_state';
    end if;
    if old_size = 0 and of_epoch > 1 then
        -- An epoch begins with the event that says so, of this transaction. The cursor stays before those that are in no log yet.
        if of_tenant = platform then
            select array_agg(e.id) into following from platform_event e
             where e.kind = 'log.restarted' and e.xact = pg_current_xact_id()::text::bigint;
        else
            select array_agg(e.id) into following from audit_event e
             where e.tenant = of_tenant and e.kind = 'log.restarted' and e.xact = pg_current_xact_id()::text::bigint;
        end if;
        of_xact := head.cursor_xact;
    elsif of_tenant = platform then
        select array_agg(n.id order by n.xact, n.id), max(n.xact) into following, of_xact from (
            select e.xact, e.id from platform_event e
             where (e.xact, e.id) > (head.cursor_xact, head.cursor_id)
               and e.xact < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
               and (select d.index from audit_entry d where d.tenant = of_tenant and d.event = e.id) is null
             order by e.xact, e.id limit count) n;
    else
        select array_agg(n.id order by n.xact, n.id), max(n.xact) into following, of_xact from (
            select e.xact, e.id from audit_event e
             where e.tenant = of_tenant and (e.xact, e.id) > (head.cursor_xact, head.cursor_id)
               and e.xact < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
               and (select d.index from audit_entry d where d.tenant = of_tenant and d.event = e.id) is null
             order by e.xact, e.id limit count) n;
    end if;
    if following is distinct from events then
        raise exception 'these are not the events that follow' using errcode = 'check_violation';
    end if;
    update audit_log l
       set size = old_size + count, root = new_root, cursor_xact = of_xact, grown_at = audit_moment(now_at),
           cursor_id = case when old_size = 0 and of_epoch > 1 then head.cursor_id else events[count] end
     where l.tenant = of_tenant and l.epoch = of_epoch;
    insert into audit_entry (tenant, epoch, index, event)
    select of_tenant, of_epoch, old_size + e.n - 1, e.event from unnest(events) with ordinality as e (event, n);
    insert into audit_tile as t (tenant, epoch, level, index, hashes)
    select of_tenant, of_epoch, n.level, n.index, n.hashes from unnest(tile_levels, tile_indexes, tile_hashes) as n (level, index, hashes)
        on conflict on constraint audit_tile_pkey do update set hashes = excluded.hashes
        where t.hashes = substring(excluded.hashes for octet_length(t.hashes));
    get diagnostics written = row_count;
    if written <> cardinality(tile_levels) then
        raise exception 'a tile would lose what it has' using errcode = 'check_violation';
    end if;
    return true;
end $$;

drop function audit_begin;
-- Begins the log of the tenant that is set. False: somebody did before.
create function audit_begin(new_origin text, empty_root bytea, now_at timestamptz) returns boolean
    language plpgsql security definer set search_path = public, pg_temp as $$
declare
    of_tenant constant uuid := nullif(current_setting('sallyport.tenant', true), '')::uuid;
    done integer;
begin
    insert into audit_log (tenant, epoch, origin, size, root, cursor_xact, cursor_id, grown_at)
    select of_tenant, 1, new_origin, 0, empty_root, 0, '00000000-0000-0000-0000-000000000000', audit_moment(now_at)
     where of_tenant is not null and not exists (select from audit_log l where l.tenant = of_tenant)
        on conflict do nothing;
    get diagnostics done = row_count;
    return done = 1;
end $$;

-- Begins the next epoch of the log of the tenant that is set, which goes on with the events that are in no log yet. Only the
-- owner does. False: somebody did before.
create function audit_restart(new_epoch integer, new_origin text, empty_root bytea, now_at timestamptz) returns boolean
    language plpgsql set search_path = public, pg_temp as $$
declare
    of_tenant constant uuid := nullif(current_setting('sallyport.tenant', true), '')::uuid;
    platform  constant uuid := '00000000-0000-0000-0000-000000000000';
    below     constant bigint := pg_snapshot_xmin(pg_current_snapshot())::text::bigint;
    from_xact bigint;
    done      integer;
begin
    if new_epoch <> (select max(epoch) from audit_log l where l.tenant = of_tenant) + 1 then
        return false;
    end if;
    -- A dump that was restored elsewhere has numbers of transactions that are still to come there.
    if of_tenant = platform then
        update platform_event set xact = 0 where xact >= below;
        select coalesce(min(e.xact) - 1, below - 1) into from_xact from platform_event e
         where not exists (select from audit_entry n where n.tenant = of_tenant and n.event = e.id);
    else
        update audit_event set xact = 0 where tenant = of_tenant and xact >= below;
        select coalesce(min(e.xact) - 1, below - 1) into from_xact from audit_event e
         where e.tenant = of_tenant and not exists (select from audit_entry n where n.tenant = of_tenant and n.event = e.id);
    end if;
    insert into audit_log (tenant, epoch, origin, size, root, cursor_xact, cursor_id, grown_at)
    values (of_tenant, new_epoch, new_origin, 0, empty_root, from_xact, platform, audit_moment(now_at))
        on conflict do nothing;
    get diagnostics done = row_count;
    return done = 1;
end $$;

drop function audit_keep_checkpoint;
-- Keeps a signed checkpoint of what the log is now. False: there is one of this size already.
create function audit_keep_checkpoint(of_epoch integer, of_size bigint, of_root bytea, of_note text, now_at timestamptz) returns boolean
    language plpgsql security definer set search_path = public, pg_temp as $$
declare
    of_tenant constant uuid := nullif(current_setting('sallyport.tenant', true), '')::uuid;
    done integer;
begin
    -- What is committed, and no more.
    if not exists (
        select from audit_log l
         where l.tenant = of_tenant and l.epoch = of_epoch and l.size = of_size and l.root = of_root
           and not exists (select from audit_log n where n.tenant = of_tenant and n.epoch > of_epoch)) then
        raise exception 'the log is another one' using errcode = 'check_violation';
    end if;
    insert into audit_checkpoint (tenant, epoch, size, root, note, signed_at)
    values (of_tenant, of_epoch, of_size, of_root, of_note, audit_moment(now_at))
        on conflict do nothing;
    get diagnostics done = row_count;
    return done = 1;
end $$;

-- A line that is no cosignature keeps no genuine one out: readers take those that hold.
alter table audit_cosignature drop constraint audit_cosignature_pkey,
    add constraint audit_cosignature_lengths check (octet_length(key) <= 700 and octet_length(line) <= 1500),
    add constraint audit_cosignature_pkey primary key (tenant, epoch, size, key, line);

-- Of checkpoints of the tenant that is set that are older than a week, the last of each hour stays, and those that witnesses have signed: each
-- tree is the beginning of the later ones. Says how many went.
create function audit_thin_checkpoints(most integer) returns bigint
    language sql security definer set search_path = public, pg_temp as $$
    with chosen as materialized (
        select c.epoch, c.size from audit_checkpoint c
         where c.tenant = nullif(current_setting('sallyport.tenant', true), '')::uuid
           and c.signed_at < clock_timestamp() - interval '7 days'
           and exists (
               select from audit_checkpoint n
                where n.tenant = c.tenant and n.epoch = c.epoch and n.size > c.size
                  and n.signed_at >= c.signed_at and n.signed_at < date_trunc('hour', c.signed_at, 'UTC') + interval '1 hour')
           and not exists (select from audit_cosignature w where w.tenant = c.tenant and w.epoch = c.epoch and w.size = c.size)
         limit most
    ), gone as (
        delete from audit_checkpoint c using chosen n
         where c.tenant = nullif(current_setting('sallyport.tenant', true), '')::uuid and c.epoch = n.epoch and c.size = n.size
        returning 1
    )
    select count(*) from gone
$$;

-- Since when the oldest event of the log of the tenant that is set waits to come into it, even if it may not come yet.
create function audit_waiting_since() returns timestamptz
    language plpgsql stable set search_path = public, pg_temp as $$
declare
    of_tenant constant uuid := nullif(current_setting('sallyport.tenant', true), '')::uuid;
    head      audit_log;
begin
    select * into head from audit_log l where l.tenant = of_tenant order by l.epoch desc limit 1;
    if of_tenant = '00000000-0000-0000-0000-000000000000' then
        return (select e.at from platform_event e
                 where (e.xact, e.id) > (coalesce(head.cursor_xact, 0), coalesce(head.cursor_id, of_tenant))
                   and (select n.index from audit_entry n where n.tenant = of_tenant and n.event = e.id) is null
                 order by e.xact, e.id limit 1);
    end if;
    return (select e.at from audit_event e
             where e.tenant = of_tenant
               and (e.xact, e.id) > (coalesce(head.cursor_xact, 0), coalesce(head.cursor_id, '00000000-0000-0000-0000-000000000000'))
               and (select n.index from audit_entry n where n.tenant = of_tenant and n.event = e.id) is null
             order by e.xact, e.id limit 1);
end $$;

-- ---------------------------------------------------------------- what may be removed

-- Placing a hold and removing events exclude one another.
create function audit_hold_excludes() returns trigger
    language plpgsql set search_path = public, pg_temp as $$
begin
    perform pg_advisory_xact_lock(hashtextextended(new.tenant::text, 7310083));
    return new;
end $$;
create trigger excludes before insert or update on audit_hold for each row execute function audit_hold_excludes();

-- A hold ends with an event that says so.
revoke update (lifted_at) on audit_hold from sallyport_app;
create function audit_lift_hold(of_id uuid, now_at timestamptz) returns boolean
    language plpgsql security definer set search_path = public, pg_temp as $$
declare
    of_tenant constant uuid := nullif(current_setting('sallyport.tenant', true), '')::uuid;
    done integer;
begin
    if not exists (
        select from audit_event e
         where e.tenant = of_tenant and e.xact = pg_current_xact_id()::text::bigint
           and e.kind = 'audit.hold_lifted' and e.body ->> 'hold' = of_id::text) then
        raise exception 'no event says so' using errcode = 'check_violation';
    end if;
    update audit_hold h set lifted_at = audit_moment(now_at) where h.tenant = of_tenant and h.id = of_id and h.lifted_at is null;
    get diagnostics done = row_count;
    return done = 1;
end $$;

-- The events of the tenant that is set from before a moment that may go: they are in the log, below its newest checkpoint, and older
-- than 30 days. What a log says of its keys and beginnings stays.
create or replace function audit_prunable(before timestamptz) returns table (event uuid)
    language sql stable set search_path = public, pg_temp as $$
    select e.id
      from audit_event e
      join audit_entry n on n.tenant = e.tenant and n.event = e.id
     where e.tenant = nullif(current_setting('sallyport.tenant', true), '')::uuid
       and e.id < audit_bound(least(before, statement_timestamp() - interval '30 days'))
       and e.at < statement_timestamp() - interval '30 days'
       and e.kind not in ('log.restarted', 'checkpoint_key.in_use')
       and n.index < coalesce((select max(c.size) from audit_checkpoint c where c.tenant = n.tenant and c.epoch = n.epoch), 0)
$$;

-- Removes some of them, with their values: as many as the event of this transaction says. Entries, tiles and checkpoints stay.
create or replace function audit_prune(of_tenant uuid, before timestamptz, most integer) returns bigint
    language plpgsql security definer set search_path = public, pg_temp as $$
declare
    removed uuid[];
begin
    if of_tenant is distinct from nullif(current_setting('sallyport.tenant', true), '')::uuid then
        raise exception 'not the tenant that is set' using errcode = 'insufficient_privilege';
    end if;
    perform pg_advisory_xact_lock(hashtextextended(of_tenant::text, 7310083));
    if exists (select from audit_hold h where h.tenant = of_tenant and h.lifted_at is null) then
        raise exception 'a legal hold stands' using errcode = 'object_not_in_prerequisite_state';
    end if;
    with chosen as (
        select p.event from audit_prunable(before) p order by p.event limit most
    ), gone as (
        delete from audit_event e using chosen c where e.tenant = of_tenant and e.id = c.event returning e.id
    )
    select array_agg(gone.id) into removed from gone;
    if coalesce(cardinality(removed), 0) <> (
        select coalesce(sum((e.body ->> 'events')::bigint), 0) from audit_event e
         where e.tenant = of_tenant and e.xact = pg_current_xact_id()::text::bigint and e.kind = 'audit.pruned') then
        raise exception 'no event says so' using errcode = 'check_violation';
    end if;
    -- A grant goes on under the commitment to its subject.
    delete from audit_value v
     where v.tenant = of_tenant and v.event = any (removed)
       and not exists (select from access_grant g where g.tenant = of_tenant and g.subject_commitment = v.commitment);
    return coalesce(cardinality(removed), 0);
end $$;

-- Excludes holds for the rest of the transaction: what is counted now is what can be removed.
create function audit_prune_turn() returns void
    language sql set search_path = public, pg_temp as $$
    select pg_advisory_xact_lock(hashtextextended(current_setting('sallyport.tenant'), 7310083))
$$;

-- As before, and by the name in this schema only: a temporary table of the caller's is nobody's partition.
create or replace function audit_make_partitions(ahead integer) returns integer
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
        continue when to_regclass(format('public.%I', name)) is not null;
        begin
            execute format('create table public.%I (like audit_event including defaults including constraints)', name);
            execute format('alter table public.%I enable row level security', name);
            execute format('alter table public.%I force row level security', name);
            execute format('create policy owner_rows on public.%I to sallyport_owner using (true) with check (true)', name);
            if exists (select from audit_event_default d where d.id >= lower_ and d.id < upper_) then
                lock table audit_event_default in access exclusive mode;
                execute format('with moved as (delete from audit_event_default where id >= %L and id < %L returning *)
                                insert into public.%I select * from moved', lower_, upper_, name);
            end if;
            execute format('alter table audit_event attach partition public.%I for values from (%L) to (%L)', name, lower_, upper_);
            made := made + 1;
        exception when invalid_object_definition then
            -- The partition from before this migration has that month.
            null;
        end;
    end loop;
    return made;
end $$;

revoke all on function audit_append, audit_begin, audit_restart, audit_keep_checkpoint, audit_thin_checkpoints, audit_lift_hold from public;
grant execute on function audit_append, audit_begin, audit_keep_checkpoint, audit_thin_checkpoints, audit_lift_hold to sallyport_app;
