-- The link by which whoever started the first process makes the first tenant and its administrator. One at a time.
create table first_link (
    only_row   boolean     primary key default true check (only_row),
    -- under a pepper; one that was made under a retired one opens nothing any more
    hash       bytea       not null,
    expires_at timestamptz not null
);
comment on table first_link is 'The link to make the first tenant, as a keyed hash.';
grant select, insert, update, delete on first_link to sallyport_app;
