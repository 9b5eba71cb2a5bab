-- Back-channel logouts that were done (OpenID Connect Back-Channel Logout §2.6): each token counts once.
create table logout_token (
    tenant     uuid        not null,
    provider   uuid        not null,
    -- SHA-256 of `jti`
    hash       bytea       not null,
    expires_at timestamptz not null,
    primary key (tenant, provider, hash),
    foreign key (tenant, provider) references identity_provider
);
comment on table logout_token is 'Logout tokens of identity providers that were used.';
create index logout_token_end on logout_token (tenant, expires_at);

alter table logout_token enable row level security;
alter table logout_token force row level security;
create policy tenant_rows on logout_token to sallyport_app
    using (tenant = nullif(current_setting('sallyport.tenant', true), '')::uuid)
    with check (tenant = nullif(current_setting('sallyport.tenant', true), '')::uuid);
create policy owner_rows on logout_token to sallyport_owner using (true) with check (true);
grant select, insert, update, delete on logout_token to sallyport_app;
