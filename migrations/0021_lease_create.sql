-- Leases: a process serves from its caches only while it has one. See docs/architecture.md.

-- Numbers can come again: a failover that loses commits takes the log back, and it grows anew. A node that names the entry
-- it has applied by number and mark is not taken for one that has applied another entry of the same number.
alter table authority_log add column mark uuid not null default gen_random_uuid();

-- A few rows, written four times a second each.
alter table node set (fillfactor = 50);

-- Enters a node at the present head of the log. Entered and read under the lock: whoever takes authority away after this
-- head finds the row.
create function node_register(of_node uuid, of_process uuid, now_at timestamptz, out head bigint, out head_mark uuid)
    language plpgsql as $$
begin
    perform pg_advisory_xact_lock_shared(7310001);
    select h.seq into head from authority_head h;
    select l.mark into head_mark from authority_log l where l.seq = head;
    insert into node (id, process, applied, registered_at) values (of_node, of_process, head, now_at);
end $$;

-- One renewal. It acknowledges what the node has applied, and grants a lease if that is all there is. If not, it says what
-- is missing, at most a thousand entries.
--   registered   false: the node was given up for dead and may not serve
--   lost         the entry that the node has applied last is not in this log: the database has lost commits
create function lease_renew(of_node uuid, node_applied bigint, node_mark uuid,
        out registered boolean, out lost boolean, out granted boolean, out head bigint, out missing jsonb)
    language plpgsql volatile as $$
begin
    -- Each statement below must see what was committed before it began.
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'leases are renewed in read committed transactions only';
    end if;
    registered := false;
    granted := false;
    missing := '[]';
    -- First of all. Whoever takes authority away holds this lock until the commit, so what is read from here on includes
    -- all that was taken away, and nothing more is until this transaction has ended.
    perform pg_advisory_xact_lock_shared(7310001);
    -- Nobody waits for the disk here. A crash of Postgres can undo acknowledgements that were true, and beats: somebody
    -- waits longer than he must. Registrations, removals and the log itself are as durable as the server's setting says.
    perform set_config('synchronous_commit', 'off', true);
    select h.seq into head from authority_head h;
    lost := node_applied > head
        or (node_applied > 0
            and not exists (select from authority_log l where l.seq = node_applied and l.mark = node_mark));
    if lost then
        return;
    end if;
    update node n set applied = node_applied, beat = n.beat + 1 where n.id = of_node and not n.suspect;
    registered := found;
    if not registered then
        return;
    end if;
    granted := node_applied = head;
    if not granted then
        select coalesce(jsonb_agg(to_jsonb(m) order by m.seq), '[]') into missing
          from (select l.seq, l.mark, l.tenant, l.entry from authority_log l
                 where l.seq > node_applied order by l.seq limit 1000) m;
    end if;
end $$;

-- The look-up of a token now says in the same snapshot whether the node that asks is registered.
drop function token_lookup(uuid, bytea[]);
create function token_lookup(of_node uuid, of_tenant uuid, hashes bytea[])
    returns table (
        registered    boolean,
        head          bigint,
        hash          bytea,
        family        uuid,
        grant_id      uuid,
        grant_version bigint,
        subject       text,
        person        uuid,
        client        text,
        server        uuid,
        handle_scopes text[],
        grant_scopes  text[],
        expires_at    timestamptz,
        live          boolean
    )
    language plpgsql as $$
begin
    perform set_config('sallyport.tenant', of_tenant::text, true);
    return query
        select exists (select from node k where k.id = of_node and not k.suspect),
               (select h.seq from authority_head h),
               t.hash, f.id, g.id, g.version, g.subject, g.person, g.client, g.server,
               t.scopes, g.scopes, least(t.expires_at, f.expires_at),
               t.revoked_at is null and f.revoked_at is null and g.revoked_at is null
                   and c.status = 'active' and s.status = 'active' and n.status = 'active'
                   and coalesce(p.status = 'active', true)
          from access_token t
          join family f on (f.tenant, f.id) = (t.tenant, t.family)
          join access_grant g on (g.tenant, g.id) = (f.tenant, f.grant_id)
          join client c on (c.tenant, c.id) = (g.tenant, g.client)
          join server s on (s.tenant, s.id) = (g.tenant, g.server)
          join tenant n on n.id = t.tenant
          left join person p on (p.tenant, p.id) = (g.tenant, g.person)
         where t.tenant = of_tenant and t.hash = any (hashes);
end $$;
