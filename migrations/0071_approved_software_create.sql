-- Software whose later registrations an administrator approved beforehand.
create table approved_software (
    tenant      uuid        not null references tenant,
    -- SHA-256 of its name, software_id and redirect URIs
    fingerprint bytea       not null check (octet_length(fingerprint) = 32),
    approved_at timestamptz not null,
    primary key (tenant, fingerprint)
);
comment on table approved_software is 'Registrations of this software are approved at once.';

alter table approved_software enable row level security;
alter table approved_software force row level security;
create policy tenant_rows on approved_software to sallyport_app
    using (tenant = nullif(current_setting('sallyport.tenant', true), '')::uuid)
    with check (tenant = nullif(current_setting('sallyport.tenant', true), '')::uuid);
create policy owner_rows on approved_software to sallyport_owner using (true) with check (true);
grant select, insert, delete on approved_software to sallyport_app;
