-- Intents of calls, their outcomes, and which calls are open.
--
-- The intent of a call is one audit event, its outcome another, whose id is the intent's with the last bit set: so there is
-- at most one outcome for each intent, by the primary key that is there anyway.

-- The intents that a process has written in one batch, so that others can say what became of them should it die.
-- A row stands until its slot is used for another batch, which is only after all its calls have outcomes: nothing is deleted
-- on the way of a call, and the row is changed in place.
create table open_call (
    tenant  uuid    not null references tenant,
    -- the process that forwards the calls
    process uuid    not null,
    slot    integer not null,
    -- few enough that the row stays in its page
    intents uuid[]  not null check (cardinality(intents) between 1 and 100),
    primary key (tenant, process, slot)
) with (fillfactor = 50);
comment on table open_call is 'Calls that may have no outcome yet, by the process that forwards them.';

alter table open_call enable row level security;
alter table open_call force row level security;
create policy tenant_rows on open_call to sallyport_app
    using (tenant = nullif(current_setting('sallyport.tenant', true), '')::uuid)
    with check (tenant = nullif(current_setting('sallyport.tenant', true), '')::uuid);
create policy owner_rows on open_call to sallyport_owner using (true) with check (true);
grant select, insert, update, delete on open_call to sallyport_app;

-- A batch of events of calls, of any number of tenants: one statement, one commit, one round trip.
--
-- Events and slots stand in the order of `tenants`; `events_to` and `slots_to` say where those of each tenant end. What is
-- there already stays: who did not hear that a commit went through writes the same batch again.
create function record_calls(
    of_process uuid,
    of_version smallint,
    tenants    uuid[],
    events_to  integer[],
    slots_to   integer[],
    ids        uuid[],
    ats        timestamptz[],
    requests   text[],
    -- with their kind in them
    bodies     jsonb[],
    slots      integer[],
    -- each an array of uuid, as text: arrays of arrays must be of one length
    intents    text[]
) returns void
    language plpgsql as $$
declare
    event integer := 0;
    slot  integer := 0;
begin
    -- Whoever locks the tables for long gets an error to be seen, not a writer that waits without a sign.
    perform set_config('lock_timeout', '4s', true);
    for n in 1 .. cardinality(tenants) loop
        perform set_config('sallyport.tenant', tenants[n]::text, true);
        insert into audit_event (tenant, id, at, kind, version, request_id, body)
        select tenants[n], e.id, e.at, e.body->>'kind', of_version, e.request, e.body - 'kind'
          from unnest(ids[event + 1:events_to[n]], ats[event + 1:events_to[n]],
                      requests[event + 1:events_to[n]], bodies[event + 1:events_to[n]]) as e (id, at, request, body)
            on conflict do nothing;
        if slot < slots_to[n] then
            insert into open_call (tenant, process, slot, intents)
            select tenants[n], of_process, s.slot, s.intents::uuid[]
              from unnest(slots[slot + 1:slots_to[n]], intents[slot + 1:slots_to[n]]) as s (slot, intents)
                on conflict on constraint open_call_pkey do update set intents = excluded.intents;
        end if;
        event := events_to[n];
        slot := slots_to[n];
    end loop;
end $$;

-- The tenants of calls whose process has ended without a word on what became of them. A process that serves is known in
-- `node` before its first call; one that is suspect may not serve any more.
create function tenants_of_lost_calls(own_process uuid) returns setof uuid
    language plpgsql as $$
declare
    of_tenant uuid;
begin
    for of_tenant in select id from tenant loop
        perform set_config('sallyport.tenant', of_tenant::text, true);
        if exists (select from open_call o
                    where o.tenant = of_tenant and o.process <> own_process
                      and not exists (select from node n where n.process = o.process and not n.suspect)) then
            return next of_tenant;
        end if;
    end loop;
end $$;
