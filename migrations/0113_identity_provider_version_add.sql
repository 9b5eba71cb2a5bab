-- Whoever edits a provider says which version they saw, and finds out if somebody was quicker.
alter table identity_provider add column version bigint not null default 1;
comment on column identity_provider.version is 'Grows with each change.';
