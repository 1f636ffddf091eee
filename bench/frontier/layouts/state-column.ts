import { fingerprintSql, HOT, type Layout } from './layout.ts'

/** The classic: one table, a state column that is updated in place, partial indexes on what is queued and what is leased. */
export const stateColumn: Layout = {
  title: 'one table, a state column',
  leased: 'urls where state = 1',
  sql: `
create sequence urls_id as bigint;
create table urls (
  id bigint not null default nextval('urls_id'),
  fp uuid not null,
  parent bigint,
  retry_at timestamptz,
  until timestamptz,
  fetched_at timestamptz,
  visit uuid,
  crawl_id int not null,
  host_id int not null,
  rank int not null,
  pass int not null default 1,
  state smallint not null,                           -- 0 queued, 1 leased, 2 done
  status smallint,
  depth smallint not null,
  chain smallint not null default 0,
  priority smallint not null default 0,
  attempt smallint not null default 1,
  crashes smallint not null default 0,
  url text not null,
  constraint urls_fp primary key (crawl_id, fp),
  constraint urls_key unique (id)
) with (fillfactor = 90);
create index urls_ready on urls (host_id, crawl_id, rank, id) where state = 0 and retry_at is null;
create index urls_retry on urls (host_id, crawl_id, retry_at) where state = 0 and retry_at is not null;
create index urls_visit on urls (visit) where state = 1;
create index urls_until on urls (until) where state = 1;
${fingerprintSql('by-host')}

create function add_crawl(p_crawl int) returns void language sql as $$ insert into counts values (p_crawl, 0, 0, 0) $$;

create function load(p_from bigint, p_to bigint, p_total bigint, p_hosts int) returns void language sql as $$
  insert into urls (id, fp, parent, crawl_id, host_id, rank, state, status, fetched_at, depth, url)
  select n, layout_fp(host_id, url), n / 10, crawl_id, host_id, 5, case when n <= p_total / 10 then 2 else 0 end,
         case when n <= p_total / 10 then 200 end, case when n <= p_total / 10 then clock_timestamp() end, 5, url
    from numbered(p_from, p_to, p_hosts)
$$;

create function remember(p_batch candidate[]) returns work[] language plpgsql ${HOT} as $$
#variable_conflict use_column
declare
  v_new candidate[]; v_fresh work[];
begin
  select array_agg(x::candidate order by x.crawl_id, x.fp) filter (where u.id is null) into v_new
    from unnest(p_batch) x left join urls u on u.crawl_id = x.crawl_id and u.fp = x.fp;
  with ins as (
    insert into urls (fp, crawl_id, host_id, rank, state, depth, url)
    select fp, crawl_id, host_id, depth, 0, depth, url from unnest(v_new) order by crawl_id, fp on conflict do nothing
    returning id, crawl_id, host_id, depth)
  select array_agg(row(id, crawl_id, host_id, depth)::work order by id) into v_fresh from ins;
  return v_fresh;
end $$;

create function enqueue(p_rows work[]) returns void language plpgsql as $$ begin end $$;

create function take(p_hosts int[], p_crawls int[], p_visits uuid[], p_size int, p_until timestamptz) returns taken[] language plpgsql ${HOT} as $$
#variable_conflict use_column
declare
  v_taken taken[];
begin
  with fit as (
    select x.id, k.visit from unnest(p_hosts, p_crawls, p_visits) k(host_id, crawl_id, visit) cross join lateral (
      select id from (
        select * from (select id from urls where host_id = k.host_id and crawl_id = k.crawl_id and state = 0 and retry_at <= now()
                        order by retry_at limit p_size for update skip locked) a
        union all
        select * from (select id from urls where host_id = k.host_id and crawl_id = k.crawl_id and state = 0 and retry_at is null
                        order by rank, id limit p_size for update skip locked) b) u limit p_size) x),
  moved as (
    update urls u set state = 1, visit = fit.visit, until = p_until from fit where u.id = fit.id
    returning u.id, u.crawl_id, u.host_id, u.visit, u.url)
  select array_agg(row(id, crawl_id, host_id, visit, url)::taken) into v_taken from moved;
  return v_taken;
end $$;

create function finish(p_crawls int[], p_ids bigint[]) returns work[] language plpgsql ${HOT} as $$
#variable_conflict use_column
declare
  v_done work[];
begin
  -- \`state = 1\` would tempt the planner to walk the few leased for each id.
  perform 1 from urls where id = any(p_ids) order by id for update;
  with moved as (
    update urls u set state = 2, status = 200, fetched_at = clock_timestamp(), visit = null, until = null
     where u.id = any(p_ids) and u.state <> 2
    returning u.id, u.crawl_id, u.host_id, u.depth)
  select array_agg(row(id, crawl_id, host_id, depth)::work) into v_done from moved;
  return v_done;
end $$;

-- The next p_limit rows of a crawl that is deleted, from p_after on; the last of them, null at the end.
create function forget(p_crawl int, p_after uuid, p_limit int) returns uuid language plpgsql ${HOT} as $$
declare
  v_fps uuid[] := array(select fp from urls where crawl_id = p_crawl and fp > p_after order by fp limit p_limit);
begin
  delete from urls where crawl_id = p_crawl and fp = any(v_fps);
  return v_fps[cardinality(v_fps)];
end $$;`,
}
