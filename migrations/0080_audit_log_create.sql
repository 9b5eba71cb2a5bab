-- The log that an auditor can check: the order of events, a Merkle tree over them, and signed checkpoints of it.
--
-- A log belongs to a tenant, or to the platform, which stands here as the tenant 00000000-0000-0000-0000-000000000000. After a
-- restore from a backup a log begins a new epoch. The application reads these tables and changes them through functions that
-- let a log grow and do nothing else; what a log has become is proved by its checkpoints and not by this database.

-- Which transaction wrote an event. Transactions end in any order; all below the oldest that still runs have ended.
alter table audit_event add column xact bigint not null default (pg_current_xact_id()::text::bigint);
alter table platform_event add column xact bigint not null default (pg_current_xact_id()::text::bigint);
create index audit_event_xact on audit_event (tenant, xact, id);
create index platform_event_xact on platform_event (xact, id);
-- Nobody says so of another transaction.
revoke insert on audit_event, platform_event from sallyport_app;
grant insert (tenant, id, at, kind, version, request_id, body) on audit_event to sallyport_app;
grant insert (id, at, kind, version, request_id, body) on platform_event to sallyport_app;

create table audit_log (
    tenant      uuid        not null,
    epoch       integer     not null check (epoch > 0),
    -- its name in checkpoints, which stays what it was
    origin      text        not null,
    -- entries in the tree, and its root (RFC 6962)
    size        bigint      not null check (size >= 0),
    root        bytea       not null check (octet_length(root) = 32),
    -- the last event in it, in the order of the events' transactions and ids
    cursor_xact bigint      not null,
    cursor_id   uuid        not null,
    -- when it last grew
    grown_at    timestamptz not null,
    primary key (tenant, epoch),
    unique (tenant, origin)
);
comment on table audit_log is 'Heads of logs: how many entries there are, and the root of the tree over them.';

create table audit_entry (
    tenant uuid    not null,
    epoch  integer not null,
    index  bigint  not null check (index >= 0),
    event  uuid    not null,
    primary key (tenant, epoch, index),
    -- no event is in a log twice
    unique (tenant, event)
);
comment on table audit_entry is 'The order of events: which event is the n-th entry of a log.';

create table audit_tile (
    tenant uuid     not null,
    epoch  integer  not null,
    level  smallint not null check (level between 0 and 7),
    index  bigint   not null check (index >= 0),
    hashes bytea    not null check (octet_length(hashes) between 32 and 8192 and octet_length(hashes) % 32 = 0),
    primary key (tenant, epoch, level, index)
);
comment on table audit_tile is 'Tiles of the trees over entries (C2SP tlog-tiles).';

create table audit_checkpoint (
    tenant    uuid        not null,
    epoch     integer     not null,
    size      bigint      not null check (size >= 0),
    root      bytea       not null check (octet_length(root) = 32),
    -- the signed note
    note      text        not null check (octet_length(note) between 1 and 65536),
    signed_at timestamptz not null,
    primary key (tenant, epoch, size)
);
comment on table audit_checkpoint is 'Signed checkpoints: what a log was, as it was said to others.';

do $$
declare
    of_table text;
begin
    foreach of_table in array array['audit_log', 'audit_entry', 'audit_tile', 'audit_checkpoint'] loop
        execute format('alter table %I enable row level security', of_table);
        execute format('alter table %I force row level security', of_table);
        execute format('create policy tenant_rows on %I to sallyport_app
            using (tenant = nullif(current_setting(''sallyport.tenant'', true), '''')::uuid)
            with check (tenant = nullif(current_setting(''sallyport.tenant'', true), '''')::uuid)', of_table);
        execute format('create policy owner_rows on %I to sallyport_owner using (true) with check (true)', of_table);
        execute format('grant select on %I to sallyport_app', of_table);
    end loop;
end $$;

-- Adds entries to the log of the tenant that is set. False: it is not any more what the caller has read, and nothing was changed.
--
-- Tiles are those that change, from the first hash on; what they had stays as it was.
create function audit_append(
    of_epoch     integer,
    old_size     bigint,
    new_root     bytea,
    new_xact     bigint,
    new_id       uuid,
    now_at       timestamptz,
    events       uuid[],
    tile_levels  smallint[],
    tile_indexes bigint[],
    tile_hashes  bytea[]
) returns boolean
    language plpgsql security definer set search_path = public, pg_temp as $$
declare
    of_tenant constant uuid := nullif(current_setting('sallyport.tenant', true), '')::uuid;
    written   integer;
begin
    if coalesce(cardinality(events), 0) = 0 then
        raise exception 'nothing to add' using errcode = 'check_violation';
    end if;
    update audit_log l
       set size = old_size + cardinality(events), root = new_root, cursor_xact = new_xact, cursor_id = new_id, grown_at = now_at
     where l.tenant = of_tenant and l.epoch = of_epoch and l.size = old_size
       and (l.cursor_xact, l.cursor_id) <= (new_xact, new_id)
       and not exists (select from audit_log n where n.tenant = of_tenant and n.epoch > of_epoch);
    if not found then
        return false;
    end if;
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

-- Begins the log of the tenant that is set, or its next epoch, which goes on with the events that are in no log yet. False: somebody did before.
create function audit_begin(new_epoch integer, new_origin text, empty_root bytea, now_at timestamptz) returns boolean
    language plpgsql security definer set search_path = public, pg_temp as $$
declare
    of_tenant constant uuid := nullif(current_setting('sallyport.tenant', true), '')::uuid;
    platform  constant uuid := '00000000-0000-0000-0000-000000000000';
    below     constant bigint := pg_snapshot_xmin(pg_current_snapshot())::text::bigint;
    from_xact bigint := 0;
    done      integer;
begin
    if of_tenant is null or new_epoch <> coalesce((select max(epoch) from audit_log l where l.tenant = of_tenant), 0) + 1 then
        return false;
    end if;
    if new_epoch > 1 and of_tenant = platform then
        -- A dump that was restored elsewhere has numbers of transactions that are still to come there.
        update platform_event set xact = 0 where xact >= below;
        select coalesce(min(e.xact) - 1, below - 1) into from_xact from platform_event e
         where not exists (select from audit_entry n where n.tenant = of_tenant and n.event = e.id);
    elsif new_epoch > 1 then
        update audit_event set xact = 0 where tenant = of_tenant and xact >= below;
        select coalesce(min(e.xact) - 1, below - 1) into from_xact from audit_event e
         where e.tenant = of_tenant and not exists (select from audit_entry n where n.tenant = of_tenant and n.event = e.id);
    end if;
    insert into audit_log (tenant, epoch, origin, size, root, cursor_xact, cursor_id, grown_at)
    values (of_tenant, new_epoch, new_origin, 0, empty_root, from_xact, platform, now_at)
        on conflict do nothing;
    get diagnostics done = row_count;
    return done = 1;
end $$;

-- Keeps a signed checkpoint of what the log has been. False: there is one of this size already.
create function audit_keep_checkpoint(of_epoch integer, of_size bigint, of_root bytea, of_note text, now_at timestamptz) returns boolean
    language plpgsql security definer set search_path = public, pg_temp as $$
declare
    of_tenant constant uuid := nullif(current_setting('sallyport.tenant', true), '')::uuid;
    done integer;
begin
    -- What is committed, and no more.
    if not exists (select from audit_log l where l.tenant = of_tenant and l.epoch = of_epoch and l.size >= of_size) then
        raise exception 'the log is not that long' using errcode = 'check_violation';
    end if;
    insert into audit_checkpoint (tenant, epoch, size, root, note, signed_at)
    values (of_tenant, of_epoch, of_size, of_root, of_note, now_at)
        on conflict do nothing;
    get diagnostics done = row_count;
    return done = 1;
end $$;

revoke all on function audit_append, audit_begin, audit_keep_checkpoint from public;
grant execute on function audit_append, audit_begin, audit_keep_checkpoint to sallyport_app;

-- The tenants for whose logs there is something to do: there are events after the last one in it, or none came since `quiet`, or what
-- it has become is not signed yet.
create function audit_logs_with_news(quiet timestamptz) returns setof uuid
    language plpgsql as $$
declare
    of_tenant uuid;
begin
    for of_tenant in select id from tenant loop
        perform set_config('sallyport.tenant', of_tenant::text, true);
        if not exists (
            select from audit_log l
             where l.tenant = of_tenant and l.grown_at > quiet
               and l.epoch = (select max(n.epoch) from audit_log n where n.tenant = of_tenant)
               and exists (select from audit_checkpoint c where c.tenant = of_tenant and c.epoch = l.epoch and c.size = l.size)
               and not exists (
                   select from audit_event e where e.tenant = of_tenant and (e.xact, e.id) > (l.cursor_xact, l.cursor_id))) then
            return next of_tenant;
        end if;
    end loop;
end $$;

-- A log has a key that signs for it: a kind of the key file from here on.
alter table key_check drop constraint key_check_kind_check;
alter table key_check add constraint key_check_kind_check check (kind in ('pepper', 'kek', 'audit_handle', 'checkpoint'));
