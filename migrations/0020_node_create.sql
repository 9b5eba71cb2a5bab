-- Processes that serve. One that takes authority away waits for all of them; see docs/architecture.md.
create table node (
    -- one registration; a process that was given up for dead registers anew
    id            uuid        primary key,
    -- the process, the same over all its registrations
    process       uuid        not null,
    -- the newest entry of the authority log that it has applied
    applied       bigint      not null,
    -- grows with every renewal of its lease
    beat          bigint      not null default 0,
    -- has not renewed for long: may not serve, and is removed once what it read before has expired
    suspect       boolean     not null default false,
    registered_at timestamptz not null
);
comment on table node is 'Processes that serve from a cache, and how far each has applied the authority log.';
create index node_process on node (process);
grant select, insert, update, delete on node to sallyport_app;
