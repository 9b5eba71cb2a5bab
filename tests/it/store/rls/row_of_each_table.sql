-- One row of each table that belongs to a tenant. `:tenant` is the tenant's id.
insert into tenant (id, slug, name, created_at) values (:tenant, :tenant::text, 'Tenant', now());
insert into signing_key (tenant, kid, alg, kek_id, sealed, public_jwk, created_at, active_at)
    values (:tenant, 'k', 'EdDSA', 'kek', '', '{}', now(), now());
insert into person (tenant, id, username, display_name, created_at) values (:tenant, :tenant, 'ada', 'Ada', now());
insert into session (tenant, id, hash, pepper_id, person, amr, auth_time, expires_at)
    values (:tenant, :tenant, 'h', 'p', :tenant, '{pwd}', now(), now());
insert into login_throttle (tenant, bucket, failures, window_start) values (:tenant, 'b', 1, now());
insert into client (tenant, id, origin, name, metadata, redirect_uris, auth_method, display_digest, created_at)
    values (:tenant, 'c', 'configured', 'Client', '{}', '{}', 'none', '', now());
insert into initial_access_token (tenant, id, hash, pepper_id, note, uses_left, created_at)
    values (:tenant, 'i', 'h', 'p', '', 1, now());
insert into server (tenant, id, slug, name, upstream_url, audience, default_scopes, created_at)
    values (:tenant, :tenant, 's', 'Server', 'http://127.0.0.1/', 'a', '{mcp:read}', now());
insert into server_scope (tenant, server, name, effect, description) values (:tenant, :tenant, 'mcp:read', 'read', '');
insert into server_probe (tenant, server, at, upstream_url, outcome, items)
    values (:tenant, :tenant, now(), 'http://127.0.0.1/', 'answered', 0);
insert into catalogue_item (tenant, server, kind, name, scope, read_only)
    values (:tenant, :tenant, 'tool', 't', 'mcp:read', true);
insert into interaction (tenant, id, hash, pepper_id, browser_hash, client, server, redirect_uri, scopes, code_challenge,
                         created_at, expires_at)
    values (:tenant, :tenant, 'h', 'p', 'b', 'c', :tenant, 'http://localhost/', '{}', '', now(), now());
insert into consent (tenant, person, client, server, redirect_key, scopes, display_digest, client_name, redirect_uris, given_at)
    values (:tenant, :tenant, 'c', :tenant, 'http://localhost/', '{}', '', 'Client', '{}', now());
insert into access_grant (tenant, id, subject, person, client, server, scopes, created_at)
    values (:tenant, :tenant, 'person:1', :tenant, 'c', :tenant, '{}', now());
insert into family (tenant, id, grant_id, created_at, expires_at) values (:tenant, :tenant, :tenant, now(), now());
insert into auth_code (tenant, hash, pepper_id, family, redirect_uri, scopes, code_challenge, created_at, expires_at)
    values (:tenant, 'h', 'p', :tenant, 'http://localhost/', '{}', '', now(), now());
insert into access_token (tenant, hash, pepper_id, family, scopes, created_at, expires_at)
    values (:tenant, 'h', 'p', :tenant, '{}', now(), now());
insert into refresh_token (tenant, hash, pepper_id, family, generation, scopes, created_at, idle_expires_at)
    values (:tenant, 'h', 'p', :tenant, 0, '{}', now(), now());
insert into device_authorization (tenant, id, hash, pepper_id, user_code, client, server, scopes, address, created_at,
                                  expires_at, poll_seconds)
    values (:tenant, :tenant, 'h', 'p', 'u', 'c', :tenant, '{}', '127.0.0.1', now(), now(), 5);
insert into audit_event (tenant, id, at, kind, version, body) values (:tenant, :tenant, now(), 'test', 1, '{}');
insert into applied (tenant, kind, object, at) values (:tenant, 'tenant', :tenant::text, now());
insert into open_call (tenant, process, slot, intents) values (:tenant, :tenant, 0, array[:tenant]);
insert into client_assertion (tenant, client, jti, expires_at) values (:tenant, 'c', 'j', now());
insert into client_document (tenant, client, fetched_at, fresh_until) values (:tenant, 'c', now(), now());
insert into person_link (tenant, id, hash, pepper_id, person, purpose, created_at, expires_at)
    values (:tenant, :tenant, 'h', 'p', :tenant, 'reset', now(), now());
insert into api_token (tenant, id, hash, pepper_id, person, note, rights, created_at, expires_at)
    values (:tenant, :tenant, 'h', 'p', :tenant, 'n', '{*:read}', now(), now());
insert into server_secret (tenant, server, hash, pepper_id, created_at) values (:tenant, :tenant, 'h', 'p', now());
insert into server_issuer (tenant, server, issuer, settings) values (:tenant, :tenant, 'https://issuer.example', '{}');
insert into approved_software (tenant, fingerprint, approved_at) values (:tenant, sha256('software'), now());
insert into audit_value (tenant, event, commitment, kind, salt, value)
    values (:tenant, :tenant, 'sha256:' || repeat('0', 64), 'large', substring(sha256('') for 16), 'v');
insert into audit_hold (tenant, id, reason, placed_at) values (:tenant, :tenant, 'r', now());
insert into audit_log (tenant, epoch, origin, size, root, cursor_xact, cursor_id, grown_at)
    values (:tenant, 1, 'log/' || :tenant::text, 1, sha256(''), 0, :tenant, now());
insert into audit_entry (tenant, epoch, index, event) values (:tenant, 1, 0, :tenant);
insert into audit_tile (tenant, epoch, level, index, hashes) values (:tenant, 1, 0, 0, sha256(''));
insert into audit_checkpoint (tenant, epoch, size, root, note, signed_at) values (:tenant, 1, 1, sha256(''), 'n', now());
insert into audit_shipment (tenant, kind, target, epoch, next, holder, held_until)
    values (:tenant, 'ship', 'siem', 1, 0, :tenant, now());
insert into audit_cosignature (tenant, epoch, size, key, line, kept_at) values (:tenant, 1, 1, 'k', 'l', now());
insert into usage_hour (tenant, hour, server, client, grant_id, outcome, calls, millis)
    values (:tenant, now(), :tenant, 'c', :tenant, 'answered', 1, '{1,0,0,0,0,0,0,0}');
insert into usage_cursor (tenant, epoch, next_index) values (:tenant, 1, 1);
insert into identity_provider (tenant, id, slug, name, issuer, client_id, auth_method, created_at)
    values (:tenant, :tenant, 'idp', 'i', 'https://idp.example', 'c', 'none', now());
insert into person_identity (tenant, provider, subject, person, linked_at) values (:tenant, :tenant, 's', :tenant, now());
insert into login_attempt (tenant, hash, provider, box, created_at, expires_at)
    values (:tenant, 'h', :tenant, 'b', now(), now());
insert into login_step (tenant, hash, pepper_id, person, amr, created_at, expires_at)
    values (:tenant, 'h', 'p', :tenant, '{pwd}', now(), now());
insert into person_totp (tenant, person, kek_id, sealed, last_step, created_at) values (:tenant, :tenant, 'k', 's', 1, now());
insert into recovery_code (tenant, person, hash, pepper_id, created_at) values (:tenant, :tenant, 'h', 'p', now());
insert into passkey (tenant, id, person, credential, public_key, alg, sign_count, backed_up, transports, name, created_at)
    values (:tenant, :tenant, :tenant, 'c', 'k', -7, 0, false, '{}', 'n', now());
insert into passkey_challenge (tenant, hash, expires_at) values (:tenant, 'h', now());
insert into logout_token (tenant, provider, hash, expires_at) values (:tenant, :tenant, 'h', now());
