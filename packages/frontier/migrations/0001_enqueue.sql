-- The steps that several calls share. Lock order of everything here and in the files that follow:
--   crawls, claim lock (7001), leases, pending, host keys (inserts), urls, lowering lock (7002), hosts, visits, queues, addresses, counters;
-- within each step the rows are locked by one sorted statement, or skipped when locked. A transaction is one call of one function.
-- Host row: enqueue takes KEY SHARE, claim and visit ends NO KEY UPDATE, putting a host to sleep FOR UPDATE (excludes enqueue).
-- Plans are forced to walk indexes: a plan made on an empty table must stay good when it holds ten million rows. So where a table that may
-- shrink is joined with a batch, it says `key = any(the batch's keys)` or `key = any(array[entry])`, or is read in a lateral query with
-- `offset 0`, which leaves no plan that begins with the whole table; `exists (... offset 0)` is asked row by row; num_nulls() hides a
-- condition that would let a partial index be walked from end to end; and times are compared with a variable, as the clock's function would
-- be called for each row. What reads, updates or deletes in partitioned tables is a function of one crawl, planned for it anew: a plan for
-- all crawls locks every partition there is. Inserts lock only the partition that they meet.
set local search_path = frontier;
--> statement-breakpoint
-- Adds up counter changes. Locks: counters, sorted; always the last step of a call.
create function count_up(p_deltas crawl_counts[]) returns void
language sql volatile as $$
  insert into frontier.crawl_counts as k
  select crawl_id, depth, slot, sum(discovered), sum(queued), sum(leased), sum(done), sum(failed), sum(excluded), sum(bytes)
    from unnest(p_deltas) group by crawl_id, depth, slot order by crawl_id, depth, slot
  on conflict (crawl_id, depth, slot) do update set
    discovered = k.discovered + excluded.discovered, queued = k.queued + excluded.queued, leased = k.leased + excluded.leased,
    done = k.done + excluded.done, failed = k.failed + excluded.failed, excluded = k.excluded + excluded.excluded,
    bytes = k.bytes + excluded.bytes
$$;
--> statement-breakpoint
-- Changes of one kind for a set of URLs: +1 for each in the columns named '+', -1 in those named '-'.
create function deltas(p_slot int, p_rows work[], p_discovered int, p_queued int, p_leased int, p_done int, p_failed int, p_excluded int)
returns crawl_counts[] language sql immutable as $$
  select array_agg(row(crawl_id, depth, p_slot, n * p_discovered, n * p_queued, n * p_leased, n * p_done, n * p_failed, n * p_excluded, 0)
                   ::frontier.crawl_counts)
    from (select crawl_id, depth, count(*) as n from unnest(p_rows) group by crawl_id, depth) g
$$;
--> statement-breakpoint
-- The same for the counters of hosts.
create function host_deltas(p_rows work[], p_leased int, p_done int) returns host_count[]
language sql immutable as $$
  select array_agg(row(host_id, crawl_id, n * p_leased, n * p_done, 0, 0)::frontier.host_count)
    from (select host_id, crawl_id, count(*) as n from unnest(p_rows) group by host_id, crawl_id) g
$$;
--> statement-breakpoint
-- The order of a host's URLs: by priority, then depth; with levels by depth, then priority. The smallest is next.
create function rank_of(p_by_level boolean, p_depth int, p_priority int) returns int
language sql immutable as $$
  select case when p_by_level then p_depth * 256 + 100 - p_priority else (100 - p_priority) * 65536 + p_depth end
$$;
--> statement-breakpoint
-- The only way into pending, at most once in a call: two such steps in one transaction deadlock with each other.
-- Also wakes p_wake_hosts/p_wake_crawls, locks the queues of p_ended hosts, whose visits the caller ended, in the same sorted step, and
-- adds p_counts to the counters of hosts.
-- Locks: hosts KEY SHARE (a host that is being put to sleep is waited for; a host asleep is then seen asleep by the statements that
-- follow, because each has a new snapshot), queues. A host that is awake is not written.
create function enqueue(p_rows work[], p_wake_hosts int[], p_wake_crawls int[], p_ended int[], p_counts host_count[]) returns void
language plpgsql volatile as $$
#variable_conflict use_column
declare
  v_hosts int[]; v_crawls int[]; v_ready boolean[]; v_at timestamptz[]; v_counts host_count[];
begin
  -- One entry per queue: is something claimable at once, else when is the first retry. A URL below the crawl's level is neither.
  -- A level read too low cannot happen: it moves only when nothing at or above it is open, and what admits these rows is open.
  select array_agg(g.host_id order by g.host_id, g.crawl_id), array_agg(g.crawl_id order by g.host_id, g.crawl_id),
         array_agg(g.ready order by g.host_id, g.crawl_id), array_agg(g.at order by g.host_id, g.crawl_id)
    into v_hosts, v_crawls, v_ready, v_at
    from (
      select host_id, crawl_id, bool_or(ready) as ready, min(at) as at
        from (select p.host_id, p.crawl_id, p.retry_at as at,
                     p.retry_at is null and rank_of(c.by_level, p.depth, p.priority) <= c.max_rank as ready
                from unnest(p_rows) p join crawls c on c.id = p.crawl_id
              union all
              select host_id, crawl_id, null, true from unnest(p_wake_hosts, p_wake_crawls) w(host_id, crawl_id)) r
       group by host_id, crawl_id) g;
  -- Few crawls keep counters of their hosts.
  select array_agg(row(k.host_id, k.crawl_id, k.leased, k.done, k.bytes, k.busy_ms)::host_count) into v_counts
    from (select host_id, crawl_id, sum(leased) as leased, sum(done) as done, sum(bytes) as bytes, sum(busy_ms) as busy_ms
            from unnest(p_counts) group by host_id, crawl_id) k
    join crawls c on c.id = k.crawl_id and c.by_host;

  if v_hosts is not null then
    perform 1 from hosts where id = any(v_hosts) order by id for key share;
  end if;
  if cardinality(p_rows) > 0 then
    insert into pending (id, crawl_id, host_id, pass, depth, chain, priority, parent, attempt, crashes, retry_at, rank)
    select p.id, p.crawl_id, p.host_id, p.pass, p.depth, p.chain, p.priority, p.parent, p.attempt, p.crashes, p.retry_at,
           rank_of(c.by_level, p.depth, p.priority)
      from unnest(p_rows) p join crawls c on c.id = p.crawl_id;
  end if;
  if v_hosts is not null then
    insert into queues (host_id, crawl_id, due_at, asleep)
    select g.host_id, g.crawl_id, case when g.ready then clock_timestamp() else coalesce(g.at, 'infinity') end, not g.ready
      from unnest(v_hosts, v_crawls, v_ready, v_at) g(host_id, crawl_id, ready, at)
     where not exists (select from queues q where q.host_id = g.host_id and q.crawl_id = g.crawl_id offset 0)
     order by 1, 2
    on conflict do nothing;
  end if;
  if v_hosts is not null or p_ended is not null or v_counts is not null then
    perform 1
       from (select host_id, crawl_id, false as always from unnest(v_hosts, v_crawls) g(host_id, crawl_id)
             union
             select host_id, crawl_id, true from queues where host_id = any(p_ended)
             union
             select host_id, crawl_id, true from unnest(v_counts)) k
       join queues q on q.host_id = any(array[k.host_id]) and q.crawl_id = any(array[k.crawl_id])
      where q.asleep or k.always
      order by k.host_id, k.crawl_id for update of q;
  end if;
  if v_hosts is not null then
    update queues q
       set due_at = case when g.ready then clock_timestamp() else least(q.due_at, g.at) end, asleep = not g.ready
      from unnest(v_hosts, v_crawls, v_ready, v_at) g(host_id, crawl_id, ready, at)
     where q.host_id = any(array[g.host_id]) and q.crawl_id = any(array[g.crawl_id]) and q.asleep and (g.ready or g.at < q.due_at);
  end if;
  if v_counts is not null then
    update queues q set leased = q.leased + k.leased, done = q.done + k.done, bytes = q.bytes + k.bytes, busy_ms = q.busy_ms + k.busy_ms
      from unnest(v_counts) k where q.host_id = any(array[k.host_id]) and q.crawl_id = any(array[k.crawl_id]);
  end if;
end $$;
--> statement-breakpoint
-- Puts queues of a crawl to sleep in which claim found nothing. The caller holds the hosts' row locks and has set due_at a second
-- ahead. FOR UPDATE excludes an enqueue under way; skipped hosts are looked at again in that second. The look is a NEW statement, so it
-- sees what an enqueue committed before the lock was taken: without either, a URL is queued in a host that nothing will ever wake.
-- Locks: hosts FOR UPDATE SKIP LOCKED, queues (already the caller's).
create function put_to_sleep(p_crawl int, p_hosts int[]) returns void
language plpgsql volatile
set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_column
declare
  v_held int[];
  v_now timestamptz := clock_timestamp();
  v_max_rank int;
begin
  select max_rank into v_max_rank from crawls where id = p_crawl;
  v_held := array(select id from hosts where id = any(p_hosts) order by id for update skip locked);
  update queues q set due_at = e.at, asleep = e.at > v_now
    from (select k.host_id,
                 case when exists (select from pending p where p.crawl_id = p_crawl and p.host_id = k.host_id and p.retry_at is null
                                      and p.rank <= v_max_rank offset 0)
                        or exists (select from robots_hops r where r.host_id = k.host_id and r.crawl_id = p_crawl and r.visit is null offset 0)
                      then v_now
                      else coalesce((select p.retry_at from pending p where p.crawl_id = p_crawl and p.host_id = k.host_id
                                        and p.retry_at is not null order by p.retry_at limit 1), 'infinity') end as at
            from unnest(v_held) k(host_id)) e
   where q.host_id = e.host_id and q.host_id = any(v_held) and q.crawl_id = p_crawl;
end $$;
