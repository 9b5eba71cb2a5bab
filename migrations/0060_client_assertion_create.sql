-- Clients that prove themselves by a signature (RFC 7523), and what they have signed: an assertion is good once.
alter table client
    drop constraint client_auth_method_check,
    add constraint client_auth_method_check
        check (auth_method in ('none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt')),
    drop constraint client_check,
    add constraint client_secret_by_method
        check ((auth_method in ('client_secret_basic', 'client_secret_post')) = (secret_hash is not null));

create table client_assertion (
    tenant     uuid        not null,
    client     text        not null,
    -- SHA-256 of its jti
    jti        bytea       not null,
    expires_at timestamptz not null,
    primary key (tenant, client, jti),
    foreign key (tenant, client) references client
);
create index client_assertion_expiry on client_assertion (tenant, expires_at);
comment on table client_assertion is 'Assertions that were used, for as long as they would be good.';

alter table client_assertion enable row level security;
alter table client_assertion force row level security;
create policy tenant_rows on client_assertion to sallyport_app
    using (tenant = nullif(current_setting('sallyport.tenant', true), '')::uuid)
    with check (tenant = nullif(current_setting('sallyport.tenant', true), '')::uuid);
create policy owner_rows on client_assertion to sallyport_owner using (true) with check (true);
-- Update: the janitor locks what it removes.
grant select, insert, update, delete on client_assertion to sallyport_app;
