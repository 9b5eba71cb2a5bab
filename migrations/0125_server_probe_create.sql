-- What came of it when a server was last asked what it offers.
create table server_probe (
    tenant       uuid        not null,
    server       uuid        not null,
    at           timestamptz not null,
    -- where it was asked: of another address it says nothing
    upstream_url text        not null,
    outcome      text        not null check (outcome in ('answered', 'failed')),
    -- tools, prompts and resources that it offered
    items        integer     not null check (items >= 0),
    -- whether it refused a token that was not for it; null: nobody can tell
    verifies     boolean,
    primary key (tenant, server),
    foreign key (tenant, server) references server
);
comment on table server_probe is 'What came of it when a server was last asked what it offers.';

alter table server_probe enable row level security;
alter table server_probe force row level security;
create policy tenant_rows on server_probe to sallyport_app
    using (tenant = nullif(current_setting('sallyport.tenant', true), '')::uuid)
    with check (tenant = nullif(current_setting('sallyport.tenant', true), '')::uuid);
create policy owner_rows on server_probe to sallyport_owner using (true) with check (true);
grant select, insert, update, delete on server_probe to sallyport_app;
