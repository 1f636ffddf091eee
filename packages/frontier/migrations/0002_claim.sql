-- Claim: takes due hosts and some of their URLs under leases. See docs/frontier.md.
set local search_path = frontier;
--> statement-breakpoint
-- A URL as claim hands it out; validators only where there are some.
create function url_json(p_id bigint, p_url text, p_depth int, p_chain int, p_attempt int, p_pass int, p_etag text, p_modified text) returns json
language sql stable as $$
  select case when p_etag is null and p_modified is null then json_build_array(p_id, p_url, p_depth, p_chain, p_attempt, p_pass)
              else json_build_array(p_id, p_url, p_depth, p_chain, p_attempt, p_pass, p_etag, p_modified) end
$$;
--> statement-breakpoint
-- Those of the hosts in which nothing of the crawl can be claimed now.
create function idle_hosts(p_crawl int, p_hosts int[], p_max_rank int) returns int[]
language plpgsql volatile
set plan_cache_mode = force_custom_plan
as $$
declare
  v_now timestamptz := clock_timestamp();
begin
  return array(
    select h.id from unnest(p_hosts) h(id)
     where not exists (select from pending x where x.crawl_id = p_crawl and x.host_id = h.id and x.retry_at is null and x.rank <= p_max_rank offset 0)
       and not exists (select from pending x where x.crawl_id = p_crawl and x.host_id = h.id and x.retry_at <= v_now offset 0));
end $$;
--> statement-breakpoint
-- What the visits of a crawl may take: first retries that are due, then by rank and discovery. Locks: pending SKIP LOCKED.
create function find_ready(p_crawl int, p_visits uuid[], p_hosts int[], p_sizes int[], p_max_rank int) returns ready[]
language plpgsql volatile
set plan_cache_mode = force_custom_plan
as $$
declare
  v_now timestamptz := clock_timestamp();
begin
  return (
    select array_agg(row(p.visit, x.pos, x.suspect, p_crawl, x.id)::ready)
      from unnest(p_visits, p_hosts, p_sizes) p(visit, host_id, size) cross join lateral (
        select u.id, u.suspect, row_number() over (order by u.list, u.at, u.rank, u.id) as pos
          from (select * from (select id, crashes > 0 as suspect, 1 as list, retry_at as at, rank from pending
                                where crawl_id = p_crawl and host_id = p.host_id and retry_at <= v_now
                                order by retry_at limit p.size for update skip locked) a
                union all
                select * from (select id, false, 2, null::timestamptz, rank from pending
                                where crawl_id = p_crawl and host_id = p.host_id and retry_at is null and rank <= p_max_rank
                                order by rank, id limit p.size for update skip locked) b) u) x);
end $$;
--> statement-breakpoint
-- Moves queued URLs of a crawl under leases. Returns them in the order of their ranks, as rows, with their visits, and as they are handed out.
create function lease(p_crawl int, p_ids bigint[], p_visits uuid[], p_until timestamptz, out rows work[], out visits uuid[], out urls json[])
language plpgsql volatile
set plan_cache_mode = force_custom_plan
as $$
begin
  with gone as (
    delete from pending p where p.crawl_id = p_crawl and p.id = any(p_ids) returning p.*, p_visits[array_position(p_ids, p.id)] as visit),
  put as (
    insert into leases (id, crawl_id, host_id, pass, depth, chain, priority, parent, attempt, crashes, visit, until)
    select g.id, g.crawl_id, g.host_id, g.pass, g.depth, g.chain, g.priority, g.parent, g.attempt, g.crashes, g.visit, p_until from gone g)
  select array_agg(row(g.id, g.crawl_id, g.host_id, g.pass, g.depth, g.chain, g.priority, g.parent, g.attempt, g.crashes, null)::work
                   order by g.rank, g.id),
         array_agg(g.visit order by g.rank, g.id),
         array_agg(url_json(g.id, u.url, g.depth, g.chain, g.attempt, g.pass, k.etag, k.last_modified) order by g.rank, g.id)
    into rows, visits, urls
    from gone g join urls u on u.crawl_id = p_crawl and u.id = g.id
    left join lateral (select c.etag, c.last_modified from catalog c
                        where c.crawl_id = p_crawl and c.id = g.id and c.pass < g.pass and g.pass > 1
                        order by c.pass desc limit 1) k on true;
end $$;
--> statement-breakpoint
-- A row per visit. One claim at a time in the cluster (7001): a call takes milliseconds, and being one transaction it cannot be left open.
-- Locks: 7001 (try), hosts NO KEY UPDATE SKIP LOCKED, pending SKIP LOCKED, visits, queues, (sleep: hosts FOR UPDATE SKIP LOCKED),
-- addresses (only claim writes them), counters.
create function claim(p_slot int, p_hosts int, p_urls int, p_lease_ms bigint)
returns table (crawl_id int, host_id int, host_key text, visit uuid, kind text, delay_ms int, width int, address_group text,
               robots_access text, robots_digest text, asking_host_id int, hop int, hop_url text, urls json)
language plpgsql volatile
set search_path = frontier set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
  v_now timestamptz; v_until timestamptz;
  v_hosts int[]; v_locked int[]; v_picked picked[]; v_rows work[]; v_of uuid[]; v_urls json[]; v_taken uuid[];
  v_idle int[] := '{}'; v_ready ready[]; v_crawl int; l record;
begin
  if not pg_try_advisory_xact_lock(7001) then return; end if;
  v_now := clock_timestamp();
  v_until := v_now + p_lease_ms * interval '1 ms';

  -- 1. Pick: per running crawl with budget left, the hosts due longest; crawls take turns, the one with the least leased for its weight first.
  with open as (
    select c.id, least(p_urls, coalesce(c.max_pages - sum(k.done + k.leased), p_urls))::int as room, sum(k.leased) as leased, c.weight, c.max_rank
      from crawls c join crawl_counts k on k.crawl_id = c.id
     where c.state = 'running' and (c.max_time_ms is null or c.ran_ms < c.max_time_ms)
     group by c.id
    having c.max_bytes is null or sum(k.bytes) - c.pass_bytes < c.max_bytes),
  due as (
    select o.id, o.room, o.max_rank, q.host_id,
           (o.leased + greatest(1, p_urls / p_hosts) * row_number() over (partition by o.id order by q.due_at))::float8 / o.weight as turn
      from open o cross join lateral (
        select host_id, due_at from queues where crawl_id = o.id and closed is null and due_at <= v_now order by due_at limit p_hosts) q
     where o.room > 0),
  top as (
    select * from (select distinct on (host_id) * from due order by host_id, turn) d order by turn limit p_hosts)
  select array_agg(row(host_id, id, turn, room, max_rank, null, null, null, gen_random_uuid(), 0, 0, 0, null, 0, 0, 0, null)::picked),
         array_agg(host_id)
    into v_picked, v_hosts from top;
  if v_hosts is null then return; end if;

  -- 2. Lock what nobody else holds, then look again in a new statement: only the locked row says whether a visit is open.
  -- Of an address group one host is taken in a call, and only when its calendar has come up to now and it has a slot; the others line up.
  v_locked := array(select id from hosts where id = any(v_hosts) order by id for no key update skip locked);
  for l in select crawl_id, max_rank, array_agg(host_id) as hosts from unnest(v_picked) where host_id = any(v_locked) group by crawl_id, max_rank loop
    v_idle := v_idle || idle_hosts(l.crawl_id, l.hosts, l.max_rank); -- a host is picked for one crawl
  end loop;
  with seen as (
    select p.host_id, p.crawl_id, p.turn, p.room, p.max_rank, p.visit, s.*, h.address_id, h.next_at, h.robots_retry_at,
           coalesce(r.asking_host_id, h.id) as asking_host_id, coalesce(r.hop, 0) as hop, r.url as hop_url,
           c.address_slots, c.address_spacing_ms as spacing_ms, coalesce(h.pace_width, c.width) as width,
           -- A host that was no use three times gets one request to prove itself: its breaker is half open.
           case when h.trouble_count >= 3 then 1 else 500 end as trust,
           case when c.by_host then least(c.host_pages - q.done - q.leased, 500)::int else 500 end as host_room,
           case when h.blocked is not null then 'operator: ' || h.blocked
                when not c.by_host then null
                when q.done >= c.host_pages then 'budget: max-pages-per-host'
                when q.bytes >= c.host_bytes then 'budget: max-bytes-per-host'
                when q.busy_ms >= c.host_time_ms then 'budget: max-time-per-host' end as closing,
           case when h.next_at > v_now then 'wait'
                when r.asking_host_id is not null then 'hop'
                when h.id = any(v_idle) then 'empty'
                when h.robots_expires > v_now then 'pages'
                when h.robots_retry_at > v_now then 'wait'
                when a.asking_host_id is not null then 'wait'
                else 'robots' end as fate
      from unnest(v_picked) p join hosts h on h.id = p.host_id join crawls c on c.id = p.crawl_id
      join queues q on q.host_id = any(array[p.host_id]) and q.crawl_id = any(array[p.crawl_id])
      cross join lateral (select greatest(coalesce(h.pace_delay_ms, c.delay_ms), h.crawl_delay_ms, 0) as delay_ms,
                                 greatest(coalesce(h.mean_exchange_ms, 200), 1) as mean_ms) s
      left join lateral (select * from robots_hops x where x.host_id = h.id and x.crawl_id = p.crawl_id and x.visit is null limit 1) r on true
      left join robots_hops a on a.asking_host_id = any(array[h.id]) and a.expires_at > v_now
     where h.id = any(v_locked)),
  addressed as (
    select s.*, a.next_at as group_at,
           case when s.closing is not null and (s.fate <> 'hop' or s.closing like 'operator: %') then 'close'
                when s.fate = 'pages' and s.host_room <= 0 then 'full'
                when s.fate in ('pages', 'robots', 'hop') and s.address_slots > 0 and s.address_id is null then 'resolve'
                else s.fate end as fate_2,
           s.fate in ('pages', 'robots', 'hop') and s.closing is null and s.address_slots > 0 and a.id is not null as by_group,
           (select count(*) from visits v where v.address_id = s.address_id and v.until > v_now) as open_visits
      from seen s left join addresses a on a.id = s.address_id),
  lined as (
    select *, case when by_group then row_number() over (partition by address_id, by_group order by turn) end as place
      from addressed),
  judged as (
    select *, by_group and (place > 1 or open_visits >= address_slots or group_at > v_now) as queues_up from lined)
  select array_agg(row(host_id, crawl_id, turn, room, max_rank,
           case when queues_up then 'wait' else fate_2 end,
           closing,
           case when queues_up then greatest(greatest(group_at, v_now) + (place - 1) * spacing_ms * interval '1 ms',
                                             v_now + place * interval '250 ms')
                when next_at > v_now then next_at
                when robots_retry_at > v_now then robots_retry_at
                else v_now + interval '30 s' end,
           visit, delay_ms, width,
           -- By time: 10 s of the host's pace with a delay, 2 s without.
           least(trust, host_room, greatest(1, case when delay_ms > 0 then 10000 / greatest(delay_ms, mean_ms / width)
                                                    else 2000 * width / mean_ms end))::int,
           case when by_group then address_id end, spacing_ms, asking_host_id, hop, hop_url)::picked order by turn)
    into v_picked from judged;
  if v_picked is null then return; end if;

  -- 3. Take URLs. A suspect is taken alone. Never more than the room of the crawl and of this call; hosts that got nothing for that
  -- reason stay due.
  for l in
    select crawl_id, max_rank, array_agg(visit) as visits, array_agg(host_id) as hosts, array_agg(size) as sizes
      from unnest(v_picked) where fate = 'pages' group by crawl_id, max_rank
  loop
    v_ready := v_ready || find_ready(l.crawl_id, l.visits, l.hosts, l.sizes, l.max_rank);
  end loop;
  for l in
    with ready as (
      select r.*, p.turn, p.room, p.size, first_value(r.suspect) over (partition by r.visit order by r.pos) as alone
        from unnest(v_ready) r join unnest(v_picked) p on p.visit = r.visit),
    sized as (
      select *, row_number() over (partition by visit order by pos) as n from ready where case when alone then pos = 1 else not suspect end),
    fit as (
      select *, row_number() over (partition by crawl_id order by turn, n) as of_crawl, row_number() over (order by turn, n) as of_call
        from sized where n <= size)
    select crawl_id, array_agg(id) as ids, array_agg(visit) as visits from fit where of_crawl <= room and of_call <= p_urls group by crawl_id
  loop
    select v_rows || k.rows, v_of || k.visits, v_urls || k.urls into v_rows, v_of, v_urls from lease(l.crawl_id, l.ids, l.visits, v_until) k;
  end loop;
  v_taken := array(select distinct visit from unnest(v_of) visit
                   union all select visit from unnest(v_picked) where fate in ('hop', 'robots', 'resolve'));

  -- 4. The hosts that got a visit. A visit that is never heard of again frees its host by next_at alone.
  if cardinality(v_taken) > 0 then
    update hosts h set visit = p.visit, lease_until = v_until, next_at = v_until + p.delay_ms * interval '1 ms'
      from unnest(v_picked) p where h.id = p.host_id and p.visit = any(v_taken);
    insert into visits (host_id, id, crawl_id, delay_ms, address_id, until, kind)
    select host_id, visit, crawl_id, delay_ms, address_id, v_until, case fate when 'hop' then 'robots' else fate end
      from unnest(v_picked) where visit = any(v_taken)
    on conflict (host_id) do update set id = excluded.id, crawl_id = excluded.crawl_id, delay_ms = excluded.delay_ms,
      address_id = excluded.address_id, until = excluded.until, kind = excluded.kind, began_at = excluded.began_at, recalled = false,
      worker = null;
    delete from robots_hops r using unnest(v_picked) p where p.fate = 'robots' and r.asking_host_id = any(array[p.host_id]);
    update robots_hops r set visit = p.visit, expires_at = v_until from unnest(v_picked) p
     where p.fate = 'hop' and r.asking_host_id = any(array[p.asking_host_id]);
  end if;

  -- 5. No row that was met and could not be used stays at the head of queues_due.
  perform 1 from queues where host_id = any(v_locked) order by host_id, crawl_id for update;
  update queues q set asleep = false,
         due_at = case when p.visit = any(v_taken) then h.next_at when p.fate = 'wait' then p.wait_until
                       when p.fate = 'close' then v_now else v_now + interval '1 s' end,
         closed = case when p.fate = 'close' then p.detail end,
         leased = q.leased + case when c.by_host then coalesce(cardinality(array_positions(v_of, p.visit)), 0) else 0 end
    from unnest(v_picked) p join hosts h on h.id = p.host_id join crawls c on c.id = p.crawl_id
   where q.host_id = any(array[p.host_id]) and q.crawl_id = any(array[p.crawl_id]);
  update queues q set due_at = h.next_at
    from unnest(v_picked) p join hosts h on h.id = p.host_id
   where p.visit = any(v_taken) and q.host_id = any(array[p.host_id]) and q.crawl_id <> p.crawl_id and not q.asleep and num_nulls(q.closed) = 1;

  -- 6. Sleep where nothing was found (also where only the room was missing: the look finds the URL and leaves the queue due).
  for v_crawl, v_hosts in
    select crawl_id, array_agg(host_id) from unnest(v_picked) where fate in ('pages', 'empty') and visit <> all(v_taken) group by crawl_id
  loop
    perform put_to_sleep(v_crawl, v_hosts);
  end loop;

  if cardinality(v_taken) = 0 then return; end if;
  -- 7. The calendars of the groups: as many requests as were handed out.
  update addresses a set next_at = greatest(a.next_at, v_now)
           + greatest(1, coalesce(cardinality(array_positions(v_of, p.visit)), 0)) * p.spacing_ms * interval '1 ms'
    from unnest(v_picked) p where p.visit = any(v_taken) and a.id = p.address_id;
  if v_rows is not null then perform count_up(deltas(p_slot, v_rows, 0, -1, 1, 0, 0, 0)); end if;

  return query
    with taken as materialized (
      select visit, json_agg(url order by n) as urls from unnest(v_of, v_urls) with ordinality t(visit, url, n) group by visit)
    select p.crawl_id, p.host_id, h.key, p.visit, case p.fate when 'hop' then 'robots' else p.fate end, p.delay_ms, p.width,
           -- A name that leads elsewhere each time keeps its slot, and may be dialled wherever it leads.
           case when h.moves < 3 then a.prefix::text end,
           h.robots_access, h.robots_digest, p.asking_host_id, p.hop, p.hop_url, t.urls
      from unnest(v_picked) p join hosts h on h.id = p.host_id left join taken t on t.visit = p.visit
      left join addresses a on a.id = p.address_id
     where p.visit = any(v_taken);
end $$;
--> statement-breakpoint
-- More URLs under the lease of an open pages visit. Locks: 7001 (waits: the budget must not be read beside a claim), hosts, pending, queues,
-- counters.
create function refill(p_slot int, p_visit uuid, p_limit int) returns table (urls json)
language plpgsql volatile
set search_path = frontier set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_column
declare
  v_host int; v_crawl int; v_until timestamptz; v_room bigint; v_max_rank int; v_ids bigint[]; v_rows work[]; v_urls json[];
begin
  select host_id, crawl_id into v_host, v_crawl from visits where id = p_visit and kind = 'pages';
  if not found then return; end if;
  if (select max_pages is not null from crawls where id = v_crawl) then perform pg_advisory_xact_lock(7001); end if;
  perform 1 from hosts where id = v_host and visit = p_visit for no key update;
  if not found then return; end if;
  select lease_until into v_until from hosts where id = v_host and visit = p_visit and lease_until > clock_timestamp();
  if not found then return; end if;
  -- A suspect's visit stays alone.
  if exists (select from leases where visit = p_visit and crashes > 0) then return; end if;
  select least(p_limit, coalesce(c.max_pages - sum(k.done + k.leased), p_limit),
               case when c.by_host then (select c.host_pages - q.done - q.leased from queues q where q.host_id = v_host and q.crawl_id = v_crawl) end),
         c.max_rank
    into v_room, v_max_rank
    from crawls c join crawl_counts k on k.crawl_id = c.id where c.id = v_crawl and c.state = 'running' group by c.id;
  if v_room is null or v_room <= 0 then return; end if;
  v_ids := array(select id from pending where crawl_id = v_crawl and host_id = v_host and retry_at is null and rank <= v_max_rank
                  order by rank, id limit v_room for update skip locked);
  select k.rows, k.urls into v_rows, v_urls from lease(v_crawl, v_ids, array_fill(p_visit, array[cardinality(v_ids)]), v_until) k;
  if v_rows is null then return; end if;
  perform enqueue(null, null, null, null, host_deltas(v_rows, 1, 0));
  perform count_up(deltas(p_slot, v_rows, 0, -1, 1, 0, 0, 0));
  return query select array_to_json(v_urls);
end $$;
