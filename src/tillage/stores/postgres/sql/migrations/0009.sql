-- From version 8: people are erased.
alter table tillage.loads drop constraint loads_kind_check;
alter table tillage.loads add constraint loads_kind_check check (
    kind in ('read', 'replay', 'discard', 'maintain', 'build', 'rebuild', 'release', 'erase')
);
drop index tillage.one_unfinished_load_per_feed;
create unique index one_unfinished_load_per_feed on tillage.loads (feed, (kind = 'erase'))
where state in ('open', 'failed');

create table tillage.erasures (
    erasure bigint primary key,       -- of the sequence of loads
    state text not null default 'open' check (state in ('open', 'proved', 'restored')), -- restored: a journal tells of it
    people integer not null,
    begun_at timestamptz not null default now(),
    proved_at timestamptz,
    receipt jsonb                     -- signed, once it is proved
);

create table tillage.rewrites (
    feed text not null,
    path text not null,               -- as of the source
    before text not null,
    after text not null
);
create index on tillage.rewrites using hash (path);

do $do$
declare
    of_writer text;
    of_eraser text;
begin
    if not exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
                   where n.nspname = 'vault' and c.relname = 'meta') then
        return; -- it is made with the first load about people
    end if;
    create table vault.suppressed (
        subject text not null,
        kind text not null check (kind in ('id', 'alias', 'alone')),
        ring bytea not null,
        digest bytea not null,
        until timestamptz not null,
        erasure bigint not null,
        lifted_at timestamptz,
        primary key (subject, kind, ring, digest)
    );
    create table vault.leaving (
        subject text not null,
        digest bytea not null,
        subject_key text not null,
        natural_id text not null,
        primary key (subject, digest, subject_key)
    );
    alter table vault.leaving alter column natural_id set statistics 0, alter column natural_id set storage external;
    select writer, eraser into of_writer, of_eraser from vault.roles;
    execute format('grant select on vault.suppressed, vault.leaving to %I', of_writer);
    execute format('grant select, insert, update, delete on vault.suppressed, vault.leaving to %I', of_eraser);
end $do$;
