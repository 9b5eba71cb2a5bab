-- What `sallyport apply` made: only that is ever removed by `--prune`. Clients that registered themselves, people made
-- on the command line and whatever else came another way never get in here.
create table applied (
    tenant uuid        not null references tenant,
    kind   text        not null check (kind in ('tenant', 'server', 'person', 'client')),
    -- the id of the object
    object text        not null,
    at     timestamptz not null,
    primary key (tenant, kind, object)
);
comment on table applied is 'Objects that `apply` made and has not removed since.';

alter table applied enable row level security;
alter table applied force row level security;
create policy tenant_rows on applied to sallyport_app
    using (tenant = nullif(current_setting('sallyport.tenant', true), '')::uuid)
    with check (tenant = nullif(current_setting('sallyport.tenant', true), '')::uuid);
create policy owner_rows on applied to sallyport_owner using (true) with check (true);
grant select, insert, delete on applied to sallyport_app;
