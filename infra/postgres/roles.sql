-- Two roles: the one that owns the schema runs only `warren migrate`; the one that works cannot change it.
create role warren_owner login password :'owner_password';
create role warren login password :'password';
revoke all on database :"database" from public;
revoke all on schema public from public;
grant connect, create, temporary on database :"database" to warren_owner;
grant connect, temporary on database :"database" to warren;
-- Whatever the owner makes, now and in later migrations, the other may use.
alter default privileges for role warren_owner grant usage on schemas to warren;
alter default privileges for role warren_owner grant select, insert, update, delete on tables to warren;
alter default privileges for role warren_owner grant usage, select on sequences to warren;
alter default privileges for role warren_owner grant execute on functions to warren;
