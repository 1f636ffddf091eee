-- What all layouts share: hosts and their queues, and the three calls, which leave to a layout only what depends on it. A layout defines
-- add_crawl(), layout_fp(), load(), remember(), enqueue(), take(), finish() and forget(). Runs after synthetic.sql.
set search_path = bench;
create table hosts (
  id int primary key,
  key text not null unique,
  next_at timestamptz not null default '-infinity',
  lease_until timestamptz not null default '-infinity',
  visit uuid
) with (fillfactor = 50);
create table queues (
  host_id int not null,
  crawl_id int not null,
  due_at timestamptz not null,
  asleep boolean not null,
  primary key (host_id, crawl_id)
) with (fillfactor = 50);
create index queues_due on queues (crawl_id, due_at) include (host_id);
create table counts (
  crawl_id int primary key,
  queued bigint not null,
  leased bigint not null,
  done bigint not null
) with (fillfactor = 10);

create type candidate as (crawl_id int, fp uuid, host_id int, depth smallint, url text);
create type work as (id bigint, crawl_id int, host_id int, depth smallint);
create type taken as (id bigint, crawl_id int, host_id int, visit uuid, url text);

-- The known URLs: in crawl 1, but every 21st in crawl 2, whose rows lie between those of the other.
create function numbered(p_from bigint, p_to bigint, p_hosts int) returns table (n bigint, crawl_id int, host_id int, url text)
language sql stable as $$
  select n, crawl_id, host_id, url_of(host_id, page)
    from generate_series(p_from, p_to) n
    cross join lateral (select case when n % 21 = 0 then 2 else 1 end as crawl_id, case when n % 21 = 0 then n / 21 else n - n / 21 end as g) c
    cross join lateral place_of(g, p_hosts)
$$;

create function admit(p_crawls int[], p_fps uuid[], p_hosts int[], p_depths int[], p_urls text[]) returns int
language plpgsql
set search_path = bench set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_batch candidate[]; v_fresh work[];
begin
  select array_agg(c::candidate) into v_batch
    from (select distinct on (crawl_id, fp) *
            from unnest(p_crawls, p_fps, p_hosts, p_depths, p_urls) c(crawl_id, fp, host_id, depth, url) order by crawl_id, fp, depth) c;
  v_fresh := remember(v_batch);
  if v_fresh is null then return 0; end if;
  perform 1 from hosts where id = any(array(select host_id from unnest(v_fresh))) order by id for key share;
  perform enqueue(v_fresh);
  insert into queues (host_id, crawl_id, due_at, asleep)
  select distinct f.host_id, f.crawl_id, clock_timestamp(), false from unnest(v_fresh) f
   where not exists (select from queues q where q.host_id = f.host_id and q.crawl_id = f.crawl_id) order by 1, 2
  on conflict do nothing;
  perform 1 from (select distinct host_id, crawl_id from unnest(v_fresh)) f
     join queues q on q.host_id = f.host_id and q.crawl_id = f.crawl_id where q.asleep order by q.host_id, q.crawl_id for update of q;
  update queues q set due_at = clock_timestamp(), asleep = false
    from unnest(v_fresh) f where q.host_id = f.host_id and q.crawl_id = f.crawl_id and q.asleep;
  update counts c set queued = c.queued + f.n
    from (select crawl_id, count(*) as n from unnest(v_fresh) group by 1) f where c.crawl_id = f.crawl_id;
  return cardinality(v_fresh);
end $$;

create function claim(p_hosts int, p_urls int) returns table (crawl_id int, id bigint, url text)
language plpgsql
set search_path = bench set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
  v_until timestamptz := v_now + interval '1 min';
  v_hosts int[]; v_crawls int[]; v_visits uuid[]; v_taken taken[];
begin
  if not pg_try_advisory_xact_lock(7001) then return; end if;
  with due as (
    select q.*, row_number() over (partition by c.crawl_id order by q.due_at) as turn
      from counts c cross join lateral (
        select host_id, crawl_id, due_at from queues where crawl_id = c.crawl_id and due_at <= v_now order by due_at limit p_hosts) q
     where c.queued > 0),
  top as (
    select * from (select distinct on (host_id) * from due order by host_id, turn) d order by turn limit p_hosts)
  select array_agg(host_id), array_agg(crawl_id) into v_hosts, v_crawls from top;
  if v_hosts is null then return; end if;

  perform 1 from hosts where id = any(v_hosts) order by id for no key update skip locked;
  select array_agg(p.host_id), array_agg(p.crawl_id), array_agg(gen_random_uuid()) into v_hosts, v_crawls, v_visits
    from unnest(v_hosts, v_crawls) p(host_id, crawl_id) join hosts h on h.id = p.host_id where h.next_at <= v_now;

  v_taken := take(v_hosts, v_crawls, v_visits, p_urls / p_hosts, v_until);

  update hosts h set visit = p.visit, lease_until = v_until, next_at = v_until
    from (select distinct host_id, visit from unnest(v_taken)) p where h.id = p.host_id;
  perform 1 from queues where host_id = any(v_hosts) order by host_id, crawl_id for update;
  update queues q set due_at = v_until
    from (select distinct host_id from unnest(v_taken)) p where q.host_id = p.host_id and not q.asleep;
  update queues q set due_at = 'infinity', asleep = true
    from unnest(v_hosts, v_crawls) p(host_id, crawl_id)
   where q.host_id = p.host_id and q.crawl_id = p.crawl_id and p.host_id <> all(array(select host_id from unnest(v_taken)));
  update counts c set queued = c.queued - t.n, leased = c.leased + t.n
    from (select crawl_id, count(*) as n from unnest(v_taken) group by 1) t where c.crawl_id = t.crawl_id;
  return query select crawl_id, id, url from unnest(v_taken);
end $$;

-- All URLs with an answer, and the ends of their visits.
create function settle(p_crawls int[], p_ids bigint[]) returns int
language plpgsql
set search_path = bench set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_done work[]; v_hosts int[];
begin
  v_done := finish(p_crawls, p_ids);
  v_hosts := array(select distinct host_id from unnest(v_done));
  perform 1 from hosts where id = any(v_hosts) order by id for no key update;
  update hosts h set visit = null, lease_until = '-infinity', next_at = clock_timestamp() where h.id = any(v_hosts);
  perform 1 from queues where host_id = any(v_hosts) order by host_id, crawl_id for update;
  update queues q set due_at = clock_timestamp() where q.host_id = any(v_hosts) and not q.asleep;
  update counts c set leased = c.leased - d.n, done = c.done + d.n
    from (select crawl_id, count(*) as n from unnest(v_done) group by 1) d where c.crawl_id = d.crawl_id;
  return cardinality(v_done);
end $$;
