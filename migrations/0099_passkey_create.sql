-- Passkeys (Web Authentication): public keys only, nothing to steal.
create table passkey (
    tenant       uuid        not null,
    id           uuid        not null,
    person       uuid        not null,
    -- the id that the authenticator gave it
    credential   bytea       not null check (length(credential) <= 1023),
    -- as COSE spells it
    public_key   bytea       not null,
    alg          integer     not null,
    sign_count   bigint      not null,
    backed_up    boolean     not null,
    transports   text[]      not null,
    name         text        not null,
    created_at   timestamptz not null,
    last_used_at timestamptz,
    primary key (tenant, id),
    unique (tenant, credential),
    foreign key (tenant, person) references person
);
comment on table passkey is 'Passkeys of people.';
create index passkey_person on passkey (tenant, person);

-- Challenges that were answered. They say themselves when and for whom they were set; what is here is not taken again.
create table passkey_challenge (
    tenant     uuid        not null references tenant,
    hash       bytea       not null,
    expires_at timestamptz not null,
    primary key (tenant, hash)
);
comment on table passkey_challenge is 'Challenges for passkeys that were answered.';
create index passkey_challenge_end on passkey_challenge (tenant, expires_at);

do $$
declare t text;
begin
    foreach t in array array['passkey', 'passkey_challenge'] loop
        execute format('alter table %I enable row level security', t);
        execute format('alter table %I force row level security', t);
        execute format($p$create policy tenant_rows on %I to sallyport_app
            using (tenant = nullif(current_setting('sallyport.tenant', true), '')::uuid)
            with check (tenant = nullif(current_setting('sallyport.tenant', true), '')::uuid)$p$, t);
        execute format('create policy owner_rows on %I to sallyport_owner using (true) with check (true)', t);
        execute format('grant select, insert, update, delete on %I to sallyport_app', t);
    end loop;
end $$;
