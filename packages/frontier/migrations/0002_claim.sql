-- Claim: takes due hosts and some of their URLs under leases. See docs/frontier.md.
set local search_path = frontier;
--> statement-breakpoint
-- A row per visit. One claim at a time in the cluster (7001): a call takes milliseconds, and being one transaction it cannot be left open.
-- Locks: 7001 (try), hosts NO KEY UPDATE SKIP LOCKED, pending SKIP LOCKED, visits, queues, (sleep: hosts FOR UPDATE SKIP LOCKED), counters.
create function claim(p_slot int, p_hosts int, p_urls int, p_lease_ms bigint)
returns table (crawl_id int, host_id int, host_key text, visit uuid, delay_ms int, width int, robots_access text, robots_digest text,
               asking_host_id int, hop int, hop_url text, urls json)
language plpgsql volatile
set search_path = frontier set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
  v_now timestamptz; v_until timestamptz;
  v_hosts int[]; v_locked int[]; v_picked picked[]; v_rows pending[]; v_of uuid[]; v_taken uuid[];
begin
  if not pg_try_advisory_xact_lock(7001) then return; end if;
  v_now := clock_timestamp();
  v_until := v_now + p_lease_ms * interval '1 ms';

  -- 1. Pick: per running crawl with budget left, the hosts due longest; crawls take turns, the one with the least leased first.
  with open as (
    select c.id, least(p_urls, coalesce(c.max_pages - sum(k.done + k.leased), p_urls))::int as room, sum(k.leased) as leased,
           case when c.by_level then c.level::int else 32767 end as level
      from crawls c join crawl_counts k on k.crawl_id = c.id
     where c.state = 'running' and (c.max_time_ms is null or c.ran_ms < c.max_time_ms)
     group by c.id
    having c.max_bytes is null or sum(k.bytes) < c.max_bytes),
  due as (
    select o.id, o.room, o.level, q.host_id, (o.leased + p_urls * row_number() over (partition by o.id order by q.due_at))::bigint as turn
      from open o cross join lateral (
        select host_id, due_at from queues where crawl_id = o.id and given_up is null and due_at <= v_now order by due_at limit p_hosts) q
     where o.room > 0),
  top as (
    select * from (select distinct on (host_id) * from due order by host_id, turn) d order by turn limit p_hosts)
  select array_agg(row(host_id, id, turn, room, level, null, null, gen_random_uuid(), 0, 0, 0, null, 0, null)::picked), array_agg(host_id)
    into v_picked, v_hosts from top;
  if v_hosts is null then return; end if;

  -- 2. Lock what nobody else holds, then look again in a new statement: only the locked row says whether a visit is open.
  v_locked := array(select id from hosts where id = any(v_hosts) order by id for no key update skip locked);
  select array_agg(row(p.host_id, p.crawl_id, p.turn, p.room, p.level,
           case when h.next_at > v_now then 'wait'
                when r.asking_host_id is not null then 'hop'
                when h.robots_expires > v_now then 'pages'
                when not exists (select from pending x where x.host_id = h.id and x.crawl_id = p.crawl_id
                                    and (x.retry_at <= v_now or x.retry_at is null and x.depth <= p.level)) then 'empty'
                when h.robots_retry_at > v_now then 'wait'
                when a.asking_host_id is not null then 'wait'
                else 'robots' end,
           case when h.next_at > v_now then h.next_at
                when h.robots_retry_at > v_now then h.robots_retry_at
                else v_now + interval '30 s' end,
           p.visit, s.delay_ms, c.width,
           -- By time: 10 s of the host's pace with a delay, 2 s without.
           least(500, greatest(1, case when s.delay_ms > 0 then 10000 / greatest(s.delay_ms, s.mean_ms / c.width)
                                       else 2000 * c.width / s.mean_ms end))::int,
           coalesce(r.asking_host_id, h.id), coalesce(r.hop, 0), r.url)::picked order by p.turn)
    into v_picked
    from unnest(v_picked) p join hosts h on h.id = p.host_id join crawls c on c.id = p.crawl_id
    cross join lateral (select greatest(c.delay_ms, h.crawl_delay_ms, 0) as delay_ms, greatest(coalesce(h.mean_exchange_ms, 200), 1) as mean_ms) s
    left join lateral (select * from robots_hops x where x.host_id = h.id and x.crawl_id = p.crawl_id and x.visit is null limit 1) r on true
    left join robots_hops a on a.asking_host_id = h.id and a.expires_at > v_now
   where h.id = any(v_locked);
  if v_picked is null then return; end if;

  -- 3. Take URLs: first retries that are due, then by depth and discovery. A suspect is taken alone. Never more than the room of the
  -- crawl and of this call; hosts that got nothing for that reason stay due.
  with ready as (
    select p.crawl_id, p.turn, p.room, p.size, p.visit, x.id, x.suspect, x.pos, first_value(x.suspect) over (partition by p.visit order by x.pos) as alone
      from unnest(v_picked) p cross join lateral (
        select u.id, u.suspect, row_number() over (order by u.list, u.at, u.depth, u.id) as pos
          from (select * from (select id, crashes > 0 as suspect, 1 as list, retry_at as at, depth from pending
                                where host_id = p.host_id and crawl_id = p.crawl_id and retry_at <= v_now
                                order by retry_at limit p.size for update skip locked) a
                union all
                select * from (select id, false, 2, null::timestamptz, depth from pending
                                where host_id = p.host_id and crawl_id = p.crawl_id and retry_at is null and depth <= p.level
                                order by depth, id limit p.size for update skip locked) b) u) x
     where p.fate = 'pages'),
  sized as (
    select *, row_number() over (partition by visit order by pos) as n from ready where case when alone then pos = 1 else not suspect end),
  fit as (
    select *, row_number() over (partition by crawl_id order by turn, n) as of_crawl, row_number() over (order by turn, n) as of_call
      from sized where n <= size),
  gone as (
    delete from pending p using fit f where p.id = f.id and f.of_crawl <= f.room and f.of_call <= p_urls
    returning p.id, p.crawl_id, p.host_id, p.depth, p.chain, p.parent, p.attempt, p.crashes, f.visit),
  put as (
    insert into leases select *, v_until from gone)
  select array_agg(row(id, crawl_id, host_id, depth, chain, parent, attempt, crashes, null)::pending order by depth, id),
         array_agg(visit order by depth, id)
    into v_rows, v_of from gone;
  v_taken := array(select distinct visit from unnest(v_of) visit
                   union all select visit from unnest(v_picked) where fate in ('hop', 'robots'));

  -- 4. The hosts that got a visit. A visit that is never heard of again frees its host by next_at alone.
  if cardinality(v_taken) > 0 then
    update hosts h set visit = p.visit, lease_until = v_until, next_at = v_until + p.delay_ms * interval '1 ms'
      from unnest(v_picked) p where h.id = p.host_id and p.visit = any(v_taken);
    insert into visits (host_id, id, crawl_id, delay_ms, until, kind)
    select host_id, visit, crawl_id, delay_ms, v_until, case when fate = 'pages' then 'pages' else 'robots' end
      from unnest(v_picked) where visit = any(v_taken)
    on conflict (host_id) do update set id = excluded.id, crawl_id = excluded.crawl_id, delay_ms = excluded.delay_ms,
      until = excluded.until, kind = excluded.kind;
    delete from robots_hops r using unnest(v_picked) p where p.fate = 'robots' and r.asking_host_id = p.host_id;
    update robots_hops r set visit = p.visit, expires_at = v_until from unnest(v_picked) p
     where p.fate = 'hop' and r.asking_host_id = p.asking_host_id;
  end if;

  -- 5. No row that was met and could not be used stays at the head of queues_due.
  perform 1 from queues where host_id = any(v_locked) order by host_id, crawl_id for update;
  update queues q set asleep = false,
         due_at = case when p.visit = any(v_taken) then h.next_at when p.fate = 'wait' then p.wait_until else v_now + interval '1 s' end
    from unnest(v_picked) p join hosts h on h.id = p.host_id
   where q.host_id = p.host_id and q.crawl_id = p.crawl_id;
  update queues q set due_at = h.next_at
    from unnest(v_picked) p join hosts h on h.id = p.host_id
   where p.visit = any(v_taken) and q.host_id = p.host_id and q.crawl_id <> p.crawl_id and not q.asleep and q.given_up is null;

  -- 6. Sleep where nothing was found (also where only the room was missing: the look finds the URL and leaves the queue due).
  select array_agg(host_id) into v_hosts from unnest(v_picked) where fate in ('pages', 'empty') and visit <> all(v_taken);
  if v_hosts is not null then
    perform put_to_sleep(v_hosts, array(select crawl_id from unnest(v_picked) where fate in ('pages', 'empty') and visit <> all(v_taken)));
  end if;

  if cardinality(v_taken) = 0 then return; end if;
  if v_rows is not null then perform count_up(deltas(p_slot, v_rows, 0, -1, 1, 0, 0, 0)); end if;

  return query
    with taken as materialized (
      select r.visit, json_agg(json_build_array(r.id, u.url, r.depth, r.chain, r.attempt) order by r.n) as urls
        from unnest(v_rows, v_of) with ordinality r(id, crawl_id, host_id, depth, chain, parent, attempt, crashes, retry_at, visit, n)
        join urls u on u.id = r.id
       group by r.visit)
    select p.crawl_id, p.host_id, h.key, p.visit, p.delay_ms, p.width, h.robots_access, h.robots_digest, p.asking_host_id, p.hop, p.hop_url, t.urls
      from unnest(v_picked) p join hosts h on h.id = p.host_id left join taken t on t.visit = p.visit
     where p.visit = any(v_taken);
end $$;
--> statement-breakpoint
-- More URLs under the lease of an open pages visit. Locks: 7001 (waits: the budget must not be read beside a claim), hosts, pending, counters.
create function refill(p_slot int, p_visit uuid, p_limit int) returns table (urls json)
language plpgsql volatile
set search_path = frontier set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
  v_host int; v_crawl int; v_until timestamptz; v_room bigint; v_level int; v_ids bigint[];
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
  select least(p_limit, coalesce(c.max_pages - sum(k.done + k.leased), p_limit)), case when c.by_level then c.level::int else 32767 end
    into v_room, v_level
    from crawls c join crawl_counts k on k.crawl_id = c.id where c.id = v_crawl and c.state = 'running' group by c.id;
  if v_room is null or v_room <= 0 then return; end if;
  with fit as (
    select * from (select id from pending where host_id = v_host and crawl_id = v_crawl and retry_at is null and depth <= v_level
                    order by depth, id limit v_room for update skip locked) a),
  gone as (
    delete from pending p using fit where p.id = fit.id
    returning p.id, p.crawl_id, p.host_id, p.depth, p.chain, p.parent, p.attempt, p.crashes),
  put as (insert into leases select *, p_visit, v_until from gone returning id)
  select array_agg(id) into v_ids from put;
  if v_ids is null then return; end if;
  perform count_up((select array_agg(row(v_crawl, depth, p_slot, 0, -n, n, 0, 0, 0, 0)::crawl_counts)
    from (select depth, count(*) as n from leases where id = any(v_ids) group by depth) g));
  return query
    select json_agg(json_build_array(l.id, u.url, l.depth, l.chain, l.attempt) order by l.depth, l.id)
      from leases l join urls u on u.id = l.id where l.id = any(v_ids);
end $$;
