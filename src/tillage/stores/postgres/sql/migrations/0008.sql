-- From version 7: what is kept equal to silver elsewhere.
create schema mirror; -- what stands, as relational tables

create table tillage.mirrors (
    feed text not null,
    kind text not null check (kind in ('files', 'tables')),
    digest text not null,             -- of how it was asked for
    primary key (feed, kind)
);
