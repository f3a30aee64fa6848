-- What says who people are, made in a store when its first load about people begins. It is in no other schema.
create schema vault;

create table vault.meta (
    is_one boolean primary key default true check (is_one),
    fingerprint bytea not null        -- tells which key the digests below are made with
);

create table vault.roles (
    writer text not null,             -- finds and adds people
    reader text not null,             -- asks for the subject key of a digest, and sees nothing else here
    eraser text not null              -- takes people out
);

-- Who a natural id is.
create table vault.identities (
    subject text not null,            -- the kind of people
    digest bytea not null,            -- HMAC-SHA256 of the natural id
    subject_key text not null unique, -- random; what tables hold in the place of the id
    natural_id text not null,
    primary key (subject, digest)
);
alter table vault.identities alter column natural_id set statistics 0, alter column natural_id set storage external;

-- Who is being erased: whose ids lead to nobody any more, but from whose records all is not taken yet.
create table vault.leaving (
    subject text not null,
    digest bytea not null,
    subject_key text not null,
    natural_id text not null,
    primary key (subject, digest, subject_key)
);
alter table vault.leaving alter column natural_id set statistics 0, alter column natural_id set storage external;

-- Whom a further identifier leads to: one person, or several.
create table vault.aliases (
    subject text not null,
    digest bytea not null,            -- HMAC-SHA256 of the identifier
    subject_key text not null,
    alias text not null,              -- the identifier as it is compared
    primary key (subject, digest, subject_key)
);
alter table vault.aliases alter column alias set statistics 0, alter column alias set storage external;
create index on vault.aliases (subject_key);

-- The personal columns of each accepted unit.
create table vault.units (
    dataset text not null,
    load_seq bigint not null,         -- where it stands, as everywhere
    source integer not null,
    ordinal bigint not null,
    unit bigint not null,
    judged_load bigint not null,      -- the load that accepted it
    subject_key text not null,        -- empty: of somebody who was erased
    personal text not null,           -- JSON object, without nulls
    primary key (dataset, load_seq, source, ordinal, unit)
);
alter table vault.units alter column personal set statistics 0, alter column personal set storage external;
create index on vault.units (subject_key);
create index on vault.units (judged_load);

-- Who is erased, and does not come back with data of then.
create table vault.suppressed (
    subject text not null,            -- the kind of people
    kind text not null check (kind in ('id', 'alias', 'alone')), -- alone: a further identifier, where no id stands
    ring bytea not null,              -- tells which key of the ring the digest is made with
    digest bytea not null,
    until timestamptz not null,       -- what happened later is of somebody new
    erasure bigint not null,          -- the first one that asked for it
    lifted_at timestamptz,            -- since then it holds no more
    primary key (subject, kind, ring, digest)
);

-- The subject key of a digest that was made with the key of that fingerprint; null: nobody is known by it.
create function vault.subject_key(wanted text, made_with bytea, wanted_digest bytea) returns text
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
    if not exists (select from vault.meta m where m.fingerprint = made_with) then
        raise exception using errcode = 'TL001', message = 'the key was rotated';
    end if;
    return (select i.subject_key from vault.identities i where i.subject = wanted and i.digest = wanted_digest);
end $$;
revoke all on function vault.subject_key from public;

do $do$
declare
    -- Roles are of the whole server: these are of one store in one database.
    base text := 'tillage_' || left(md5((select house from tillage.meta) || current_database()), 12);
    role text;
begin
    foreach role in array array[base || '_writer', base || '_reader', base || '_eraser'] loop
        if not exists (select from pg_roles where rolname = role) then
            execute format('create role %I nologin', role);
        end if;
        -- Since 16 who made a role may not act as it of itself.
        if not pg_has_role(current_user, role, case when current_setting('server_version_num')::int >= 160000
                                                    then 'set' else 'member' end) then
            execute format('grant %I to current_user', role);
        end if;
        execute format('grant usage on schema vault to %I', role);
        execute format('grant execute on function vault.subject_key to %I', role);
    end loop;
    execute format('grant select on vault.meta, vault.suppressed, vault.leaving to %I', base || '_writer');
    execute format('grant select, insert on vault.identities, vault.aliases to %I', base || '_writer');
    execute format('grant select, insert, update, delete on vault.units to %I', base || '_writer');
    execute format('grant select, update, delete on all tables in schema vault to %I', base || '_eraser');
    execute format('grant insert on vault.suppressed, vault.leaving to %I', base || '_eraser');
    -- All that an answer is made of; of clients not their secrets.
    execute format('grant usage on schema tillage, gold to %I', base || '_reader');
    execute format('grant select on tillage.meta, tillage.models, tillage.loads, tillage.receipts to %I',
        base || '_reader');
    execute format('grant select on tillage.tokens to %I', base || '_reader');
    execute format('grant select (client, scopes, per_s, revoked_at) on tillage.clients to %I', base || '_reader');
    execute format('grant select on all tables in schema gold to %I', base || '_reader');
    execute format('alter default privileges in schema gold grant select on tables to %I', base || '_reader');
    insert into vault.meta (fingerprint) values ('');
    insert into vault.roles (writer, reader, eraser) values (base || '_writer', base || '_reader', base || '_eraser');
end $do$;
