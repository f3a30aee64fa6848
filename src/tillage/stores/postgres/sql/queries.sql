-- name: is_set_up
select exists (select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
               where n.nspname = 'tillage' and c.relname = 'meta')

-- name: project
select project, schema_version from tillage.meta

-- name: house
select house from tillage.meta

-- name: last_number
select case when is_called then last_value else 0 end from tillage.load_seq

-- name: has_loads
select exists (select from tillage.loads)

-- name: insert_project
insert into tillage.meta (project, schema_version) values (%(project)s, %(schema_version)s)

-- name: set_project
update tillage.meta set project = %(project)s

-- name: set_schema_version
update tillage.meta set schema_version = %(schema_version)s

-- name: own_tables
select schemaname::text, tablename::text from pg_catalog.pg_tables
where schemaname in ('tillage', 'folds', 'tables', 'vault', 'mirror') and (%(only)s::text is null or schemaname = %(only)s) and pg_catalog.pg_has_role(tableowner, 'member') order by 1, 2

-- name: next_seq
select nextval('tillage.load_seq')

-- name: take_lease
insert into tillage.leases as l (resource, epoch, holder, backend_pid, backend_start, expires_at)
select %(resource)s, 1, %(holder)s, a.pid, a.backend_start, now() + make_interval(secs => %(ttl_s)s)
from pg_stat_activity a where a.pid = pg_backend_pid()
on conflict (resource) do update
set epoch = l.epoch + 1, holder = excluded.holder, backend_pid = excluded.backend_pid,
    backend_start = excluded.backend_start, expires_at = excluded.expires_at
where l.expires_at is null or l.expires_at < now()
   or not exists (select 1 from pg_stat_activity a where a.pid = l.backend_pid and a.backend_start = l.backend_start)
returning l.epoch

-- name: unlocked_lease
select 1 from tillage.leases where resource = %(resource)s for update skip locked

-- name: renew_lease
update tillage.leases set expires_at = now() + make_interval(secs => %(ttl_s)s)
where resource = %(resource)s and epoch = %(epoch)s

-- name: release_lease
update tillage.leases set expires_at = null, holder = null, backend_pid = null, backend_start = null
where resource = %(resource)s and epoch = %(epoch)s

-- name: lease_holder
select coalesce(holder, 'nobody') from tillage.leases where resource = %(resource)s

-- name: hold_lease
select 1 from tillage.leases where resource = %(resource)s and epoch = %(epoch)s for share

-- name: insert_text
insert into tillage.texts (digest, body) values (%(digest)s, %(body)s) on conflict do nothing

-- name: text
select body from tillage.texts where digest = %(digest)s

-- name: insert_load
insert into tillage.loads (load_seq, feed, state, contract_digest, epoch, kind, manifest, reason)
values (%(load_seq)s, %(feed)s, 'open', %(contract_digest)s, %(epoch)s, %(kind)s, %(manifest)s, %(reason)s)

-- name: known_sources
select s.path, s.digest, s.signature, s.form, false as is_content, load_seq
from tillage.sources s join tillage.loads l using (load_seq)
where l.feed = %(feed)s and l.state <> 'voided'
union all
select c.key, c.value, '', '', true, l.load_seq
from tillage.loads l cross join jsonb_each_text(l.manifest -> 'contents') c
where l.feed = %(feed)s and l.state <> 'voided'
union all
-- What a file became when records were taken out of it is known as well as what it was.
select r.path, r.after, '', '', false, 0 from tillage.rewrites r where r.feed = %(feed)s
order by load_seq

-- name: sealed_sources
select s.path, s.digest, exists (
    select from tillage.quarantine q
    where q.load_seq = s.load_seq and q.source = s.source and 'too_large' = any(q.codes)
)
from tillage.sources s join tillage.loads l using (load_seq)
where l.feed = %(feed)s and l.state = 'sealed'
union all
select r.path, r.after, false from tillage.rewrites r where r.feed = %(feed)s

-- name: refresh_signature
update tillage.sources s set signature = %(signature)s from tillage.loads l
where l.load_seq = s.load_seq and l.feed = %(feed)s and s.path = %(path)s and (s.digest = %(digest)s or exists (
    select from tillage.rewrites r where (r.feed, r.path, r.after) = (%(feed)s, %(path)s, %(digest)s)))

-- name: loads
select load_seq, feed, state, contract_digest, kind, manifest from tillage.loads order by load_seq

-- name: unfinished_load
select load_seq, feed, state, contract_digest, kind, manifest from tillage.loads
where feed = %(feed)s and state in ('open', 'failed') and state = %(state)s  -- the first of the two for its index

-- name: load
select load_seq, feed, state, contract_digest, kind, manifest from tillage.loads where load_seq = %(load_seq)s

-- name: load_summaries
select l.load_seq, l.feed, l.state, l.planned_at, count(s.source), coalesce(sum(s.size_bytes), 0)::bigint, l.reason,
    l.kind, round(extract(epoch from l.sealed_at - l.planned_at), 3)::float8, l.sealed_epoch <> l.epoch
from tillage.loads l left join tillage.sources s using (load_seq)
where %(load_seq)s::bigint is null or l.load_seq = %(load_seq)s group by l.load_seq order by l.load_seq

-- name: held_datasets
-- From index to index, as are the next one and `published`: each costs the same however many loads there are.
with recursive datasets as (
    (select dataset from tillage.counts order by dataset limit 1)
    union all
    select (select c.dataset from tillage.counts c where c.dataset > d.dataset order by c.dataset limit 1)
    from datasets d where d.dataset is not null
)
select d.dataset, l.feed, l.load_seq, l.contract_digest
from datasets d cross join lateral (
    select l.feed, l.load_seq, l.contract_digest from tillage.counts c join tillage.loads l using (load_seq)
    where c.dataset = d.dataset and l.state in ('open', 'sealed') and (%(with_releases)s or l.kind <> 'release')
        and exists (select from tillage.receipts r where r.stage = 'publish' and r.load_seq = c.load_seq)
    order by c.load_seq desc limit 1
) as l where d.dataset is not null

-- name: last_standing
with recursive feeds as (
    (select feed from tillage.loads order by feed limit 1)
    union all
    select (select l.feed from tillage.loads l where l.feed > f.feed order by l.feed limit 1)
    from feeds f where f.feed is not null
)
select l.feed, l.load_seq, l.contract_digest
from feeds f cross join lateral (
    select * from tillage.loads l
    where l.feed = f.feed and l.state in ('open', 'sealed') and l.kind in ('read', 'replay', 'rebuild')
    order by l.load_seq desc limit 1
) as l where f.feed is not null

-- name: loads_since_maintain
select count(*) from (
    select from tillage.loads
    where feed = %(feed)s and load_seq > (
        select coalesce(max(load_seq), 0) from tillage.loads
        where feed = %(feed)s and kind = 'maintain' and state = 'sealed'
    )
    and state = 'sealed' limit %(most)s
) as few

-- name: last_maintain
select state, planned_at, manifest from tillage.loads
where feed = %(feed)s and kind = 'maintain' order by load_seq desc limit 1

-- name: now
select now()

-- name: sealed_before
select load_seq from tillage.loads
where feed = %(feed)s and kind in ('read', 'replay', 'rebuild', 'release') and state = 'sealed' and sealed_at < %(moment)s
order by load_seq

-- name: first_sealed_after
select sealed_at from tillage.loads
where feed = %(feed)s and load_seq > %(load_seq)s and kind in ('read', 'replay', 'rebuild', 'release') and state = 'sealed'
order by load_seq limit 1

-- name: rejected
select path, digest, message from tillage.rejected where feed = %(feed)s

-- name: forget_rejected
delete from tillage.rejected where feed = %(feed)s and path = %(path)s

-- name: insert_rejected
insert into tillage.rejected (feed, path, digest, message) values (%(feed)s, %(path)s, %(digest)s, %(message)s)

-- name: fail
update tillage.loads set state = 'failed' where load_seq = %(load_seq)s and state = 'open'

-- name: insert_broken_rule
insert into tillage.broken_rules (load_seq, dataset, rule, severity, found)
values (%(load_seq)s, %(dataset)s, %(rule)s, %(severity)s, %(found)s)

-- name: broken_rules
select load_seq, dataset, rule, severity, found from tillage.broken_rules
where %(load_seq)s::bigint is null or load_seq = %(load_seq)s order by load_seq, dataset, rule

-- name: give_up
update tillage.loads set state = %(state)s, reason = %(reason)s where load_seq = %(load_seq)s and state = 'failed'

-- name: sources
select load_seq, source, path, size_bytes, digest, signature, form, members from tillage.sources
where %(load_seq)s::bigint is null or load_seq = %(load_seq)s order by load_seq, source

-- name: source_paths
select source, path from tillage.sources where load_seq = %(load_seq)s

-- name: has_receipt
select 1 from tillage.receipts where stage = %(stage)s and load_seq = %(load_seq)s

-- name: insert_receipt
insert into tillage.receipts (stage, load_seq) values (%(stage)s, %(load_seq)s)

-- name: published
with recursive feeds as (
    (select feed from tillage.loads order by feed limit 1)
    union all
    select (select l.feed from tillage.loads l where l.feed > f.feed order by l.feed limit 1)
    from feeds f where f.feed is not null
)
select f.feed, l.load_seq
from feeds f cross join lateral (
    select l.load_seq from tillage.loads l
    where l.feed = f.feed
        and exists (select from tillage.receipts r where r.stage = 'publish' and r.load_seq = l.load_seq)
    order by l.load_seq desc limit 1
) as l where f.feed <> ''

-- name: insert_counts
insert into tillage.counts (load_seq, dataset, read_rows, accepted_rows, quarantined_rows, duplicate_rows,
    suppressed_rows, read_minor, accepted_minor, quarantined_minor, duplicate_minor, suppressed_minor, not_countable_rows,
    warning_rows, taken_rows, taken_minor, taken_not_countable_rows, closed_rows, closed_minor)
values (%(load_seq)s, %(dataset)s, %(read_rows)s, %(accepted_rows)s, %(quarantined_rows)s, %(duplicate_rows)s,
    %(suppressed_rows)s, %(read_minor)s, %(accepted_minor)s, %(quarantined_minor)s, %(duplicate_minor)s,
    %(suppressed_minor)s, %(not_countable_rows)s, %(warning_rows)s, %(taken_rows)s, %(taken_minor)s,
    %(taken_not_countable_rows)s, %(closed_rows)s, %(closed_minor)s)

-- name: counts
select load_seq, dataset, read_rows, accepted_rows, quarantined_rows, duplicate_rows, suppressed_rows, read_minor, accepted_minor,
    quarantined_minor, duplicate_minor, suppressed_minor, not_countable_rows, warning_rows, taken_rows, taken_minor,
    taken_not_countable_rows, closed_rows, closed_minor
from tillage.counts where %(load_seq)s::bigint is null or load_seq = %(load_seq)s order by load_seq, dataset

-- name: insert_empty_statistics
-- Files of the load without records. Of the others the rows are there.
insert into tillage.statistics (load_seq, dataset, record_load, source, records, read_rows, accepted_rows,
    quarantined_rows, duplicate_rows, suppressed_rows, code_rows, is_event_date)
select load_seq, c.dataset, load_seq, s.source, 0, 0, 0, 0, 0, 0, '{}', false
from tillage.sources s join tillage.counts c using (load_seq) where load_seq = %(load_seq)s on conflict do nothing

-- name: statistics
-- Of a load without statistics, the files that it read, with nothing about them.
with files as (
    select load_seq, c.dataset, load_seq as record_load, s.source
    from tillage.sources s join tillage.counts c using (load_seq)
    where (%(load_seq)s::bigint is null or load_seq = %(load_seq)s)
        and exists (select from tillage.receipts r where r.stage = 'publish' and r.load_seq = c.load_seq)
),
counted as (select * from tillage.statistics where %(load_seq)s::bigint is null or load_seq = %(load_seq)s),
every as (select * from files full join counted using (load_seq, dataset, record_load, source))
select e.load_seq, l.feed, l.kind, e.dataset, s.path, e.record_load, e.source,
    case when e.record_load = e.load_seq then s.size_bytes end, e.records, e.read_rows, e.accepted_rows,
    e.quarantined_rows, e.duplicate_rows, e.suppressed_rows, e.code_rows, e.first_event, e.last_event, e.is_event_date,
    l.planned_at, l.sealed_at, round(extract(epoch from l.sealed_at - l.planned_at), 3)::float8,
    l.sealed_epoch <> l.epoch
from every e join tillage.loads l using (load_seq)
join tillage.sources s on (s.load_seq, s.source) = (e.record_load, e.source)
order by e.load_seq, s.path collate "C", e.record_load, e.source, e.dataset

-- name: statistic_totals
select load_seq, dataset, sum(read_rows), sum(accepted_rows), sum(quarantined_rows), sum(duplicate_rows),
    sum(suppressed_rows)
from tillage.statistics where %(load_seq)s::bigint is null or load_seq = %(load_seq)s group by load_seq, dataset

-- name: events
select c.dataset, min(t.first_event), max(t.last_event),
    coalesce(bool_and(t.is_event_date) filter (where t.first_event is not null), false),
    count(*) filter (where t.load_seq is null and c.read_rows > 0)
from tillage.counts c join tillage.loads l using (load_seq)
left join tillage.statistics t on (t.load_seq, t.dataset) = (c.load_seq, c.dataset)
where l.state in ('open', 'sealed') group by c.dataset

-- name: quarantine_counts
select dataset, control_currency, count(*), sum(control_minor)
from tillage.quarantine where judged_load = %(load_seq)s group by dataset, control_currency

-- name: seal
update tillage.loads set state = 'sealed', sealed_at = now(), sealed_epoch = %(epoch)s
where load_seq = %(load_seq)s and state = 'open'

-- name: void
update tillage.loads set state = 'voided' where load_seq = %(load_seq)s and state = 'open'

-- name: quarantine_reasons
select dataset, code, control_currency, count(*), sum(control_minor), count(*) filter (where control_minor is null),
    min(planned_at)
from tillage.quarantine join tillage.loads using (load_seq), unnest(codes) as code
where discarded_by is null group by dataset, code, control_currency
order by dataset, sum(count(*)) over (partition by dataset, code) desc, code, control_currency

-- name: quarantine
select q.dataset, q.load_seq, q.source, s.path, q.ordinal, q."offset", q.unit, q.codes, q.control_minor,
    q.control_currency
from tillage.quarantine q join tillage.sources s using (load_seq, source)
where q.dataset = %(dataset)s and q.discarded_by is null order by q.load_seq, q.source, q.ordinal, q.unit

-- name: discarded_files
select q.dataset, s.path, count(*), count(distinct (load_seq, source, q.ordinal))
from tillage.quarantine q join tillage.sources s using (load_seq, source)
where q.discarded_by = %(load_seq)s group by q.dataset, s.path order by s.path, q.dataset

-- name: discarded_reasons
select dataset, code, control_currency, count(*), sum(control_minor), count(*) filter (where control_minor is null)
from tillage.quarantine, unnest(codes) as code
where discarded_by = %(load_seq)s group by dataset, code, control_currency

-- name: kept
select dataset, control_currency, discarded_by is not null, count(*), sum(control_minor)
from tillage.quarantine group by 1, 2, 3

-- name: waiting
select q.dataset, q.load_seq, q.source, q.ordinal, q.unit, q.codes,
    q.codes && array['unreadable', 'too_large', 'too_deep'], q.control_minor, q.control_currency
from tillage.quarantine q join tillage.loads l using (load_seq)
where l.feed = %(feed)s and q.discarded_by is null
    and (%(dataset)s::text is null or q.dataset = %(dataset)s)
    and (%(code)s::text is null or %(code)s = any (q.codes))
    and (%(load_seq)s::bigint is null or q.load_seq = %(load_seq)s)

-- name: quarantined
select q.dataset, q.load_seq, q.source, q.ordinal, q.unit, q.codes, q.judged_load, q.control_minor
from tillage.quarantine q join tillage.loads l using (load_seq) where l.feed = %(feed)s

-- name: make_taken
create temp table taken (dataset text, load_seq bigint, source integer, ordinal bigint, unit bigint) on commit drop

-- name: end_waiting
delete from tillage.quarantine q using taken t
where (q.dataset, q.load_seq, q.source, q.ordinal, q.unit) = (t.dataset, t.load_seq, t.source, t.ordinal, t.unit)

-- name: discard
update tillage.quarantine q set discarded_by = %(discarded_by)s from tillage.loads l
where l.load_seq = q.load_seq and l.feed = %(feed)s and q.discarded_by is null
    and (%(dataset)s::text is null or q.dataset = %(dataset)s)
    and (%(code)s::text is null or %(code)s = any (q.codes))
    and (%(load_seq)s::bigint is null or q.load_seq = %(load_seq)s)

-- name: set_reason
update tillage.loads set reason = %(reason)s where load_seq = %(load_seq)s

-- name: models
select name, digest, outputs, kind from tillage.models order by name

-- name: mirrors
select feed, kind, digest from tillage.mirrors order by feed, kind

-- name: upsert_mirror
insert into tillage.mirrors (feed, kind, digest) values (%(feed)s, %(kind)s, %(digest)s)
on conflict (feed, kind) do update set digest = excluded.digest

-- name: delete_mirror
delete from tillage.mirrors where feed = %(feed)s and kind = %(kind)s

-- name: delete_mirrors
delete from tillage.mirrors where %(kind)s::text is null or kind = %(kind)s

-- name: mirror_tables
select tablename::text from pg_catalog.pg_tables where schemaname = 'mirror' order by 1

-- name: same_paths
select s.load_seq, s.source, s.path from tillage.sources s join tillage.loads l using (load_seq)
where l.feed = %(feed)s and l.state in ('open', 'sealed') and s.path in (
    select t.path from tillage.sources t
    where (t.load_seq, t.source) in (select * from unnest(%(loads)s::bigint[], %(sources)s::integer[]))
)

-- name: all_paths
select s.load_seq, s.source, s.path from tillage.sources s join tillage.loads l using (load_seq)
where l.feed = %(feed)s and l.state in ('open', 'sealed')
    and exists (select from tillage.receipts r where r.stage = 'publish' and r.load_seq = s.load_seq)

-- name: lock_models
lock table tillage.models in exclusive mode

-- name: keep_models
lock table tillage.models in share mode

-- name: text_columns
select a.attname::text from pg_attribute a join pg_class c on c.oid = a.attrelid
join pg_namespace n on n.oid = c.relnamespace
where n.nspname = %(schema)s and c.relname = %(name)s and a.atttypid = 'text'::regtype and a.attnum > 0

-- name: table_columns
select a.attname::text, format_type(a.atttypid, a.atttypmod)
from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
where n.nspname = 'tables' and c.relname = %(name)s and a.attnum > 0 and not a.attisdropped order by a.attnum

-- name: table_indexes
select indexname from pg_indexes where schemaname = 'tables' and tablename = %(name)s

-- name: upsert_model
insert into tillage.models (name, digest, outputs, kind) values (%(name)s, %(digest)s, %(outputs)s, %(kind)s)
on conflict (name) do update set digest = excluded.digest, outputs = excluded.outputs, kind = excluded.kind

-- name: retire_model
update tillage.models set kind = 'table', digest = '' where name = %(name)s

-- name: last_build
select load_seq, feed, state, contract_digest, kind, manifest from tillage.loads l
where feed = '' and exists (select from tillage.receipts r where r.stage = 'publish' and r.load_seq = l.load_seq)
order by load_seq desc limit 1

-- name: delete_model
delete from tillage.models where name = %(name)s

-- name: store_columns
select n.nspname::text, c.relname::text, a.attname::text from pg_attribute a join pg_class c on c.oid = a.attrelid
join pg_namespace n on n.oid = c.relnamespace
where n.nspname in ('tillage', 'vault') and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped
order by n.nspname, c.relname, a.attnum

-- name: store_references
select distinct c.relname::text, r.relname::text from pg_constraint k join pg_class c on c.oid = k.conrelid
join pg_class r on r.oid = k.confrelid join pg_namespace n on n.oid = c.relnamespace
where n.nspname = 'tillage' and k.contype = 'f' and c.oid <> r.oid

-- name: served
select served from tillage.meta

-- name: keep_served
update tillage.meta set served = %(served)s where served is distinct from %(served)s

-- name: model_columns
select c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod)
from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
where n.nspname = 'gold' and a.attnum > 0 and not a.attisdropped order by c.relname, a.attnum

-- name: lock_meta
lock table tillage.meta in exclusive mode

-- name: set_last_number
select setval('tillage.load_seq', %(number)s, %(is_called)s)

-- name: insert_client
insert into tillage.clients (client, secret, scopes, per_s) values (%(client)s, %(secret)s, %(scopes)s, %(per_s)s)
on conflict do nothing returning client

-- name: clients
select client, scopes, per_s, created_at, revoked_at from tillage.clients order by client

-- name: client_secret
select secret, scopes from tillage.clients where client = %(client)s and revoked_at is null

-- name: revoke_client
update tillage.clients set revoked_at = now() where client = %(client)s and revoked_at is null returning client

-- name: forget_tokens
delete from tillage.tokens where client = %(client)s and expires_at < now()

-- name: insert_token
insert into tillage.tokens (digest, client, scopes, expires_at)
select %(digest)s, client, %(scopes)s, now() + make_interval(secs => %(lives_s)s)
from tillage.clients where client = %(client)s and revoked_at is null
for share
returning client

-- name: has_vault
select exists (select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
               where n.nspname = 'vault' and c.relname = 'meta')

-- name: vault_meta
select fingerprint from vault.meta

-- name: vault_roles
select writer, reader, eraser from vault.roles

-- name: set_fingerprint
update vault.meta set fingerprint = %(fingerprint)s

-- name: hold_key
select pg_advisory_xact_lock_shared(7409282)

-- name: change_key
select pg_advisory_xact_lock(7409282)

-- name: make_asked
create temp table asked (subject text, digest text, natural_id text) on commit drop

-- name: make_asked_suppressed
create temp table asked_suppressed (subject text, kind text, ring text, digest text, value text) on commit drop

-- name: suppression_ring
select distinct ring from vault.suppressed where lifted_at is null

-- name: has_unknown
select exists (select from asked a where not exists (
    select from vault.identities i where i.subject = a.subject and i.digest = decode(a.digest, 'hex')))

-- name: add_identities
insert into vault.identities (subject, digest, subject_key, natural_id)
select subject, decode(digest, 'hex'), replace(gen_random_uuid()::text, '-', ''), natural_id from asked order by 1, 2
on conflict (subject, digest) do nothing

-- name: make_places
create temp table places (load_seq bigint, source integer, ordinal bigint, unit bigint) on commit drop

-- name: make_people
create temp table people_units (like vault.units) on commit drop;
alter table people_units alter column judged_load drop not null;
create temp table people_aliases (subject text, digest text, subject_key text, alias text) on commit drop;
create temp table people_ended (dataset text, load_seq bigint, source integer, ordinal bigint, unit bigint)
on commit drop

-- name: keep_units
insert into vault.units
select dataset, load_seq, source, ordinal, unit, %(judged_load)s, subject_key, personal from people_units
on conflict (dataset, load_seq, source, ordinal, unit) do update
set judged_load = excluded.judged_load, subject_key = excluded.subject_key, personal = excluded.personal

-- name: keep_aliases
insert into vault.aliases
select distinct subject, decode(digest, 'hex'), subject_key, alias from people_aliases order by 1, 2, 3
on conflict do nothing

-- name: end_units
delete from vault.units u using people_ended e
where (u.dataset, u.load_seq, u.source, u.ordinal, u.unit) = (e.dataset, e.load_seq, e.source, e.ordinal, e.unit)

-- name: unit_counts
select dataset, count(*) from vault.units where judged_load = %(load_seq)s group by dataset

-- name: subject_key
select vault.subject_key(%(subject)s, %(fingerprint)s, %(digest)s)

-- name: rehash_identities
update vault.identities set digest = sha256(%(outer)s || sha256(%(inner)s
    || convert_to('id:' || subject || ':' || natural_id, 'UTF8')))

-- name: rehash_leaving
update vault.leaving set digest = sha256(%(outer)s || sha256(%(inner)s
    || convert_to('id:' || subject || ':' || natural_id, 'UTF8')))

-- name: rehash_aliases
update vault.aliases set digest = sha256(%(outer)s || sha256(%(inner)s
    || convert_to('alias:' || subject || ':' || alias, 'UTF8')))

-- name: as_owner
select set_config('role', 'none', true)

-- name: looked
select parents, judged_load from tillage.looked where feed = %(feed)s

-- name: is_awaited
select exists (select from tillage.awaited where dataset = any(%(datasets)s) and judged_load > %(judged_load)s)

-- name: keep_looked
insert into tillage.looked (feed, parents, judged_load) values (%(feed)s, %(parents)s, %(judged_load)s)
on conflict (feed) do update set parents = excluded.parents, judged_load = excluded.judged_load

-- name: await_no_more
delete from tillage.awaited a using tillage.quarantine q
where q.discarded_by = %(discarded_by)s
    and (a.load_seq, a.dataset, a.source, a.ordinal, a.unit) = (q.load_seq, q.dataset, q.source, q.ordinal, q.unit)

-- name: erasures
select erasure, state, people, begun_at, proved_at, receipt from tillage.erasures order by erasure

-- name: erasure_states
select erasure, state from tillage.erasures order by erasure

-- name: insert_erasure
insert into tillage.erasures (erasure, people) values (%(erasure)s, %(people)s)

-- name: remember_erasure
insert into tillage.erasures (erasure, people, state) values (%(erasure)s, %(people)s, 'restored')
on conflict (erasure) do update set state = 'restored'

-- name: settle_restored
update tillage.erasures set state = 'proved', proved_at = now() where state = 'restored'

-- name: raise_last_number
select setval('tillage.load_seq', greatest(last_value, %(number)s)) from tillage.load_seq

-- name: prove_erasure
update tillage.erasures set state = 'proved', proved_at = now(), receipt = %(receipt)s where erasure = %(erasure)s

-- name: suppress
insert into vault.suppressed as s (subject, kind, ring, digest, until, erasure)
values (%(subject)s, %(kind)s, %(ring)s, %(digest)s, %(until)s, %(erasure)s)
on conflict (subject, kind, ring, digest) do update
set until = greatest(s.until, excluded.until), lifted_at = null

-- name: suppressions
select subject, kind, ring, digest, until from vault.suppressed where lifted_at is null order by erasure, digest

-- name: lift_suppressions
update vault.suppressed set lifted_at = now() where lifted_at is null and digest = any(%(digests)s)

-- name: asked
select i.subject_key, i.natural_id from vault.identities i where i.subject_key = any(%(subject_keys)s)

-- name: nobodys
select k from unnest(%(subject_keys)s::text[]) as k where k not in (select subject_key from vault.identities)

-- name: known_by_id
select natural_id, subject_key from vault.identities where subject = %(subject)s and digest = %(digest)s
union all
select natural_id, subject_key from vault.leaving where subject = %(subject)s and digest = %(digest)s

-- name: known_by_alias
select i.natural_id, i.subject_key from vault.aliases a join vault.identities i using (subject, subject_key)
where a.subject = %(subject)s and a.digest = %(digest)s order by i.subject_key

-- name: aliases_of
select alias from vault.aliases where subject_key = %(subject_key)s order by alias

-- name: personal_of
select personal from vault.units where subject_key = %(subject_key)s

-- name: units_of
select load_seq, source, ordinal, unit, subject_key, personal from vault.units
where dataset = %(dataset)s and subject_key = any(%(subject_keys)s)

-- name: keep_hashes
update vault.units set subject_key = '', personal = %(personal)s
where (dataset, load_seq, source, ordinal, unit) = (%(dataset)s, %(load_seq)s, %(source)s, %(ordinal)s, %(unit)s)

-- name: everybody
select natural_id from vault.identities where subject = %(subject)s
union select natural_id from vault.leaving where subject = %(subject)s

-- name: feed_sources
select s.load_seq, s.source, s.path, s.digest, s.form from tillage.sources s join tillage.loads l using (load_seq)
where l.feed = %(feed)s and l.state in ('open', 'sealed')

-- name: rewrites
select path, before, after from tillage.rewrites where feed = %(feed)s

-- name: insert_rewrite
insert into tillage.rewrites (feed, path, before, after)
select %(feed)s, %(path)s, %(before)s, %(after)s
where not exists (select from tillage.rewrites r
    where (r.feed, r.path, r.before, r.after) = (%(feed)s, %(path)s, %(before)s, %(after)s))

-- name: make_erased
create temp table erased (load_seq bigint, source integer, ordinal bigint) on commit drop

-- name: discard_erased
update tillage.quarantine q set discarded_by = %(discarded_by)s
from erased e, tillage.loads l
where (q.load_seq, q.source, q.ordinal) = (e.load_seq, e.source, e.ordinal)
    and l.load_seq = q.load_seq and l.feed = %(feed)s and q.discarded_by is null

-- name: erased_feeds
select feed from tillage.loads
where kind = 'erase' and state = 'sealed' and (manifest ->> 'erasure')::bigint = %(erasure)s

-- name: erase_loads
select load_seq from tillage.loads where feed = %(feed)s and kind = 'erase' order by load_seq

-- name: forget_identities
delete from vault.identities where subject_key = any(%(subject_keys)s)

-- name: let_leave
insert into vault.leaving (subject, digest, subject_key, natural_id)
select subject, digest, subject_key, natural_id from vault.identities where subject_key = any(%(subject_keys)s)
on conflict do nothing

-- name: forget_leaving
delete from vault.leaving where subject_key = any(%(subject_keys)s)

-- name: forget_aliases
delete from vault.aliases where subject_key = any(%(subject_keys)s)

-- name: forget_units
delete from vault.units where subject_key = any(%(subject_keys)s)
