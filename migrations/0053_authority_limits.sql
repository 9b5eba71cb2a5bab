-- The log's lock is never held for long: not by many entries, and not by somebody who has stopped in the middle.

-- Entries, in the order given, as one statement of whoever takes authority away. Returns the number of the last one.
create function authority_append_all(tenants uuid[], entries jsonb[], now_at timestamptz) returns bigint
    language plpgsql as $$
declare
    n bigint;
begin
    -- For the rest of the transaction. A process that stands still, or whose host is lost, between here and its commit keeps
    -- every node from its lease and everybody from revoking: its transaction is ended. Those who wait meanwhile wait longer
    -- than that.
    perform set_config('idle_in_transaction_session_timeout', '2s', true);
    perform set_config('lock_timeout', '5s', true);
    perform set_config('statement_timeout', '5s', true);
    perform pg_advisory_xact_lock(7310001);
    update authority_head set seq = seq + cardinality(entries) returning seq into n;
    insert into authority_log (seq, tenant, entry, at)
    select n - cardinality(entries) + e.place, e.tenant, e.entry, now_at
      from unnest(tenants, entries) with ordinality as e (tenant, entry, place);
    perform pg_notify('sallyport_authority', n::text);
    return n;
end $$;

create or replace function authority_append(of_tenant uuid, what jsonb, now_at timestamptz) returns bigint
    language sql volatile as $$
    select authority_append_all(array[of_tenant], array[what], now_at)
$$;
