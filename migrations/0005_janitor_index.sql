-- What the janitor looks for, so that it reads what it takes away and little else.

-- The row of a family stays, since audit events name it; its refresh tokens go some time after its end.
alter table family add column refresh_tokens_removed_at timestamptz;
create index family_with_refresh_tokens on family (tenant, expires_at) where refresh_tokens_removed_at is null;

create index session_ended on session (tenant, ended_at) where ended_at is not null;
create index login_throttle_window on login_throttle (tenant, window_start);

-- Whether a client has any grant: for the janitor, and for the end of a client.
create index access_grant_client on access_grant (tenant, client);
create index client_never_used on client (tenant, created_at)
    where origin = 'registered' and status = 'active' and last_used_at is null;
