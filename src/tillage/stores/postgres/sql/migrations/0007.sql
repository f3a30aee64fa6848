-- From version 6: units that wait for others, and loads that take them up.
alter table tillage.loads drop constraint loads_kind_check, add constraint loads_kind_check
    check (kind in ('read', 'replay', 'discard', 'maintain', 'build', 'rebuild', 'release'));

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
