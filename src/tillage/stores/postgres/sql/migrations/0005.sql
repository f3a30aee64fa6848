-- From version 4: clients and their tokens.
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
