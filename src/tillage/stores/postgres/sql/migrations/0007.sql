-- From version 6: units that wait for others, and loads that take them up.
alter table tillage.loads drop constraint loads_kind_check, add constraint loads_kind_check
    check (kind in ('read', 'replay', 'discard', 'maintain', 'build', 'rebuild', 'release'));

-- What the units refer to that wait for others, each with the last load of that dataset that it was looked for in.
create table tillage.awaited (
    dataset text not null,
    load_seq bigint not null,
    source integer not null,
    ordinal bigint not null,
    unit bigint not null,
    parent text not null,             -- the dataset that it refers to
    key text not null,                -- of people a subject key
    seen bigint not null default 0,
    foreign key (load_seq, dataset, source, ordinal, unit) references tillage.quarantine on delete cascade
);
create index on tillage.awaited (load_seq, dataset, source, ordinal, unit);
create index on tillage.awaited (parent, seen);
