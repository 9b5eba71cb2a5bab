-- Clients whose client_id is the address of a document that describes them (Client ID Metadata Documents).
alter table client
    drop constraint client_origin_check,
    add constraint client_origin_check check (origin in ('registered', 'configured', 'document'));

create table client_document (
    tenant      uuid        not null,
    client      text        not null,
    fetched_at  timestamptz not null,
    -- until when it is not fetched again
    fresh_until timestamptz not null,
    -- removed because nobody used it, and not by anybody: whoever comes with it again brings it back
    expired     boolean     not null default false,
    primary key (tenant, client),
    foreign key (tenant, client) references client
);
comment on table client_document is 'When the documents behind clients were read. What they said is in client.metadata.';

alter table client_document enable row level security;
alter table client_document force row level security;
create policy tenant_rows on client_document to sallyport_app
    using (tenant = nullif(current_setting('sallyport.tenant', true), '')::uuid)
    with check (tenant = nullif(current_setting('sallyport.tenant', true), '')::uuid);
create policy owner_rows on client_document to sallyport_owner using (true) with check (true);
grant select, insert, update on client_document to sallyport_app;
