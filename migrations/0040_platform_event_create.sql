-- What belongs to no tenant: administrators of the platform, tenants that come and go, keys outside the database,
-- migrations.
create table platform_event (
    id         uuid        primary key,
    at         timestamptz not null,
    kind       text        not null,
    version    smallint    not null,
    request_id text,
    body       jsonb       not null
);
comment on table platform_event is 'The platform''s own audit log. The application may insert and read, nothing else.';
create index platform_event_at on platform_event (at, id);
grant select, insert on platform_event to sallyport_app;
-- `sallyport migrate` notes each migration once, whoever runs it at the same time.
create unique index platform_event_migration on platform_event ((body -> 'migration')) where kind = 'schema.migrated';
