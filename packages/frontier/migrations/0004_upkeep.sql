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
  v_now timestamptz := clock_timestamp();
  v_ids bigint[]; v_rows work[]; v_kept work[]; v_changes crawl_counts[]; v_hosts int[]; v_expired int;
begin
  v_ids := array(select id from leases where until < v_now order by until limit p_limit for update skip locked);
  if cardinality(v_ids) > 0 then
    with gone as (
      delete from leases where id = any(v_ids) returning *)
    select array_agg(row(id, crawl_id, host_id, pass, depth, chain, priority, parent, attempt, crashes + 1, clock_timestamp())::work order by id),
           count(*)
      into v_rows, v_expired from gone;
    select kept, changes into v_kept, v_changes from fail_crashed(p_slot, v_rows);
    perform enqueue(v_kept, null, null, null, host_deltas(v_rows, -1, 0));
    perform count_up(v_changes);
  end if;
  v_hosts := array(select id from hosts where id = any(array(select host_id from visits where until < v_now limit p_limit))
                    order by id for no key update skip locked);
  if cardinality(v_hosts) > 0 then
    update hosts set visit = null where id = any(v_hosts) and lease_until < v_now;
    delete from visits where host_id = any(v_hosts) and until < v_now;
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
  v_rows work[]; v_hosts int[]; v_count int;
begin
  with gone as (delete from leases returning *)
  select array_agg(row(id, crawl_id, host_id, pass, depth, chain, priority, parent, attempt, crashes,
                       case when crashes > 0 then clock_timestamp() end)::work order by id), count(*)
    into v_rows, v_count from gone;
  v_hosts := array(select host_id from visits order by host_id);
  perform 1 from hosts where id = any(v_hosts) order by id for no key update;
  update hosts h set visit = null, lease_until = '-infinity', next_at = clock_timestamp() + v.delay_ms * interval '1 ms'
    from visits v where v.host_id = h.id;
  delete from visits;
  update robots_hops set visit = null, expires_at = clock_timestamp() + interval '1 hour' where visit is not null;
  perform enqueue(v_rows, null, null, v_hosts, host_deltas(v_rows, -1, 0));
  update queues q set due_at = h.next_at from hosts h
   where h.id = q.host_id and q.host_id = any(v_hosts) and not q.asleep and q.closed is null;
  if v_rows is not null then perform count_up(deltas(p_slot, v_rows, 0, 1, -1, 0, 0, 0)); end if;
  return v_count;
end $$;
--> statement-breakpoint
-- Takes at most p_limit URLs of these hosts out of the queue of a crawl. Locks: pending SKIP LOCKED. The caller holds the hosts FOR UPDATE.
create function take_queued(p_crawl int, p_hosts int[], p_limit int) returns work[]
language plpgsql volatile
set plan_cache_mode = force_custom_plan
as $$
declare
  v_ids bigint[]; v_rows work[];
begin
  v_ids := array(
    select p.id from unnest(p_hosts) h(id) cross join lateral (
      select * from (select id from pending where crawl_id = p_crawl and host_id = h.id and retry_at is not null
                      limit p_limit for update skip locked) a
      union all
      select * from (select id from pending where crawl_id = p_crawl and host_id = h.id and retry_at is null
                      limit p_limit for update skip locked) b) p
     limit p_limit);
  with gone as (delete from pending where crawl_id = p_crawl and id = any(v_ids) returning *)
  select array_agg(row(id, crawl_id, host_id, pass, depth, chain, priority, parent, attempt, crashes, retry_at)::work order by id) into v_rows from gone;
  return v_rows;
end $$;
--> statement-breakpoint
-- Ends what is queued in the closed queues of a crawl: as failed where it gave a host up, as excluded otherwise.
-- Locks: hosts FOR UPDATE SKIP LOCKED (so nothing is enqueued meanwhile), pending SKIP LOCKED, queues, counters.
create function close_step(p_slot int, p_limit int) returns int
language plpgsql volatile
set search_path = frontier set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
  v_crawl int; v_hosts int[]; v_why text[]; v_rows work[]; v_ended work[]; v_changes crawl_counts[];
begin
  select q.crawl_id into v_crawl
    from crawls c cross join lateral (
      select crawl_id from queues where crawl_id = c.id and closed is not null and due_at <= v_now order by due_at limit 1) q
   where c.state in ('running', 'paused') limit 1;
  if not found then return 0; end if;
  v_hosts := array(select host_id from queues where crawl_id = v_crawl and closed is not null and due_at <= v_now
                    order by due_at limit 50);
  v_hosts := array(select id from hosts where id = any(v_hosts) order by id for update skip locked);
  select array_agg(host_id), array_agg(closed) into v_hosts, v_why
    from (select host_id, closed from queues where host_id = any(v_hosts) and crawl_id = v_crawl and num_nonnulls(closed) = 1
           order by host_id for update) q;
  v_rows := take_queued(v_crawl, v_hosts, p_limit);
  with put as (
    insert into failures (id, crawl_id, host_id, pass, parent, depth, attempt, code, detail, at)
    select r.id, r.crawl_id, r.host_id, r.pass, r.parent, r.depth, r.attempt, q.why, 'its host gave no usable answer', clock_timestamp()
      from unnest(v_rows) r cross join lateral (select v_why[array_position(v_hosts, r.host_id)] as why) q where q.why like 'given-up: %' order by r.id
    returning id, crawl_id, host_id, depth)
  select array_agg(row(id, crawl_id, host_id, 0, depth, 0, 0, null, 0, 0, null)::work) into v_ended from put;
  v_changes := deltas(p_slot, v_ended, 0, -1, 0, 0, 1, 0);
  with put as (
    insert into exclusions (id, crawl_id, host_id, pass, parent, depth, rule, detail, at)
    select r.id, r.crawl_id, r.host_id, r.pass, r.parent, r.depth, split_part(q.why, ': ', 1), substr(q.why, strpos(q.why, ': ') + 2), clock_timestamp()
      from unnest(v_rows) r cross join lateral (select v_why[array_position(v_hosts, r.host_id)] as why) q where q.why not like 'given-up: %' order by r.id
    returning id, crawl_id, host_id, depth)
  select array_agg(row(id, crawl_id, host_id, 0, depth, 0, 0, null, 0, 0, null)::work) into v_ended from put;
  v_changes := v_changes || deltas(p_slot, v_ended, 0, -1, 0, 0, 0, 1);
  update queues q set due_at = case when e.more then clock_timestamp() else 'infinity' end, asleep = not e.more
    from (select h.id, exists (select from pending p where p.host_id = h.id and p.crawl_id = v_crawl and p.retry_at is null offset 0)
                    or exists (select from pending p where p.host_id = h.id and p.crawl_id = v_crawl and p.retry_at is not null offset 0) as more
            from unnest(v_hosts) h(id)) e
   where q.host_id = e.id and q.host_id = any(v_hosts) and q.crawl_id = v_crawl;
  if v_changes is not null then perform count_up(v_changes); end if;
  return coalesce(cardinality(v_rows), 0);
end $$;
--> statement-breakpoint
-- Which URLs of a crawl's next p_limit, in the order of their ids, are asked for again in its pass: all that failed or were excluded, and
-- those with an answer that is due. Catalog rows beyond the passes that are kept go. The caller holds the crawl's row.
create function pass_step(p_slot int, c crawls, p_limit int, out changes crawl_counts[], out cursor_at bigint, out pruned bigint)
language plpgsql volatile
set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_column
declare
  v_ids bigint[]; v_ended work[]; v_due work[]; v_crawl int := c.id; v_keep int := (c.config ->> 'keepPasses')::int;
begin
  v_ids := array(select id from urls where crawl_id = v_crawl and id > c.pass_cursor order by id limit p_limit);
  cursor_at := v_ids[cardinality(v_ids)]; -- null: it was the last
  pruned := 0;
  if cursor_at is null then return; end if;

  with gone as (
    delete from failures f where f.crawl_id = v_crawl and f.id = any(v_ids) and f.pass < c.pass returning f.*)
  select array_agg(row(f.id, f.crawl_id, f.host_id, c.pass, f.depth, u.chain, u.priority, f.parent, 1, 0, null)::work order by f.id)
    into v_ended from gone f join urls u on u.crawl_id = v_crawl and u.id = f.id;
  changes := deltas(p_slot, v_ended, 0, 1, 0, 0, -1, 0);
  v_due := v_ended;
  with gone as (
    delete from exclusions e where e.crawl_id = v_crawl and e.id = any(v_ids) and e.pass < c.pass returning e.*)
  select array_agg(row(e.id, e.crawl_id, e.host_id, c.pass, e.depth, u.chain, u.priority, e.parent, 1, 0, null)::work order by e.id)
    into v_ended from gone e join urls u on u.crawl_id = v_crawl and u.id = e.id;
  changes := changes || deltas(p_slot, v_ended, 0, 1, 0, 0, 0, -1);
  v_due := v_due || v_ended;
  -- Done: its newest answer is of an earlier pass, and it is nowhere else.
  select array_agg(row(k.id, v_crawl, u.host_id, c.pass, k.depth, k.chain, u.priority, k.parent, 1, 0, null)::work order by k.id)
    into v_ended
    from unnest(v_ids) i(id)
    cross join lateral (select * from catalog o where o.crawl_id = v_crawl and o.id = i.id order by o.pass desc limit 1) k
    join urls u on u.crawl_id = v_crawl and u.id = k.id
   where k.pass < c.pass and (c.pass_all or k.recrawl_at <= c.pass_at)
     and k.id <> all(array(select id from unnest(v_due)));
  changes := changes || deltas(p_slot, v_ended, 0, 1, 0, -1, 0, 0);
  v_due := v_due || v_ended;

  if v_keep is not null then
    with old as (
      select o.id, o.pass from unnest(v_ids) i(id) cross join lateral (
        select o.id, o.pass from catalog o where o.crawl_id = v_crawl and o.id = i.id order by o.pass desc offset greatest(v_keep, 1)) o),
    gone as (
      delete from catalog k using old where k.crawl_id = v_crawl and k.id = old.id and k.pass = old.pass returning k.depth, k.body_bytes)
    select changes || array_agg(row(v_crawl, depth, p_slot, 0, 0, 0, 0, 0, 0, -bytes)::crawl_counts), coalesce(sum(bytes), 0)
      into changes, pruned from (select depth, sum(body_bytes) as bytes from gone group by depth) g;
  end if;
  perform enqueue(v_due, null, null, null, null);
end $$;
--> statement-breakpoint
-- One step of one crawl: its clock, its budgets, the start of a pass, the purge of a crawl that ends, its level, its completion.
-- `busy`: call again at once.
-- Locks: crawl FOR UPDATE SKIP LOCKED (seeding holds it in share mode), 7001 (try, level only), hosts FOR UPDATE SKIP LOCKED (purge),
-- pending SKIP LOCKED, queues, counters.
create function advance(p_slot int, p_crawl int, p_limit int) returns table (before text, after text, reason text, busy boolean)
language plpgsql volatile
set search_path = frontier set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_column
declare
  c crawls; k record; v_now timestamptz; v_hosts int[]; v_rows work[]; v_level int; v_wake_hosts int[]; v_pruned bigint;
  v_changes crawl_counts[] := '{}';
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

  if c.pass_cursor is not null and c.state in ('running', 'paused') then
    select changes, cursor_at, pruned into v_changes, c.pass_cursor, v_pruned from pass_step(p_slot, c, p_limit);
    update crawls set pass_cursor = c.pass_cursor, pass_bytes = pass_bytes - v_pruned where id = p_crawl;
    busy := true;
    if cardinality(v_changes) > 0 then perform count_up(v_changes); end if;
    return next;
    return;
  end if;

  if c.state = 'running' and k.queued + k.leased > 0 then
    reason := case when k.done >= c.max_pages then 'max-pages' when k.bytes - c.pass_bytes >= c.max_bytes then 'max-bytes'
                   when c.ran_ms >= c.max_time_ms then 'max-time' end;
    if reason is not null then
      after := 'finishing';
    end if;
  end if;

  if after in ('finishing', 'cancelling') and k.queued > 0 then
    v_hosts := array(
      select host_id from (select host_id from queues where crawl_id = p_crawl and closed is null limit 50) a
      union all
      select host_id from (select host_id from queues where crawl_id = p_crawl and closed is not null limit 50) b);
    v_hosts := array(select id from hosts where id = any(v_hosts) order by id for update skip locked);
    v_rows := take_queued(p_crawl, v_hosts, p_limit);
    insert into exclusions (id, crawl_id, host_id, pass, parent, depth, rule, detail, at)
    select id, crawl_id, host_id, pass, parent, depth, case when after = 'cancelling' then 'cancelled' else 'budget' end, coalesce(reason, ''), v_now
      from unnest(v_rows) order by id;
    -- An empty queue goes; an enqueue that comes later makes it again. The look is a new statement under the lock that excludes enqueue.
    perform 1 from queues where host_id = any(v_hosts) and crawl_id = p_crawl order by host_id for update;
    delete from queues q where host_id = any(v_hosts) and crawl_id = p_crawl
       and not exists (select from pending p where p.host_id = q.host_id and p.crawl_id = p_crawl and p.retry_at is null offset 0)
       and not exists (select from pending p where p.host_id = q.host_id and p.crawl_id = p_crawl and p.retry_at is not null offset 0);
    busy := v_rows is not null;
  end if;

  -- The level moves when nothing at or above it is open. Claim is excluded, as it puts hosts to sleep by the level it read.
  if after = 'running' and c.by_level and pg_try_advisory_xact_lock(7001) then
    select min(depth) into v_level from (
      select depth from crawl_counts where crawl_id = p_crawl group by depth having sum(queued + leased) > 0) d;
    if v_level > c.level then
      update crawls set level = v_level where id = p_crawl;
      v_wake_hosts := array(
        select host_id from queues q where crawl_id = p_crawl and closed is null and asleep
           and exists (select from pending p where p.host_id = q.host_id and p.crawl_id = p_crawl and p.retry_at is null
                          and p.rank < (v_level + 1) * 256)
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
