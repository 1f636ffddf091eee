-- What keeps a crawl moving towards its end: expiry, give-up, budgets, levels, purge, completion. Every call is one bounded batch.
set local search_path = frontier;
--> statement-breakpoint
-- Ends leases that ran out, and forgets visits that did. Locks: leases SKIP LOCKED, enqueue's, counters; hosts SKIP LOCKED, visits.
create function expire(p_slot int, p_limit int) returns int
language plpgsql volatile
set search_path = frontier set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
  v_ids bigint[]; v_rows pending[]; v_changes crawl_counts[]; v_hosts int[]; v_expired int;
begin
  v_ids := array(select id from leases where until < clock_timestamp() order by until limit p_limit for update skip locked);
  if cardinality(v_ids) > 0 then
    with gone as (
      delete from leases where id = any(v_ids) returning id, crawl_id, host_id, depth, chain, parent, attempt, crashes)
    select array_agg(row(id, crawl_id, host_id, depth, chain, parent, attempt, crashes + 1, clock_timestamp())::pending order by id), count(*)
      into v_rows, v_expired from gone;
    select kept, changes into v_rows, v_changes from fail_crashed(p_slot, v_rows);
    perform enqueue(v_rows, null, null, null);
    perform count_up(v_changes);
  end if;
  v_hosts := array(select id from hosts where id = any(array(select host_id from visits where until < clock_timestamp() limit p_limit))
                    order by id for no key update skip locked);
  if cardinality(v_hosts) > 0 then
    update hosts set visit = null where id = any(v_hosts) and lease_until < clock_timestamp();
    delete from visits where host_id = any(v_hosts) and until < clock_timestamp();
  end if;
  return coalesce(v_expired, 0);
end $$;
--> statement-breakpoint
-- Ends every lease and visit: only for a caller who knows that nobody else lives. Not a crash of the URLs. Locks: all leases, hosts, queues.
create function end_all_leases(p_slot int) returns int
language plpgsql volatile
set search_path = frontier
as $$
#variable_conflict use_column
declare
  v_rows pending[]; v_hosts int[]; v_count int;
begin
  with gone as (delete from leases returning id, crawl_id, host_id, depth, chain, parent, attempt, crashes)
  select array_agg(row(id, crawl_id, host_id, depth, chain, parent, attempt, crashes, case when crashes > 0 then clock_timestamp() end)::pending
                   order by id), count(*)
    into v_rows, v_count from gone;
  v_hosts := array(select host_id from visits order by host_id);
  perform 1 from hosts where id = any(v_hosts) order by id for no key update;
  update hosts h set visit = null, lease_until = '-infinity', next_at = clock_timestamp() + v.delay_ms * interval '1 ms'
    from visits v where v.host_id = h.id;
  delete from visits;
  update robots_hops set visit = null, expires_at = clock_timestamp() + interval '1 hour' where visit is not null;
  perform enqueue(v_rows, null, null, v_hosts);
  update queues q set due_at = h.next_at from hosts h
   where h.id = q.host_id and q.host_id = any(v_hosts) and not q.asleep and q.given_up is null;
  if v_rows is not null then perform count_up(deltas(p_slot, v_rows, 0, 1, -1, 0, 0, 0)); end if;
  return v_count;
end $$;
--> statement-breakpoint
-- Fails what is queued in hosts that a crawl gave up. Locks: hosts FOR UPDATE SKIP LOCKED (so nothing is enqueued meanwhile), pending
-- SKIP LOCKED, queues, counters.
create function give_up_step(p_slot int, p_limit int) returns int
language plpgsql volatile
set search_path = frontier set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
  v_hosts int[]; v_crawls int[]; v_held int[]; v_rows pending[]; v_count int;
begin
  select array_agg(q.host_id), array_agg(q.crawl_id) into v_hosts, v_crawls
    from (select q.* from crawls c cross join lateral (
            select host_id, crawl_id from queues where crawl_id = c.id and given_up is not null and due_at <= clock_timestamp()
             order by due_at limit 50) q
           where c.state in ('running', 'paused') limit 50) q;
  if v_hosts is null then return 0; end if;
  v_held := array(select id from hosts where id = any(v_hosts) order by id for update skip locked);
  with batch as (
    select p.id, k.given_up from (
      select q.* from unnest(v_hosts, v_crawls) w(host_id, crawl_id) join queues q on q.host_id = w.host_id and q.crawl_id = w.crawl_id
       where q.host_id = any(v_held)) k
     cross join lateral (
       select * from (select id from pending where host_id = k.host_id and crawl_id = k.crawl_id and retry_at is not null
                       limit p_limit for update skip locked) a
       union all
       select * from (select id from pending where host_id = k.host_id and crawl_id = k.crawl_id and retry_at is null
                       limit p_limit for update skip locked) b) p
     limit p_limit),
  gone as (
    delete from pending p using batch s where p.id = s.id returning p.id, p.crawl_id, p.parent, p.depth, p.attempt, s.given_up),
  put as (
    insert into failures (id, crawl_id, parent, depth, attempt, code, detail, at)
    select id, crawl_id, parent, depth, attempt, 'given-up: ' || given_up, 'its host gave no usable answer', clock_timestamp() from gone order by id
    returning id, crawl_id, depth)
  select array_agg(row(id, crawl_id, 0, depth, 0, null, 0, 0, null)::pending), count(*) into v_rows, v_count from put;
  perform 1 from queues where host_id = any(v_held) order by host_id, crawl_id for update;
  update queues q set due_at = case when e.more then clock_timestamp() else 'infinity' end, asleep = not e.more
    from (select w.host_id, w.crawl_id, exists (select from pending p where p.host_id = w.host_id and p.crawl_id = w.crawl_id and p.retry_at is null)
                                     or exists (select from pending p where p.host_id = w.host_id and p.crawl_id = w.crawl_id and p.retry_at is not null) as more
            from unnest(v_hosts, v_crawls) w(host_id, crawl_id)) e
   where q.host_id = e.host_id and q.crawl_id = e.crawl_id and q.host_id = any(v_held);
  if v_rows is not null then perform count_up(deltas(p_slot, v_rows, 0, -1, 0, 0, 1, 0)); end if;
  return v_count;
end $$;
--> statement-breakpoint
-- One step of one crawl: its clock, its budgets, the purge of a crawl that ends, its level, its completion. `busy`: call again at once.
-- Locks: crawl FOR UPDATE SKIP LOCKED (seeding holds it in share mode), 7001 (try, level only), hosts FOR UPDATE SKIP LOCKED (purge),
-- pending SKIP LOCKED, queues, counters.
create function advance(p_slot int, p_crawl int, p_limit int) returns table (before text, after text, reason text, busy boolean)
language plpgsql volatile
set search_path = frontier set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
  c crawls; k record; v_now timestamptz; v_hosts int[]; v_rows pending[]; v_level int; v_wake_hosts int[];
begin
  select * into c from crawls where id = p_crawl for update skip locked;
  if not found then return; end if;
  v_now := clock_timestamp();
  before := c.state; after := c.state; reason := c.reason; busy := false;

  -- The crawl's clock: ticks are cut at 10 s, so time in which no coordinator lived does not count.
  if c.state = 'running' and (c.ticked_at is null or c.ticked_at < v_now - interval '500 ms') then
    c.ran_ms := c.ran_ms + case when c.ticked_at is null then 0 else least(extract(epoch from v_now - c.ticked_at) * 1000, 10000) end;
    update crawls set ran_ms = c.ran_ms, ticked_at = v_now where id = p_crawl;
  end if;

  -- A new statement: what committed before the lock was taken is counted.
  select coalesce(sum(queued), 0) as queued, coalesce(sum(leased), 0) as leased, coalesce(sum(done), 0) as done, coalesce(sum(bytes), 0) as bytes
    into k from crawl_counts where crawl_id = p_crawl;

  if c.state = 'running' and k.queued + k.leased > 0 then
    reason := case when k.done >= c.max_pages then 'max-pages' when k.bytes >= c.max_bytes then 'max-bytes'
                   when c.ran_ms >= c.max_time_ms then 'max-time' end;
    if reason is not null then
      after := 'finishing';
    end if;
  end if;

  if after in ('finishing', 'cancelling') and k.queued > 0 then
    v_hosts := array(
      select host_id from (select host_id from queues where crawl_id = p_crawl and given_up is null limit 50) a
      union all
      select host_id from (select host_id from queues where crawl_id = p_crawl and given_up is not null limit 50) b);
    v_hosts := array(select id from hosts where id = any(v_hosts) order by id for update skip locked);
    with batch as (
      select p.id from unnest(v_hosts) h(id) cross join lateral (
        select * from (select id from pending where host_id = h.id and crawl_id = p_crawl and retry_at is not null
                        limit p_limit for update skip locked) a
        union all
        select * from (select id from pending where host_id = h.id and crawl_id = p_crawl and retry_at is null
                        limit p_limit for update skip locked) b) p
       limit p_limit),
    gone as (
      delete from pending p using batch s where p.id = s.id returning p.id, p.crawl_id, p.parent, p.depth),
    put as (
      insert into exclusions (id, crawl_id, parent, depth, rule, detail, at)
      select id, crawl_id, parent, depth, case when after = 'cancelling' then 'cancelled' else 'budget' end, coalesce(reason, ''), v_now
        from gone order by id
      returning id, crawl_id, depth)
    select array_agg(row(id, crawl_id, 0, depth, 0, null, 0, 0, null)::pending) into v_rows from put;
    -- An empty queue goes; an enqueue that comes later makes it again. The look is a new statement under the lock that excludes enqueue.
    perform 1 from queues where host_id = any(v_hosts) and crawl_id = p_crawl order by host_id for update;
    delete from queues q where host_id = any(v_hosts) and crawl_id = p_crawl
       and not exists (select from pending p where p.host_id = q.host_id and p.crawl_id = q.crawl_id and p.retry_at is null)
       and not exists (select from pending p where p.host_id = q.host_id and p.crawl_id = q.crawl_id and p.retry_at is not null);
    busy := v_rows is not null;
  end if;

  -- The level moves when nothing at or above it is open. Claim is excluded, as it puts hosts to sleep by the level it read.
  if after = 'running' and c.by_level and pg_try_advisory_xact_lock(7001) then
    select min(depth) into v_level from (
      select depth from crawl_counts where crawl_id = p_crawl group by depth having sum(queued + leased) > 0) d;
    if v_level > c.level then
      update crawls set level = v_level where id = p_crawl;
      v_wake_hosts := array(
        select host_id from queues q where crawl_id = p_crawl and given_up is null and asleep
           and exists (select from pending p where p.host_id = q.host_id and p.crawl_id = p_crawl and p.retry_at is null and p.depth <= v_level)
         order by host_id for update);
      update queues set due_at = v_now, asleep = false where crawl_id = p_crawl and host_id = any(v_wake_hosts);
      busy := true;
    end if;
  end if;

  if after in ('running', 'finishing', 'cancelling') and k.queued + k.leased = 0 then
    after := case after when 'cancelling' then 'cancelled' else 'completed' end;
    delete from robots_hops where crawl_id = p_crawl;
  end if;
  if after <> before then
    update crawls set state = after, reason = advance.reason,
           ended_at = case when after in ('completed', 'cancelled') then v_now end
     where id = p_crawl;
  end if;
  if v_rows is not null then perform count_up(deltas(p_slot, v_rows, 0, -1, 0, 0, 0, 1)); end if;
  return next;
end $$;
--> statement-breakpoint
-- A new configuration; everything asleep is looked at again, as limits may have been lifted. Locks: crawl, 7001 (claim sleeps by the old one), queues.
create function set_config(p_crawl int, p_config jsonb) returns boolean
language plpgsql volatile
set search_path = frontier
as $$
#variable_conflict use_column
begin
  perform 1 from crawls where id = p_crawl for update;
  if not found then return false; end if;
  perform pg_advisory_xact_lock(7001);
  update crawls set config = p_config where id = p_crawl;
  perform 1 from queues where crawl_id = p_crawl and asleep order by host_id for update;
  update queues set due_at = clock_timestamp(), asleep = false where crawl_id = p_crawl and asleep;
  return true;
end $$;
