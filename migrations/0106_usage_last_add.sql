-- When the last of the calls was, for people who look at what they allowed.
alter table usage_hour add column last_at timestamptz;
comment on column usage_hour.last_at is 'When the last of these calls began; null where it was counted before this column.';
