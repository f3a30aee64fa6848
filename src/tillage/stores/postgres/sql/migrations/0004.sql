-- From version 3: models that are no folds, and the loads that build and rebuild them.
create schema tables;
alter table tillage.folds rename to models;
alter index tillage.folds_pkey rename to models_pkey;
alter table tillage.models add kind text not null default 'fold' check (kind in ('fold', 'table', 'view'));
alter table tillage.meta add served jsonb;
alter table tillage.loads drop constraint loads_kind_check;
alter table tillage.loads add constraint loads_kind_check
    check (kind in ('read', 'replay', 'discard', 'maintain', 'build', 'rebuild'));
