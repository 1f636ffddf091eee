-- Settle: what became of URLs, the links of their pages, the ends of visits and robots.txt, in one commit. Also seeding: links without a page.
set local search_path = frontier;
--> statement-breakpoint
-- Admits what is new to a crawl. Returns the new URLs; a queued one takes a shorter path and a higher priority (p_candidates is unique by fp).
-- Locks: urls (one sorted insert), then only if something is lowered 7002 of the crawl, pending SKIP LOCKED: whoever else holds the row
-- takes the URL out of the queue, except another lowering, which 7002 excludes.
create function admit(p_slot int, p_crawl int, p_candidates candidate[], out fresh work[], out lowered work[], out changes crawl_counts[])
language plpgsql volatile
set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_column
declare
  v_new candidate[]; v_known work[]; v_ids bigint[]; v_inserted int; v_pass int; v_by_level boolean;
begin
  select pass, by_level into v_pass, v_by_level from crawls where id = p_crawl;
  select array_agg(x::candidate order by x.fp) filter (where u.id is null),
         -- What is queued is never worse than the first arrival, so few of the known ones need a look there.
         array_agg(row(u.id, p_crawl, u.host_id, 0, x.depth, x.chain, x.priority, x.parent, 1, 0, null)::work)
           filter (where (x.depth, x.chain) < (u.depth, u.chain) or x.priority > u.priority)
    into v_new, v_known
    from unnest(p_candidates) x left join urls u on u.crawl_id = p_crawl and u.fp = x.fp;

  if v_new is not null then
    with ins as (
      insert into urls (fp, parent, crawl_id, host_id, depth, chain, priority, url)
      select fp, parent, p_crawl, host_id, depth, chain, priority, url from unnest(v_new) order by fp
      on conflict do nothing
      returning id, host_id, depth, chain, priority, parent)
    select array_agg(row(id, p_crawl, host_id, v_pass, depth, chain, priority, parent, 1, 0, null)::work order by id), count(*)
      into fresh, v_inserted from ins;
    if v_inserted < cardinality(v_new) then
      -- Another call admitted some between the two statements; its arrival may be the longer one.
      v_known := v_known || array(
        select row(u.id, p_crawl, u.host_id, 0, x.depth, x.chain, x.priority, x.parent, 1, 0, null)::work
          from unnest(v_new) x join urls u on u.crawl_id = p_crawl and u.fp = x.fp);
    end if;
  end if;

  v_ids := array(
    select x.id from unnest(v_known) x
     cross join lateral (select o.depth, o.chain, o.priority from pending o where o.crawl_id = p_crawl and o.id = x.id offset 0) p
     where (x.depth, x.chain) < (p.depth, p.chain) or x.priority > p.priority);
  if cardinality(v_ids) > 0 then
    perform pg_advisory_xact_lock(7002, p_crawl);
    v_ids := array(select id from pending where crawl_id = p_crawl and id = any(v_ids) order by id for update skip locked);
    with low as (
      update pending p set
          depth = case when s.shorter then x.depth else p.depth end, chain = case when s.shorter then x.chain else p.chain end,
          parent = case when s.shorter then x.parent else p.parent end, priority = greatest(x.priority, p.priority),
          rank = rank_of(v_by_level, least(x.depth, p.depth), greatest(x.priority, p.priority))
        from unnest(v_known) x
        cross join lateral (select o.ctid as place, o.depth, o.chain, o.priority from pending o
                             where o.crawl_id = p_crawl and o.id = x.id offset 0) old
        cross join lateral (select (x.depth, x.chain) < (old.depth, old.chain) as shorter) s
       where p.crawl_id = p_crawl and p.ctid = old.place and x.id = any(v_ids) and (s.shorter or x.priority > old.priority)
      returning p.*, old.depth as was)
    select array_agg(row(id, crawl_id, host_id, pass, depth, chain, priority, parent, attempt, crashes, retry_at)::work),
           array_agg(row(crawl_id, was, p_slot, -1, -1, 0, 0, 0, 0, 0)::crawl_counts)
           || array_agg(row(crawl_id, depth, p_slot, 1, 1, 0, 0, 0, 0, 0)::crawl_counts)
      into lowered, changes from low;
  end if;
end $$;
--> statement-breakpoint
-- Late successes: URLs of a crawl that are queued again although their page has come. Returns those of p_ids, locked.
create function find_late(p_crawl int, p_ids bigint[]) returns bigint[]
language plpgsql volatile
set plan_cache_mode = force_custom_plan
as $$
begin
  return array(select id from pending where crawl_id = p_crawl and id = any(p_ids) order by id for update);
end $$;
--> statement-breakpoint
create function take_late(p_crawl int, p_ids bigint[], p_passes int[], p_of int[], out rows work[], out places int[])
language plpgsql volatile
set plan_cache_mode = force_custom_plan
as $$
begin
  with gone as (
    delete from pending p where p.crawl_id = p_crawl and p.id = any(p_ids) and p.pass = p_passes[array_position(p_ids, p.id)]
    returning p.*, p_of[array_position(p_ids, p.id)] as n)
  select array_agg(row(g.id, g.crawl_id, g.host_id, g.pass, g.depth, g.chain, g.priority, g.parent, g.attempt, g.crashes, g.retry_at)::work order by g.n),
         array_agg(g.n order by g.n)
    into rows, places from gone g;
end $$;
--> statement-breakpoint
-- The answers that URLs of a crawl had in the pass before.
create function answers_before(p_crawl int, p_ids bigint[], p_pass int) returns catalog[]
language plpgsql volatile
set plan_cache_mode = force_custom_plan
as $$
begin
  return array(
    select k from unnest(p_ids) i(id) cross join lateral (
      select c::catalog as k from catalog c where c.crawl_id = p_crawl and c.id = i.id and c.pass < p_pass order by c.pass desc limit 1) x);
end $$;
--> statement-breakpoint
-- URLs that a crashed or expired visit gives back: the first crash makes a suspect, which is then claimed alone; the third crash alone
-- ends it as failed. Returns the rows to queue again.
create function fail_crashed(p_slot int, p_rows work[], out kept work[], out changes crawl_counts[])
language plpgsql volatile as $$
#variable_conflict use_column
declare
  v_failed work[];
begin
  select array_agg(r::work) filter (where r.crashes <= 3), array_agg(r::work) filter (where r.crashes > 3)
    into kept, v_failed from unnest(p_rows) r;
  if v_failed is not null then
    insert into failures (id, crawl_id, host_id, pass, parent, depth, attempt, code, detail, at)
    select id, crawl_id, host_id, pass, parent, depth, attempt, 'crashed', 'its visit was lost three times in which it was alone', clock_timestamp()
      from unnest(v_failed) order by id;
  end if;
  changes := '{}'::crawl_counts[] || deltas(p_slot, kept, 0, 1, -1, 0, 0, 0) || deltas(p_slot, v_failed, 0, 0, -1, 0, 1, 0);
end $$;
--> statement-breakpoint
-- How long a host in trouble is left alone: base_ms doubled for each trouble before this one, at most max_ms, times jitter; at least floor_ms.
create function back_off(p_count int, p_base_ms bigint, p_max_ms bigint, p_jitter real, p_floor_ms bigint) returns interval
language sql immutable as $$
  select greatest(p_floor_ms, least(p_max_ms, p_base_ms * 2 ^ least(greatest(p_count, 1) - 1, 40)) * p_jitter) * interval '1 ms'
$$;
--> statement-breakpoint
-- Counts visits without a usable answer. `unreachable` is judged by its own run of them, `refusing` by all, so that a host which alternates
-- is given up too. 429 and 503 have a count of their own, which only half an hour without one forgets. robots.txt that cannot be had is trouble of the host that asked, whichever host the redirects led to.
-- The caller holds the hosts' row locks. Returns the hosts in trouble.
create function note_trouble(p_ends visit_end[], p_robots robots_result[], p_now timestamptz) returns int[]
language plpgsql volatile as $$
#variable_conflict use_column
declare
  v_troubled int[];
begin
  with said as (
    select host_id, trouble_kind as kind, trouble_code as code, answered, throttled from unnest(p_ends)
    union all
    select r.asking_host_id, case when r.kind = 'unreachable' then r.trouble_kind end, case when r.kind = 'unreachable' then r.trouble_code end,
           r.kind <> 'unreachable', null
      from unnest(p_robots) r join hosts h on h.id = r.asking_host_id
     where r.kind <> 'hop' and (r.kind <> 'unreachable' or h.robots_retry_at is not null)),
  one as (
    select host_id, max(kind) as kind, max(code) as code, bool_or(answered) as answered, bool_or(throttled) as throttled from said group by host_id),
  changed as (
    update hosts h set
        trouble_kind = coalesce(o.kind, case when not o.answered then h.trouble_kind end),
        trouble_code = coalesce(o.code, case when not o.answered then h.trouble_code end),
        trouble_count = case when o.answered then 0 else h.trouble_count end + (o.kind is not null)::int,
        throttle_count = case when not coalesce(o.throttled, false) then h.throttle_count
                              when h.throttled_at > p_now - interval '30 min' then h.throttle_count + 1 else 1 end,
        throttled_at = case when o.throttled then p_now else h.throttled_at end,
        trouble_since = coalesce(case when not o.answered then h.trouble_since end, case when o.kind is not null then p_now end),
        unreachable_count = case when o.answered or o.kind = 'refusing' then 0 else h.unreachable_count end
                            + coalesce(o.kind = 'unreachable', false)::int,
        unreachable_since = coalesce(case when not (o.answered or coalesce(o.kind = 'refusing', false)) then h.unreachable_since end,
                                     case when o.kind = 'unreachable' then p_now end)
      from one o where h.id = o.host_id and (o.answered and h.trouble_count > 0 or o.kind is not null)
    returning h.id, o.kind)
  select array_agg(id) into v_troubled from changed where kind is not null;
  return v_troubled;
end $$;
--> statement-breakpoint
-- The time until a later pass asks for a URL again: shorter when it changed, longer when it did not; both within bounds.
create function recrawl_ms(p_recrawl jsonb, p_before bigint, p_changed boolean) returns bigint
language sql immutable as $$
  select case when p_changed is null then (p_recrawl ->> 'firstIntervalMs')::bigint
              when p_changed then greatest((p_recrawl ->> 'minIntervalMs')::bigint, p_before / 2)
              else least((p_recrawl ->> 'maxIntervalMs')::bigint, p_before * 3 / 2) end
$$;
--> statement-breakpoint
-- Arguments are parallel arrays: p_* one entry per settled URL (p_answers aligned, null unless done), c_* one per link; c_of names the URL
-- whose page held it (1-based; 0: a seed), c_key its host in p_keys. p_crawls: the crawl of each settled URL. p_seeded: the crawl whose row is
-- locked against completion.
-- Locks: crawl FOR SHARE (seeding), leases, pending (late successes), host keys, urls, 7002, hosts NO KEY UPDATE (ends), visits,
-- hosts KEY SHARE, queues, counters.
create function settle(
  p_slot int, p_seeded int,
  p_ids bigint[], p_crawls int[], p_visits uuid[], p_passes int[], p_fates text[], p_after_ms bigint[], p_codes text[], p_details text[], p_answers jsonb,
  c_of int[], c_crawls int[], c_fps uuid[], c_urls text[], c_key int[], c_depths int[], c_chains int[], c_priorities int[], c_parents bigint[],
  p_keys text[], p_ends jsonb, p_robots jsonb)
returns table (admitted int, known int, refused int)
language plpgsql volatile
set search_path = frontier set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
  v_now timestamptz;
  v_state text;
  v_ends visit_end[]; v_given int := 0; v_robots robots_result[]; v_answering robots_result[]; v_end_visits uuid[];
  v_left work[]; v_left_of int[]; v_late work[]; v_late_of int[]; v_late_ids bigint[]; v_ids bigint[]; v_bounded bigint[]; v_crawl int; l record;
  v_before catalog[];
  v_done work[]; v_done_of int[]; v_rows work[]; v_requeue work[]; v_fresh work[]; v_lowered work[]; v_returned work[];
  v_hops work[]; v_wake work[];
  v_host_ids int[]; v_candidates candidate[];
  v_ended int[]; v_asking int[]; v_troubled int[];
  v_changes crawl_counts[] := '{}'; v_counts host_count[] := '{}';
begin
  if p_seeded is not null then
    select state into v_state from crawls where id = p_seeded for share;
    if v_state is null or v_state not in ('created', 'running', 'paused') then
      raise exception using errcode = 'WR001', message = format('crawl %s is %s', p_seeded, coalesce(v_state, 'unknown'));
    end if;
  end if;
  if p_robots is not null then
    select array_agg(r::robots_result) into v_robots from jsonb_populate_recordset(null::robots_result, p_robots) r;
  end if;
  if p_ends is not null then
    select array_agg(e::visit_end), array_agg(e.visit), count(*) into v_ends, v_end_visits, v_given
      from jsonb_populate_recordset(null::visit_end, p_ends) e;
  end if;

  -- 1. Leases: of the settled URLs and of the visits that end.
  if cardinality(p_ids) > 0 or v_end_visits is not null then
    perform 1 from leases where id = any(p_ids || array(select l.id from leases l where l.visit = any(v_end_visits))) order by id for update;
  end if;

  if cardinality(p_ids) > 0 then
    -- 2. The gate: a URL leaves its lease once. A success counts whoever brings it, everything else only from the current lease, and
    -- nothing of another pass.
    with pick as (
      select distinct on (o.id) o.id, o.n
        from unnest(p_ids, p_visits, p_passes, p_fates) with ordinality o(id, visit, pass, fate, n)
        join leases l on l.id = any(array[o.id]) and l.pass = o.pass
       where o.fate = 'done' or l.visit = o.visit
       order by o.id, (o.fate = 'done') desc, o.n),
    gone as (
      delete from leases l using pick where l.id = any(array[pick.id]) returning l.*, pick.n)
    select coalesce(array_agg(row(id, crawl_id, host_id, pass, depth, chain, priority, parent, attempt, crashes,
                                  case when crashes > 0 then clock_timestamp() end)::work order by n), '{}'),
           coalesce(array_agg(n order by n), '{}')
      into v_left, v_left_of from gone;
    v_counts := v_counts || host_deltas(v_left, -1, 0);

    -- 3. Late successes: the lease expired and the URL is queued again. With a page budget they need a reservation of their own.
    for v_crawl, v_ids in
      select o.crawl_id, array_agg(distinct o.id) from unnest(p_ids, p_crawls, p_fates) o(id, crawl_id, fate)
       where o.fate = 'done' and o.id <> all(array(select id from unnest(v_left))) group by o.crawl_id order by 1
    loop
      v_late_ids := v_late_ids || find_late(v_crawl, v_ids);
    end loop;
    if cardinality(v_late_ids) > 0 then
      v_bounded := array(select o.id from unnest(p_ids, p_crawls) o(id, crawl_id) join crawls c on c.id = o.crawl_id
                          where o.id = any(v_late_ids) and c.max_pages is not null);
      if cardinality(v_bounded) > 0 then
        v_late_ids := array(select id from unnest(v_late_ids) id where id <> all(v_bounded));
        if pg_try_advisory_xact_lock(7001) then
          v_late_ids := v_late_ids || array(
            select x.id from (select o.id, o.crawl_id, row_number() over (partition by o.crawl_id order by o.id) as n
                                from (select distinct id, crawl_id from unnest(p_ids, p_crawls) o(id, crawl_id) where id = any(v_bounded)) o) x
             where x.n <= (select c.max_pages - (select sum(k.done + k.leased) from crawl_counts k where k.crawl_id = c.id)
                             from crawls c where c.id = x.crawl_id));
        end if;
      end if;
      for l in
        select crawl_id, array_agg(id order by n) as ids, array_agg(pass order by n) as passes, array_agg(n::int order by n) as places
          from unnest(p_ids, p_crawls, p_passes, p_fates) with ordinality o(id, crawl_id, pass, fate, n)
         where fate = 'done' and id = any(v_late_ids) group by crawl_id
      loop
        select v_late || k.rows, v_late_of || k.places into v_late, v_late_of from take_late(l.crawl_id, l.ids, l.passes, l.places) k;
      end loop;
      v_changes := v_changes || deltas(p_slot, v_late, 0, -1, 0, 1, 0, 0);
    end if;

    -- 4. Fates.
    select array_agg(row(id, crawl_id, host_id, pass, depth, chain, priority, parent, attempt, crashes, retry_at)::work), array_agg(n)
      into v_done, v_done_of
      from unnest(v_left, v_left_of) l(id, crawl_id, host_id, pass, depth, chain, priority, parent, attempt, crashes, retry_at, n)
     where p_fates[n] = 'done';
    v_changes := v_changes || deltas(p_slot, v_done, 0, 0, -1, 1, 0, 0);
    v_done := v_done || v_late;
    v_done_of := v_done_of || v_late_of;
    if v_done is not null then
      v_counts := v_counts || host_deltas(v_done, 0, 1);
      for l in select crawl_id, pass, array_agg(id) as ids from unnest(v_done) where pass > 1 group by crawl_id, pass loop
        v_before := v_before || answers_before(l.crawl_id, l.ids, l.pass);
      end loop;
      insert into catalog (id, crawl_id, pass, parent, depth, chain, attempt, status, content_type, location, etag, last_modified, body_bytes,
                           wire_bytes, digest, truncated, fetched_at, first_byte_ms, total_ms, links, links_dropped, noindex, nofollow, title,
                           lang, canonical, encoding, parse_error, usage, body_pass, changed, recrawl_ms, recrawl_at)
      -- 304: the page is what it was.
      select d.id, d.crawl_id, d.pass, d.parent, d.depth, d.chain, d.attempt, a.status, case when m.same then k.content_type else a.content_type end,
             a.location, case when m.same then coalesce(a.etag, k.etag) else a.etag end,
             case when m.same then coalesce(a.last_modified, k.last_modified) else a.last_modified end, a.body_bytes, a.wire_bytes,
             case when m.same then k.digest else decode(a.digest, 'hex') end, case when m.same then k.truncated else a.truncated end, a.fetched_at,
             a.first_byte_ms, a.total_ms, case when m.same then k.links else a.links end,
             case when m.same then k.links_dropped else a.links_dropped end, case when m.same then k.noindex else a.noindex end,
             case when m.same then k.nofollow else a.nofollow end, case when m.same then k.title else a.title end,
             case when m.same then k.lang else a.lang end, case when m.same then k.canonical else a.canonical end,
             case when m.same then k.encoding else a.encoding end, case when m.same then k.parse_error else a.parse_error end, a.usage,
             case when m.same then k.body_pass else d.pass end, m.changed, v.ms, clock_timestamp() + v.ms * interval '1 ms'
        from unnest(v_done, v_done_of) d(id, crawl_id, host_id, pass, depth, chain, priority, parent, attempt, crashes, retry_at, n)
        join crawls c on c.id = d.crawl_id
        cross join lateral jsonb_to_record(p_answers -> (d.n - 1)) a(
          status smallint, content_type text, location text, etag text, last_modified text, body_bytes bigint, wire_bytes bigint, digest text,
          truncated text, fetched_at timestamptz, first_byte_ms int, total_ms int, links int, links_dropped int, noindex boolean,
          nofollow boolean, title text, lang text, canonical text, encoding text, parse_error text, usage text)
        left join unnest(v_before) k on k.crawl_id = d.crawl_id and k.id = d.id
        cross join lateral (select a.status = 304 and k.id is not null as same,
                                   case when k.id is not null then a.status <> 304 and (a.status <> k.status and k.status <> 304
                                     or decode(a.digest, 'hex') is distinct from k.digest) end as changed) m
        cross join lateral (select recrawl_ms(c.config -> 'recrawl', k.recrawl_ms, m.changed) as ms) v
       order by d.id;
      v_changes := v_changes || (
        select array_agg(row(crawl_id, depth, p_slot, 0, 0, 0, 0, 0, 0, coalesce((p_answers -> (n - 1) ->> 'body_bytes')::bigint, 0))::crawl_counts)
          from unnest(v_done, v_done_of) d(id, crawl_id, host_id, pass, depth, chain, priority, parent, attempt, crashes, retry_at, n));
      v_counts := v_counts || (
        select array_agg(row(host_id, crawl_id, 0, 0, coalesce((p_answers -> (n - 1) ->> 'body_bytes')::bigint, 0), 0)::host_count)
          from unnest(v_done, v_done_of) d(id, crawl_id, host_id, pass, depth, chain, priority, parent, attempt, crashes, retry_at, n));
    end if;
    with put as (
      insert into failures (id, crawl_id, host_id, pass, parent, depth, attempt, code, detail, at)
      select id, crawl_id, host_id, pass, parent, depth, attempt, p_codes[n], p_details[n], clock_timestamp()
        from unnest(v_left, v_left_of) l(id, crawl_id, host_id, pass, depth, chain, priority, parent, attempt, crashes, retry_at, n)
       where p_fates[n] = 'failed' order by id
      returning id, crawl_id, host_id, depth)
    select array_agg(row(id, crawl_id, host_id, 0, depth, 0, 0, null, 0, 0, null)::work) into v_rows from put;
    v_changes := v_changes || deltas(p_slot, v_rows, 0, 0, -1, 0, 1, 0);
    with put as (
      insert into exclusions (id, crawl_id, host_id, pass, parent, depth, rule, detail, at)
      select id, crawl_id, host_id, pass, parent, depth, p_codes[n], p_details[n], clock_timestamp()
        from unnest(v_left, v_left_of) l(id, crawl_id, host_id, pass, depth, chain, priority, parent, attempt, crashes, retry_at, n)
       where p_fates[n] = 'excluded' order by id
      returning id, crawl_id, host_id, depth)
    select array_agg(row(id, crawl_id, host_id, 0, depth, 0, 0, null, 0, 0, null)::work) into v_rows from put;
    v_changes := v_changes || deltas(p_slot, v_rows, 0, 0, -1, 0, 0, 1);
    insert into retries (id, crawl_id, pass, attempt, code, at)
    select id, crawl_id, pass, attempt, p_codes[n], clock_timestamp()
      from unnest(v_left, v_left_of) l(id, crawl_id, host_id, pass, depth, chain, priority, parent, attempt, crashes, retry_at, n)
     where p_fates[n] = 'retry';
    select array_agg(row(id, crawl_id, host_id, pass, depth, chain, priority, parent, attempt + (p_fates[n] = 'retry')::int, crashes,
                         case when p_fates[n] = 'retry' then clock_timestamp() + p_after_ms[n] * interval '1 ms' else retry_at end)::work)
      into v_requeue
      from unnest(v_left, v_left_of) l(id, crawl_id, host_id, pass, depth, chain, priority, parent, attempt, crashes, retry_at, n)
     where p_fates[n] in ('retry', 'release');
    v_changes := v_changes || deltas(p_slot, v_requeue, 0, 1, -1, 0, 0, 0);
  end if;

  -- 5. Host keys, then the links of the pages that passed the gate. An insert that conflicts burns an id, so known keys are left out.
  if cardinality(p_keys) > 0 then
    insert into hosts (key)
    select k from unnest(p_keys) k where not exists (select from hosts h where h.key = k) order by k on conflict do nothing;
    v_host_ids := array(select h.id from unnest(p_keys) with ordinality k(key, n) join hosts h on h.key = k.key order by k.n);
  end if;
  admitted := 0; known := 0;
  if cardinality(c_of) > 0 then
    select array_agg(row(crawl_id, fp, url, v_host_ids[key], depth, chain, priority, parent)::candidate) into v_candidates
      from (select distinct on (crawl_id, fp) *
              from unnest(c_of, c_crawls, c_fps, c_urls, c_key, c_depths, c_chains, c_priorities, c_parents)
                     c(page, crawl_id, fp, url, key, depth, chain, priority, parent)
             where page = 0 or page = any(v_done_of)
             order by crawl_id, fp, depth, chain, priority desc, parent) x;
    if v_candidates is not null then
      for l in select crawl_id, array_agg(x::candidate) as candidates from unnest(v_candidates) x group by crawl_id order by crawl_id loop
        select v_fresh || fresh, v_lowered || lowered, v_changes || changes into v_fresh, v_lowered, v_changes
          from admit(p_slot, l.crawl_id, l.candidates);
      end loop;
      v_changes := v_changes || deltas(p_slot, v_fresh, 1, 1, 0, 0, 0, 0);
      admitted := coalesce(cardinality(v_fresh), 0);
      known := cardinality(v_candidates) - admitted;
    end if;
  end if;

  -- 6. Visits that end. A stale end changes nothing.
  if v_end_visits is not null then
    perform 1 from hosts where id = any(array(select host_id from unnest(v_ends)) || array(select asking_host_id from unnest(v_robots)))
      order by id for no key update;
    v_now := clock_timestamp();
    select array_agg(e::visit_end), array_agg(e.host_id), array_agg(e.visit) into v_ends, v_ended, v_end_visits
      from (select distinct on (e.host_id) e.* from unnest(v_ends) e join hosts h on h.id = e.host_id and h.visit = e.visit
             order by e.host_id) e;
  end if;
  if v_ended is not null then
    with gone as (
      delete from leases l using unnest(v_ends) e
       where l.visit = any(array[e.visit]) and (e.ending in ('abandoned', 'released') or l.id = any(e.unfetched))
      returning l.*, l.crashes + (e.ending = 'abandoned')::int as crashed)
    select array_agg(row(id, crawl_id, host_id, pass, depth, chain, priority, parent, attempt, crashed, case when crashed > 0 then v_now end)::work)
      into v_rows from gone;
    v_counts := v_counts || host_deltas(v_rows, -1, 0) || (
      select array_agg(row(v.host_id, v.crawl_id, 0, 0, 0, extract(epoch from v_now - v.began_at) * 1000)::host_count)
        from unnest(v_ends) e join visits v on v.host_id = any(array[e.host_id]) and v.id = any(array[e.visit]) where e.ending <> 'released');
    select kept, v_changes || changes into v_rows, v_changes from fail_crashed(p_slot, v_rows);
    v_requeue := v_requeue || v_rows;
    update leases l set until = v_now + e.page_lease_ms * interval '1 ms' from unnest(v_ends) e where l.visit = any(array[e.visit]);
    delete from visits v using unnest(v_ends) e where v.host_id = any(array[e.host_id]) and v.id = any(array[e.visit]);
    update robots_hops r set visit = null, expires_at = v_now + interval '1 hour' from unnest(v_ends) e
     where e.ending = 'released' and r.visit = e.visit;

    -- 7. What the visit taught about its host.
    insert into addresses (prefix)
    select distinct e.address_group::cidr from unnest(v_ends) e
     where e.address_group is not null and not exists (select from addresses a where a.prefix = e.address_group::cidr) order by 1
    on conflict do nothing;
    update hosts h set
        address_id = coalesce((select a.id from addresses a where a.prefix = e.address_group::cidr), h.address_id),
        moves = case when e.mean_ms is not null then 0
                     else h.moves + coalesce(e.address_group::cidr <> (select a.prefix from addresses a where a.id = h.address_id), false)::int end,
        visit = null, lease_until = '-infinity',
        next_at = v_now + greatest(case when h.pace_delay_ms is null then e.next_in_ms else e.stretch_ms end,
                                   case when e.ending <> 'released' then greatest(h.crawl_delay_ms, h.pace_delay_ms) end) * interval '1 ms',
        mean_exchange_ms = case when e.mean_ms is null then h.mean_exchange_ms when h.mean_exchange_ms is null then e.mean_ms
                                else 0.7 * h.mean_exchange_ms + 0.3 * e.mean_ms end
      from unnest(v_ends) e where h.id = e.host_id;

    -- 8. robots.txt, of the valid visits, filed for the asking host. A hop towards a host that was given up or blocked leads nowhere.
    if v_robots is not null then
      select array_agg(row(r.host_id, r.visit, r.crawl_id, r.asking_host_id,
               case when dead then 'unreachable' else r.kind end, r.digest, r.body, r.ttl_ms, r.crawl_delay_ms,
               r.hop_url, r.hop_key, r.hop,
               coalesce(r.trouble_kind, 'unreachable'), coalesce(r.trouble_code, 'robots-unreachable'),
               coalesce(r.base_ms, 300000), coalesce(r.max_ms, 3600000), coalesce(r.jitter, 1), coalesce(r.floor_ms, 0))::robots_result)
        into v_answering
        from (select r.*, r.kind = 'hop' and exists (
                select from hosts t left join queues q on q.host_id = any(array[t.id]) and q.crawl_id = any(array[r.crawl_id])
                 where t.key = r.hop_key and (q.closed is not null or t.blocked is not null)) as dead
                from unnest(v_robots) r where r.visit = any(v_end_visits)) r;
      insert into robots_texts (digest, body)
      select distinct digest, decode(body, 'base64') from unnest(v_answering) r
       where kind = 'rules' and not exists (select from robots_texts t where t.digest = r.digest) order by digest on conflict do nothing;
      update hosts h set
          robots_access = case when r.kind = 'unreachable' then case when h.robots_good_at > v_now - interval '30 days' then h.robots_access end
                               else r.kind end,
          robots_digest = case r.kind when 'rules' then r.digest when 'unreachable' then h.robots_digest end,
          robots_expires = case when r.kind <> 'unreachable' then v_now + r.ttl_ms * interval '1 ms'
                                when h.robots_good_at > v_now - interval '30 days' then v_now
                                else '-infinity' end,
          robots_good_at = case when r.kind = 'unreachable' then h.robots_good_at else v_now end,
          robots_retry_at = case when r.kind = 'unreachable' and (h.robots_good_at <= v_now - interval '30 days' or h.robots_good_at is null)
                                 then v_now end,
          crawl_delay_ms = case r.kind when 'rules' then r.crawl_delay_ms when 'unreachable' then h.crawl_delay_ms end,
          next_at = greatest(h.next_at, v_now + r.crawl_delay_ms * interval '1 ms') -- it counts from this very answer
        from unnest(v_answering) r where h.id = r.asking_host_id and r.kind <> 'hop';
      delete from robots_hops x using unnest(v_answering) r where x.asking_host_id = any(array[r.asking_host_id]) and r.kind <> 'hop';
      insert into robots_hops (asking_host_id, host_id, crawl_id, hop, url, visit, expires_at)
      select distinct on (r.asking_host_id) r.asking_host_id, t.id, r.crawl_id, r.hop, r.hop_url, null, v_now + interval '1 hour'
        from unnest(v_answering) r join hosts t on t.key = r.hop_key where r.kind = 'hop' order by r.asking_host_id
      on conflict (asking_host_id) do update set host_id = excluded.host_id, crawl_id = excluded.crawl_id, hop = excluded.hop,
        url = excluded.url, visit = null, expires_at = excluded.expires_at;
      select array_agg(row(0, r.crawl_id, t.id, 0, 0, 0, 0, null, 1, 0, null)::work) into v_hops
        from unnest(v_answering) r join hosts t on t.key = r.hop_key where r.kind = 'hop';
      v_asking := array(select asking_host_id from unnest(v_answering) where kind <> 'hop' and asking_host_id <> all(v_ended));
    end if;
    v_troubled := note_trouble(v_ends, v_answering, v_now);
    -- Back-off by the count that the visit just raised: doubling, and never before a stated Retry-After.
    update hosts h set next_at = greatest(h.next_at,
        v_now + back_off(case when e.throttled then h.throttle_count else h.trouble_count end, e.base_ms, e.max_ms, e.jitter, e.floor_ms))
      from unnest(v_ends) e where h.id = e.host_id and e.trouble_kind is not null;
    -- robots.txt is asked for again by the same rule; until then the last good copy holds, or nothing of the host is claimed.
    update hosts h set
        robots_retry_at = case when h.robots_retry_at is not null then v_now + b.wait end,
        robots_expires = case when h.robots_retry_at is null then v_now + b.wait else h.robots_expires end
      from unnest(v_answering) r join hosts a on a.id = r.asking_host_id
      cross join lateral (select back_off(a.trouble_count, r.base_ms, r.max_ms, r.jitter, r.floor_ms) as wait) b
     where h.id = a.id and r.kind = 'unreachable';
  end if;

  -- 9. The one enqueue; then the queues of hosts that were freed, under the locks it took.
  v_wake := v_lowered || v_hops;
  perform enqueue(v_requeue || v_fresh, array(select host_id from unnest(v_wake)), array(select crawl_id from unnest(v_wake)), v_ended || v_asking,
                  v_counts);
  if v_ended is not null then
    update queues q set due_at = greatest(h.next_at, h.robots_retry_at)
      from hosts h where h.id = q.host_id and q.host_id = any(v_ended || v_asking) and not q.asleep and num_nulls(q.closed) = 1;
    -- 10. Give-up, by each crawl's own numbers: tries and time. close_step() fails what is queued.
    update queues q set closed = 'given-up: ' || h.trouble_code, due_at = v_now, asleep = false
      from hosts h, crawls c
     where q.host_id = any(v_troubled) and h.id = q.host_id and c.id = q.crawl_id and num_nulls(q.closed) = 1 and c.state = 'running'
       and case h.trouble_kind
             when 'unreachable' then h.unreachable_count >= (c.config #>> '{giveUp,unreachable,tries}')::int
                                 and v_now >= greatest(h.unreachable_since, q.joined_at) + (c.config #>> '{giveUp,unreachable,ms}')::bigint * interval '1 ms'
             else h.trouble_count >= (c.config #>> '{giveUp,refusing,tries}')::int
                  and v_now >= greatest(h.trouble_since, q.joined_at) + (c.config #>> '{giveUp,refusing,ms}')::bigint * interval '1 ms' end;
  end if;
  if cardinality(v_changes) > 0 then perform count_up(v_changes); end if;
  refused := cardinality(p_ids) - coalesce(cardinality(v_left), 0) - coalesce(cardinality(v_late), 0) + v_given - coalesce(cardinality(v_ended), 0);
  return next;
end $$;
