-- From version 2: loads of other kinds than read, what waits can be taken up again, versions close older ones.
alter table tillage.loads
    add kind text not null default 'read' check (kind in ('read', 'replay', 'discard', 'maintain')),
    add manifest jsonb not null default '{}';
alter table tillage.counts
    add taken_rows bigint not null default 0,
    add taken_minor jsonb,
    add taken_not_countable_rows bigint not null default 0,
    add closed_rows bigint not null default 0,
    add closed_minor jsonb;
alter table tillage.quarantine
    add judged_load bigint references tillage.loads,
    add discarded_by bigint references tillage.loads;
update tillage.quarantine set judged_load = load_seq;
alter table tillage.quarantine alter judged_load set not null;
create index on tillage.quarantine (judged_load);
create index on tillage.counts (dataset, load_seq);
create index on tillage.loads (feed, load_seq) where kind = 'maintain' and state = 'sealed';
