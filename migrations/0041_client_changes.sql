-- Anybody can register a client and then change it (RFC 7592), and each change is an event: so there are few in a day.
alter table client
    add column changes       integer not null default 0,
    -- when the first of them was
    add column changes_since timestamptz;
