-- Clients that wait for an administrator, and why one was suspended.
alter table client
    drop constraint client_status_check,
    add constraint client_status_check check (status in ('active', 'pending', 'disabled', 'removed')),
    -- what a suspended client is again when it is resumed
    add column status_before text check (status_before in ('active', 'pending')),
    -- shown to people
    add column status_reason text,
    add column status_since  timestamptz;

drop index client_never_used;
create index client_never_used on client (tenant, created_at)
    where origin = 'registered' and status in ('active', 'pending') and last_used_at is null;
-- For the quota of a tenant.
create index client_registered_there on client (tenant) where origin = 'registered' and status <> 'removed';
