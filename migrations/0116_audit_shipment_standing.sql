-- How it goes with a target, for whoever looks: when it last accepted something of the log, and since when it does not.
alter table audit_shipment
    add column accepted_at timestamptz,
    add column away_since  timestamptz;
comment on column audit_shipment.away_since is 'Since when nothing of this log was accepted that was sent; none: the last that was sent was accepted.';
