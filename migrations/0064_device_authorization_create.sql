-- Device authorization requests (RFC 8628), from the device's first request to its tokens.
create table device_authorization (
    tenant         uuid        not null references tenant,
    id             uuid        not null,
    -- of the device code
    hash           bytea       not null,
    pepper_id      text        not null,
    -- keyed, of the code that the person types
    user_code      bytea       not null,
    client         text        not null,
    server         uuid        not null,
    -- asked for at first; granted, once it is approved
    scopes         text[]      not null,
    code_challenge text,
    -- where the request came from, for the person who is asked
    address        text        not null,
    user_agent     text,
    created_at     timestamptz not null,
    expires_at     timestamptz not null,
    -- seconds between two polls; grows with each that comes too early
    poll_seconds   integer     not null,
    polled_at      timestamptz,
    -- who decided, and what: a family, or none
    person         uuid,
    decided_at     timestamptz,
    family         uuid,
    redeemed_at    timestamptz,
    -- the answer that had the tokens, sealed under a key derived from the device code itself
    box            bytea,
    primary key (tenant, id),
    unique (tenant, hash),
    unique (tenant, user_code),
    foreign key (tenant, client) references client,
    foreign key (tenant, server) references server,
    foreign key (tenant, person) references person,
    foreign key (tenant, family) references family,
    check ((decided_at is null) = (person is null)),
    check (family is null or decided_at is not null),
    check (redeemed_at is null or family is not null),
    check ((redeemed_at is null) = (box is null))
);
create index device_authorization_expiry on device_authorization (tenant, expires_at);
comment on table device_authorization is 'Device authorization requests, for a day after they ended.';

alter table device_authorization enable row level security;
alter table device_authorization force row level security;
create policy tenant_rows on device_authorization to sallyport_app
    using (tenant = nullif(current_setting('sallyport.tenant', true), '')::uuid)
    with check (tenant = nullif(current_setting('sallyport.tenant', true), '')::uuid);
create policy owner_rows on device_authorization to sallyport_owner using (true) with check (true);
grant select, insert, update, delete on device_authorization to sallyport_app;
