-- How far others have been told: collectors of events, and anchors of checkpoints.
create table audit_shipment (
    -- as in audit_log
    tenant     uuid        not null,
    kind       text        not null check (kind in ('ship', 'anchor')),
    -- its name in the configuration
    target     text        not null,
    epoch      integer     not null check (epoch > 0),
    -- the index that it gets next; of an anchor the size of the newest checkpoint that it has accepted
    next       bigint      not null check (next >= 0),
    -- the process that sends to it at the moment, and until when nobody else does
    holder     uuid        not null,
    held_until timestamptz not null,
    primary key (tenant, kind, target)
);
comment on table audit_shipment is 'How far each log has been sent to each target of the configuration.';

create table audit_cosignature (
    tenant uuid        not null,
    epoch  integer     not null,
    size   bigint      not null check (size >= 0),
    -- the witness's verifier key (C2SP signed-note)
    key    text        not null,
    -- its signature, as a line of the note
    line   text        not null check (octet_length(line) between 1 and 4096),
    kept_at timestamptz not null,
    primary key (tenant, epoch, size, key),
    foreign key (tenant, epoch, size) references audit_checkpoint
);
comment on table audit_cosignature is 'What witnesses have signed: checkpoints that they saw, each the beginning of the next.';

do $$
declare
    of_table text;
begin
    foreach of_table in array array['audit_shipment', 'audit_cosignature'] loop
        execute format('alter table %I enable row level security', of_table);
        execute format('alter table %I force row level security', of_table);
        execute format('create policy tenant_rows on %I to sallyport_app
            using (tenant = nullif(current_setting(''sallyport.tenant'', true), '''')::uuid)
            with check (tenant = nullif(current_setting(''sallyport.tenant'', true), '''')::uuid)', of_table);
        execute format('create policy owner_rows on %I to sallyport_owner using (true) with check (true)', of_table);
    end loop;
end $$;
grant select, insert, update on audit_shipment to sallyport_app;
grant select, insert on audit_cosignature to sallyport_app;

-- Which targets have not been told everything, and how much is missing: entries, or checkpoints of an anchor.
create function audit_shipments_behind(of_kind text, of_targets text[]) returns table (of_log uuid, of_target text, behind bigint)
    language plpgsql as $$
declare
    logs constant uuid[] := (select array_agg(id) from tenant) || '00000000-0000-0000-0000-000000000000'::uuid;
    log  uuid;
begin
    foreach log in array logs loop
        perform set_config('sallyport.tenant', log::text, true);
        if of_kind = 'ship' then
            return query
                select log, t.name, sum(l.size - case when l.epoch = coalesce(s.epoch, 1) then coalesce(s.next, 0) else 0 end)::bigint
                  from unnest(of_targets) as t (name)
                  left join audit_shipment s on s.tenant = log and s.kind = of_kind and s.target = t.name
                  join audit_log l on l.tenant = log and l.epoch >= coalesce(s.epoch, 1)
                 group by t.name
                having sum(l.size - case when l.epoch = coalesce(s.epoch, 1) then coalesce(s.next, 0) else 0 end) > 0;
        else
            return query
                select log, t.name, count(*)
                  from unnest(of_targets) as t (name)
                  left join audit_shipment s on s.tenant = log and s.kind = of_kind and s.target = t.name
                  join audit_checkpoint c on c.tenant = log and (c.epoch, c.size) > (coalesce(s.epoch, 1), coalesce(s.next, 0))
                 group by t.name;
        end if;
    end loop;
end $$;
