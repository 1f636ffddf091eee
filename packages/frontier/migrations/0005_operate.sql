-- What operators do: crawls are made, configured, passed again and deleted; hosts are paced, blocked and revived.
set local search_path = frontier;
--> statement-breakpoint
-- The tables that have a partition for each crawl, with the keys and indexes of a partition.
create function crawl_tables() returns table (name text, indexes text[]) language sql immutable as $$
  values
    ('urls', array['add primary key (fp)', 'add unique (id)']),
    ('pending', array['add primary key (id)', 'index (host_id, rank, id) where retry_at is null', 'index (host_id, retry_at) where retry_at is not null']),
    ('catalog', array['add primary key (id, pass)', 'index (tx, seq)']),
    ('failures', array['add primary key (id)', 'index (code)', $i$index (host_id) where code like 'given-up:%'$i$]),
    ('exclusions', array['add primary key (id)', 'index (rule)', $i$index (host_id) where rule = 'operator'$i$]),
    ('retries', array['index (id)'])
$$;
--> statement-breakpoint
-- A crawl with its partitions; null: the name is taken. Runs as the owner of the tables, which who calls it need not be.
-- Locks: the partitioned tables SHARE UPDATE EXCLUSIVE, which stops no reader and no writer.
create function create_crawl(p_name text, p_config jsonb) returns int
language plpgsql volatile security definer
set search_path = frontier, pg_temp
as $$
declare
  v_id int; v_table record; v_partition text; v_index text;
begin
  insert into crawls (name, config) values (p_name, p_config) on conflict (name) do nothing returning id into v_id;
  if v_id is null then return null; end if;
  for v_table in select * from crawl_tables() loop
    v_partition := v_table.name || '_' || v_id;
    execute format('create table %I (like %I including defaults including constraints)', v_partition, v_table.name);
    foreach v_index in array v_table.indexes loop
      if v_index like 'index %' then execute format('create index on %I %s', v_partition, substr(v_index, 7));
      else execute format('alter table %I %s', v_partition, v_index); end if;
    end loop;
    -- Inserted into and never updated, or small beside what passes through: vacuum by share, not by the default fifth.
    execute format('alter table %I set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.1)', v_partition);
    execute format('alter table %I attach partition %I for values in (%s)', v_table.name, v_partition, v_id);
  end loop;
  return v_id;
end $$;
--> statement-breakpoint
-- One step of deleting a crawl that has ended or has not begun: a batch of its rows in the shared tables, and when there are none left one of
-- its partitions, whose files go with the commit. True: call again. Repeatable after a crash. Locks: crawl FOR UPDATE, queues SKIP LOCKED;
-- one partitioned table ACCESS EXCLUSIVE, for which it waits a fifth of a second at most, as others queue up behind it. Not two of them: who
-- settles holds one and asks for the next.
create function delete_step(p_crawl int, p_limit int) returns boolean
language plpgsql volatile security definer
set search_path = frontier, pg_temp set enable_seqscan = off
as $$
declare
  v_state text; v_table text;
begin
  select state into v_state from crawls where id = p_crawl for update;
  if not found then return false; end if;
  if v_state in ('running', 'paused', 'finishing', 'cancelling') then
    raise exception using errcode = 'WR001', message = format('crawl %s is %s', p_crawl, v_state);
  end if;
  update crawls set deleting = true where id = p_crawl and not deleting;
  with q as (
    delete from queues where crawl_id = p_crawl and host_id = any(array(
      select host_id from queues where crawl_id = p_crawl and closed is null limit p_limit for update skip locked)) returning 1),
  c as (
    delete from queues where crawl_id = p_crawl and host_id = any(array(
      select host_id from queues where crawl_id = p_crawl and closed is not null limit p_limit for update skip locked)) returning 1),
  r as (
    delete from refusals where (crawl_id, host_id, rule) in (
      select crawl_id, host_id, rule from refusals where crawl_id = p_crawl limit p_limit) returning 1),
  s as (
    delete from crawl_roots where (crawl_id, root) in (select crawl_id, root from crawl_roots where crawl_id = p_crawl limit p_limit) returning 1)
  select 'more' into v_state from (select from q union all select from c union all select from r union all select from s) x limit 1;
  if found then return true; end if;
  select relname into v_table from pg_class c join crawl_tables() t on relname = t.name || '_' || p_crawl
   where c.relnamespace = 'frontier'::regnamespace limit 1;
  if found then
    set local lock_timeout = '200ms';
    execute format('drop table %I', v_table);
    return true;
  end if;
  delete from leases where crawl_id = p_crawl;
  delete from robots_hops where crawl_id = p_crawl;
  delete from crawl_counts where crawl_id = p_crawl;
  delete from crawls where id = p_crawl;
  return false;
end $$;
--> statement-breakpoint
-- A new configuration; everything asleep is looked at again, as limits may have been lifted. Locks: crawl, 7001 (claim sleeps by the old
-- one), pending (only when levels are switched on or off: all of the crawl), queues.
create function set_config(p_crawl int, p_config jsonb) returns boolean
language plpgsql volatile
set search_path = frontier set plan_cache_mode = force_custom_plan set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  c crawls;
begin
  select * into c from crawls where id = p_crawl for update;
  if not found then return false; end if;
  perform pg_advisory_xact_lock(7001);
  update crawls
     set config = p_config, next_pass_at = case when config #> '{recrawl,schedule}' = p_config #> '{recrawl,schedule}' then next_pass_at end
   where id = p_crawl;
  if c.by_level <> (p_config ->> 'depthByLevel')::boolean then
    update pending set rank = rank_of(not c.by_level, depth, priority) where crawl_id = p_crawl;
  end if;
  perform 1 from queues where crawl_id = p_crawl and closed is null and asleep order by host_id for update;
  update queues set due_at = clock_timestamp(), asleep = false where crawl_id = p_crawl and closed is null and asleep;
  return true;
end $$;
--> statement-breakpoint
-- Begins another pass over a crawl that has ended; advance() then queues its URLs again. Null: there is no such crawl.
-- Locks: crawl FOR UPDATE, queues.
create function start_pass(p_crawl int, p_all boolean) returns int
language plpgsql volatile
set search_path = frontier set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  c crawls;
begin
  select * into c from crawls where id = p_crawl for update;
  if not found then return null; end if;
  if c.state not in ('completed', 'cancelled') or c.deleting then
    raise exception using errcode = 'WR001', message = format('crawl %s is %s', p_crawl, case when c.deleting then 'being deleted' else c.state end);
  end if;
  update crawls
     set state = 'running', pass = pass + 1, pass_all = p_all, pass_cursor = 0, pass_at = clock_timestamp(), level = 0, ran_ms = 0, ticked_at = null,
         pass_bytes = (select coalesce(sum(bytes), 0) from crawl_counts where crawl_id = p_crawl), reason = null, ended_at = null
   where id = p_crawl;
  perform 1 from queues where crawl_id = p_crawl and closed is not null order by host_id for update;
  update queues set closed = null, joined_at = clock_timestamp() where crawl_id = p_crawl and closed is not null;
  if c.by_host then
    perform 1 from queues where crawl_id = p_crawl and closed is null order by host_id for update;
    update queues set leased = 0, done = 0, bytes = 0, busy_ms = 0 where crawl_id = p_crawl and closed is null;
  end if;
  return c.pass + 1;
end $$;
--> statement-breakpoint
-- The host of a key, locked, for an operator's word on it; made if no crawl has met it yet. Its visit under way is recalled.
-- Locks: hosts NO KEY UPDATE, visits.
create function recall_host(p_key text) returns int
language plpgsql volatile as $$
declare
  v_host int;
begin
  insert into hosts (key) values (p_key) on conflict (key) do nothing;
  select id into v_host from hosts where key = p_key for no key update;
  update visits set recalled = true where host_id = v_host;
  return v_host;
end $$;
--> statement-breakpoint
-- A host's own pace; null: that of each crawl. Locks: recall_host's.
create function set_pace(p_key text, p_delay_ms int, p_width int) returns void
language plpgsql volatile
set search_path = frontier set enable_seqscan = off
as $$
declare
  v_host int := recall_host(p_key);
begin
  update hosts set pace_delay_ms = p_delay_ms, pace_width = p_width where id = v_host;
end $$;
--> statement-breakpoint
-- Why a host is blocked; null: it is not. Its queues are closed, or open again. Locks: recall_host's, queues.
create function set_block(p_key text, p_reason text) returns int
language plpgsql volatile
set search_path = frontier set enable_seqscan = off
as $$
declare
  v_host int := recall_host(p_key);
begin
  update hosts set blocked = p_reason where id = v_host;
  perform 1 from queues where host_id = v_host order by crawl_id for update;
  update queues set closed = 'operator: ' || p_reason, due_at = clock_timestamp(), asleep = false
   where host_id = v_host and case when p_reason is null then closed like 'operator: %' else num_nulls(closed) = 1 end;
  return v_host;
end $$;
--> statement-breakpoint
-- Forgets the trouble of a host, and that crawls gave it up. Null: no such host. Locks: hosts, queues.
create function revive_host(p_key text) returns int
language plpgsql volatile
set search_path = frontier set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_host int;
begin
  select id into v_host from hosts where key = p_key for no key update;
  if not found then return null; end if;
  update hosts set trouble_kind = null, trouble_code = null, trouble_count = 0, trouble_since = null, unreachable_count = 0,
         unreachable_since = null, throttle_count = 0, throttled_at = null, robots_retry_at = null,
         next_at = case when visit is null then least(next_at, clock_timestamp() + coalesce(crawl_delay_ms, 1000) * interval '1 ms') else next_at end
   where id = v_host;
  perform 1 from queues where host_id = v_host order by crawl_id for update;
  update queues set closed = null, joined_at = clock_timestamp(), due_at = clock_timestamp(), asleep = false
   where host_id = v_host and closed like 'given-up: %';
  return v_host;
end $$;
--> statement-breakpoint
-- Queues again what ended because a host was given up or blocked, in crawls that still run. 0: nothing is left to do.
-- Locks: crawls FOR SHARE (against completion), failures and exclusions SKIP LOCKED, enqueue's, counters.
create function reopen_step(p_slot int, p_host int, p_limit int) returns int
language plpgsql volatile
set search_path = frontier set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_column
declare
  v_crawl int; v_rows work[]; v_changes crawl_counts[];
begin
  for v_crawl in
    select c.id from queues q join crawls c on c.id = q.crawl_id
     where q.host_id = p_host and num_nulls(q.closed) = 1 and c.state in ('running', 'paused') order by c.id for share of c
  loop
    with gone as (
      delete from failures f where f.crawl_id = v_crawl and f.id = any(array(
        select id from failures where crawl_id = v_crawl and host_id = p_host and code like 'given-up:%' limit p_limit for update skip locked))
      returning f.*)
    select array_agg(row(f.id, v_crawl, p_host, f.pass, f.depth, u.chain, u.priority, f.parent, f.attempt, 0, null)::work order by f.id) into v_rows
      from gone f join urls u on u.crawl_id = v_crawl and u.id = f.id;
    v_changes := deltas(p_slot, v_rows, 0, 1, 0, 0, -1, 0);
    if v_rows is null then
      with gone as (
        delete from exclusions e where e.crawl_id = v_crawl and e.id = any(array(
          select id from exclusions where crawl_id = v_crawl and host_id = p_host and rule = 'operator' limit p_limit for update skip locked))
        returning e.*)
      select array_agg(row(e.id, v_crawl, p_host, e.pass, e.depth, u.chain, u.priority, e.parent, 1, 0, null)::work order by e.id) into v_rows
        from gone e join urls u on u.crawl_id = v_crawl and u.id = e.id;
      v_changes := deltas(p_slot, v_rows, 0, 1, 0, 0, 0, -1);
    end if;
    if v_rows is not null then
      perform enqueue(v_rows, null, null, null, null);
      perform count_up(v_changes);
      return cardinality(v_rows);
    end if;
  end loop;
  return 0;
end $$;
