-- From version 5: statistics of files, and which lease sealed a load.
alter table tillage.loads add sealed_epoch bigint;
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
