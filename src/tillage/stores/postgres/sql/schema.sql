-- The whole schema of the store, version 9. Run once, in one transaction, into an empty database.
create schema tillage;
create schema folds;  -- states as they are kept, with hidden counts
create schema tables; -- the rows of models that are built whole
create schema gold;   -- views of both as readers see them
create schema mirror; -- what stands, as relational tables

create table tillage.meta (
    project text primary key,
    schema_version integer not null,
    house text not null default gen_random_uuid(), -- the lake that belongs to this store carries the same
    served jsonb                      -- what tillage.yaml said of serving when it was last run; null: never
);

-- One number for every load and fence of the project; gaps are harmless.
create sequence tillage.load_seq;

create table tillage.leases (
    resource text primary key,
    epoch bigint not null,
    holder text,                      -- process id on its host, for messages
    backend_pid integer,              -- the holder's PostgreSQL session: when it is gone, so is the holder
    backend_start timestamptz,
    expires_at timestamptz
);

-- Contract texts by SHA-256: what a load was decided under.
create table tillage.texts (
    digest text primary key,
    body text not null
);

create table tillage.loads (
    load_seq bigint primary key,
    feed text not null,               -- empty: a build, which is of all feeds
    state text not null check (state in ('open', 'failed', 'voided', 'abandoned', 'sealed')),
    contract_digest text not null references tillage.texts,
    epoch bigint not null,
    planned_at timestamptz not null default now(),
    sealed_at timestamptz,
    reason text,                      -- why a person gave it up, or asked for it
    kind text not null default 'read' check (
        kind in ('read', 'replay', 'discard', 'maintain', 'build', 'rebuild', 'release', 'erase')
    ),
    manifest jsonb not null default '{}', -- what it covers; of kind read: what packed files contain
    sealed_epoch bigint               -- of the lease that sealed it; another than epoch: a later process finished it
);
create index on tillage.loads (feed, load_seq);
-- A feed that stands still for a failed load is erased from all the same.
create unique index one_unfinished_load_per_feed on tillage.loads (feed, (kind = 'erase'))
where state in ('open', 'failed');
create index on tillage.loads (feed, load_seq) where kind = 'maintain' and state = 'sealed';

create table tillage.sources (
    load_seq bigint not null references tillage.loads,
    source integer not null,
    path text not null,
    size_bytes bigint not null,
    digest text not null,
    signature text not null,
    form text not null default '',
    members text not null default '', -- JSON object: what the folders on the way say, by the feed's path at plan
    primary key (load_seq, source)
);
create index on tillage.sources using hash (path);  -- a path may be longer than a B-tree takes

-- Files that are refused whole; not tried again until their bytes change, or what is said about reading them.
create table tillage.rejected (
    feed text not null,
    path text not null,
    digest text not null,             -- of both
    message text not null
);
create index on tillage.rejected using hash (path);

-- Dataset rules that a load broke; its messages.
create table tillage.broken_rules (
    load_seq bigint not null references tillage.loads,
    dataset text not null,
    rule text not null,
    severity text not null,
    found text not null,
    primary key (load_seq, dataset, rule)
);

-- One row for each stage that committed; never a maximum.
create table tillage.receipts (
    stage text not null,
    load_seq bigint not null references tillage.loads,
    primary key (stage, load_seq)
);

create table tillage.counts (
    load_seq bigint not null references tillage.loads,
    dataset text not null,
    read_rows bigint not null,
    accepted_rows bigint not null,
    quarantined_rows bigint not null,
    duplicate_rows bigint not null,
    suppressed_rows bigint not null,
    read_minor jsonb,                 -- minor units: one number, or one by currency; null without money
    accepted_minor jsonb,
    quarantined_minor jsonb,
    duplicate_minor jsonb,
    suppressed_minor jsonb,
    not_countable_rows bigint not null,
    warning_rows jsonb not null,      -- by rule
    taken_rows bigint not null default 0,  -- of read_rows, what waited and was counted as read before
    taken_minor jsonb,
    taken_not_countable_rows bigint not null default 0,
    closed_rows bigint not null default 0, -- older versions that it closed
    closed_minor jsonb,
    primary key (load_seq, dataset)
);
create index on tillage.counts (dataset, load_seq);  -- the last load of a dataset, without a look at the others

-- What each file brought to each dataset: a load published by a version that did not count this has no rows.
create table tillage.statistics (
    load_seq bigint not null references tillage.loads,     -- the load that judged the units
    dataset text not null,
    record_load bigint not null,      -- the load that brought the file; of a replay or rebuild another one
    source integer not null,
    records bigint not null,          -- of the file, as far as the load judged them; the same for each dataset
    read_rows bigint not null,
    accepted_rows bigint not null,
    quarantined_rows bigint not null,
    duplicate_rows bigint not null,
    suppressed_rows bigint not null,
    code_rows jsonb not null,         -- of the quarantined ones by code; a unit counts under each of its codes
    first_event timestamptz,          -- of the accepted ones; of a date where its day begins in UTC
    last_event timestamptz,
    is_event_date boolean not null,
    primary key (load_seq, dataset, record_load, source),
    foreign key (record_load, source) references tillage.sources
);

-- Which units wait and why, and which were given up; their bytes stay in bronze.
create table tillage.quarantine (
    dataset text not null,
    load_seq bigint not null references tillage.loads,
    source integer not null,
    ordinal bigint not null,
    "offset" bigint not null,
    unit bigint not null,
    codes text[] not null,
    control_minor numeric(38, 0),
    control_currency text,            -- where records name theirs
    judged_load bigint not null references tillage.loads,  -- the last load that looked at it; load_seq brought it
    discarded_by bigint references tillage.loads,          -- null: it waits
    primary key (load_seq, dataset, source, ordinal, unit)
);
create index on tillage.quarantine (judged_load);

-- What the units refer to that wait for others.
create table tillage.awaited (
    dataset text not null,
    load_seq bigint not null,
    source integer not null,
    ordinal bigint not null,
    unit bigint not null,
    judged_load bigint not null,      -- as of the unit in quarantine
    parent text not null,             -- the dataset that it refers to
    key text not null,                -- of people a subject key
    foreign key (load_seq, dataset, source, ordinal, unit) references tillage.quarantine on delete cascade
);
create index on tillage.awaited (load_seq, dataset, source, ordinal, unit);
create index on tillage.awaited (dataset, judged_load);

-- Up to what a feed has looked whether what its units wait for is there.
create table tillage.looked (
    feed text primary key,
    parents jsonb not null,           -- by dataset that is referred to, its last load
    judged_load bigint not null       -- of the units that were looked at, the last one
);

-- What is kept equal to silver elsewhere, by feed: files, or tables in schema mirror.
create table tillage.mirrors (
    feed text not null,
    kind text not null check (kind in ('files', 'tables')),
    digest text not null,             -- of how it was asked for
    primary key (feed, kind)
);

-- The models that readers find in schema gold.
create table tillage.models (
    name text primary key,
    digest text not null,             -- of its text
    outputs jsonb not null,
    kind text not null default 'fold' check (kind in ('fold', 'table', 'view'))
);

-- Programs that may read what is served, and tokens that stand for them for a while.
create table tillage.clients (
    client text primary key,
    secret text not null,             -- Argon2id
    scopes text[] not null,
    per_s integer,                    -- requests a second that one server answers it; null: as many as there are
    created_at timestamptz not null default now(),
    revoked_at timestamptz            -- since then it has no token
);
create table tillage.tokens (
    digest bytea primary key,         -- SHA-256 of the token, which is random
    client text not null references tillage.clients,
    scopes text[] not null,
    expires_at timestamptz not null
);
create index on tillage.tokens (client, expires_at);

-- Sweeps in which people are erased. Who they are is in no table.
create table tillage.erasures (
    erasure bigint primary key,       -- of the sequence of loads
    state text not null default 'open' check (state in ('open', 'proved', 'restored')), -- restored: a journal tells of it
    people integer not null,
    begun_at timestamptz not null default now(),
    proved_at timestamptz,
    receipt jsonb                     -- signed, once it is proved
);

-- Files from which records were taken: who knows the one digest knows the other.
create table tillage.rewrites (
    feed text not null,
    path text not null,               -- as of the source
    before text not null,
    after text not null
);
create index on tillage.rewrites using hash (path);
