import { fingerprintSql, HOT, type Layout } from './layout.ts'

interface Split {
  readonly title: string
  readonly fingerprint?: 'by-host' | 'random'
  /** `crawl`: a list partition for each. `host`: sixteen hash partitions. */
  readonly partitions?: 'crawl' | 'host'
  /** The indexes of a crawl's partition do without the crawl; they are no indexes of the parent. */
  readonly ownKeys?: boolean
  /** The fingerprint's index holds what admit asks for, so that known links are answered without the heap. */
  readonly covering?: boolean
  /** Every known link is looked for in pending, not only one whose path is shorter than the first. */
  readonly probeAll?: boolean
}

const HASH_PARTITIONS = 16
const TABLES = ['urls', 'pending', 'catalog'] as const

/**
 * State is where the id is: urls (known, insert only), pending, leases, catalog. With partitions by crawl, each statement that meets one
 * names the crawl as a variable and is planned at each call, so that it locks and opens one partition.
 */
export function splitLayout(split: Split): Layout {
  const { title, partitions, ownKeys = false } = split
  const byCrawl = partitions === 'crawl'
  /** A key of the partitioned table with what the partitioning adds to it. */
  const key = (columns: string): string => (byCrawl ? `crawl_id, ${columns}` : partitions === 'host' ? `${columns}, host_id` : columns)
  /** Binds row `t` to the crawl, and to the partition, of row `x`. */
  const same = (t: string, x: string): string =>
    byCrawl ? `${t}.crawl_id = p_crawl` : `${t}.crawl_id = ${x}.crawl_id${partitions === 'host' ? ` and ${t}.host_id = ${x}.host_id` : ''}`
  const parted = byCrawl ? 'partition by list (crawl_id)' : partitions === 'host' ? 'partition by hash (host_id)' : ''
  const mode = byCrawl ? HOT.replace('force_generic_plan', 'force_custom_plan') : HOT
  const queueKey = ownKeys ? 'host_id' : byCrawl ? 'crawl_id, host_id' : 'host_id, crawl_id'
  const indexes = (suffix: string, k: (columns: string) => string): string => `
create unique index urls_fp${suffix} on urls${suffix} (${ownKeys ? 'fp' : byCrawl || partitions === undefined ? 'crawl_id, fp' : 'crawl_id, fp, host_id'})${split.covering ? ' include (depth, id)' : ''};
create unique index urls_key${suffix} on urls${suffix} (${k('id')});
create unique index pending_key${suffix} on pending${suffix} (${k('id')});
create index pending_ready${suffix} on pending${suffix} (${queueKey}, rank, id) where retry_at is null;
create index pending_retry${suffix} on pending${suffix} (${queueKey}, retry_at) where retry_at is not null;
create unique index catalog_key${suffix} on catalog${suffix} (${k('id, pass')});`
  const addCrawl = byCrawl
    ? `create function add_crawl(p_crawl int) returns void language plpgsql as $f$
begin
  insert into counts values (p_crawl, 0, 0, 0);
  execute format($q$
    ${TABLES.map((table) => `create table ${table}_%1$s (like ${table} including defaults);`).join('\n    ')}
    ${ownKeys ? indexes('_%1$s', (columns) => columns) : ''}
    ${TABLES.map((table) => `alter table ${table} attach partition ${table}_%1$s for values in (%1$s);`).join('\n    ')}
  $q$, p_crawl);
end $f$;`
    : 'create function add_crawl(p_crawl int) returns void language sql as $$ insert into counts values (p_crawl, 0, 0, 0) $$;'
  const hashed = TABLES.flatMap((table) =>
    Array.from(
      { length: HASH_PARTITIONS },
      (_, i) => `create table ${table}_${i} partition of ${table} for values with (modulus ${HASH_PARTITIONS}, remainder ${i});`,
    ),
  ).join('\n')
  /** The function for all crawls of a call: at once, or one after the other. */
  const each = (name: string, args: string, type: string, crawls: string, one: (crawl: string) => string): string =>
    `create function ${name}(${args}) returns ${type}[] language plpgsql ${HOT} as $$
declare
  v_all ${type}[]; v_crawl int;
begin
  ${byCrawl ? `for v_crawl in ${crawls} order by 1 loop v_all := v_all || ${one('v_crawl')}; end loop;` : `v_all := ${one('null')};`}
  return v_all;
end $$;`

  return {
    title,
    leased: 'leases',
    ...(byCrawl && { partitionedByCrawl: TABLES }),
    sql: `
create sequence urls_id as bigint;
create table urls (
  id bigint not null default nextval('urls_id'),
  fp uuid not null,
  parent bigint,
  crawl_id int not null,
  host_id int not null,
  depth smallint not null,
  chain smallint not null default 0,
  priority smallint not null default 0,
  url text not null
) ${parted};
create table pending (
  id bigint not null,
  parent bigint,
  retry_at timestamptz,
  crawl_id int not null,
  host_id int not null,
  rank int not null,
  pass int not null default 1,
  depth smallint not null,
  chain smallint not null default 0,
  priority smallint not null default 0,
  attempt smallint not null default 1,
  crashes smallint not null default 0
) ${parted};
create table leases (
  id bigint not null primary key,
  parent bigint,
  until timestamptz not null,
  visit uuid not null,
  crawl_id int not null,
  host_id int not null,
  pass int not null,
  depth smallint not null,
  chain smallint not null,
  priority smallint not null,
  attempt smallint not null,
  crashes smallint not null
) with (fillfactor = 70);
create index leases_visit on leases (visit);
create index leases_until on leases (until);
create table catalog (
  id bigint not null,
  fetched_at timestamptz not null default clock_timestamp(),
  crawl_id int not null,
  host_id int not null,
  pass int not null default 1,
  status smallint not null default 200
) ${parted};
${partitions === 'host' ? hashed : ''}
${ownKeys ? '' : indexes('', key)}
${addCrawl}
${fingerprintSql(split.fingerprint ?? 'by-host')}

create function load(p_from bigint, p_to bigint, p_total bigint, p_hosts int) returns void language sql as $$
  insert into urls (id, fp, parent, crawl_id, host_id, depth, url)
  select n, layout_fp(host_id, url), n / 10, crawl_id, host_id, 5, url from numbered(p_from, p_to, p_hosts);
  insert into pending (id, parent, crawl_id, host_id, rank, depth)
  select n, n / 10, crawl_id, host_id, 5, 5 from numbered(p_from, p_to, p_hosts) where n > p_total / 10;
  insert into catalog (id, crawl_id, host_id)
  select n, crawl_id, host_id from numbered(p_from, p_to, p_hosts) where n <= p_total / 10;
$$;

create function remember_of(p_crawl int, p_batch candidate[]) returns work[] language plpgsql ${mode} as $$
#variable_conflict use_column
declare
  v_new candidate[]; v_fresh work[]; v_known work[];
begin
  select array_agg(x::candidate order by x.crawl_id, x.fp) filter (where u.id is null),
         array_agg(row(u.id, x.crawl_id, x.host_id, x.depth)::work) filter (where ${split.probeAll ? 'u.id is not null' : 'x.depth < u.depth'})
    into v_new, v_known
    from unnest(p_batch) x left join urls u on ${same('u', 'x')} and u.fp = x.fp;
  with ins as (
    insert into urls (fp, crawl_id, host_id, depth, url)
    select fp, crawl_id, host_id, depth, url from unnest(v_new) order by crawl_id, fp on conflict do nothing
    returning id, crawl_id, host_id, depth)
  select array_agg(row(id, crawl_id, host_id, depth)::work order by id) into v_fresh from ins;
  if v_known is not null then
    perform 1 from unnest(v_known) x join pending p on ${same('p', 'x')} and p.id = x.id where x.depth < p.depth;
  end if;
  return v_fresh;
end $$;
${each(
  'remember',
  'p_batch candidate[]',
  'work',
  'select distinct crawl_id from unnest(p_batch)',
  (crawl) =>
    `remember_of(${crawl}, ${byCrawl ? 'array(select x::candidate from unnest(p_batch) x where x.crawl_id = v_crawl)' : 'p_batch'})`,
)}

create function enqueue(p_rows work[]) returns void language sql as $$
  insert into pending (id, crawl_id, host_id, rank, depth) select id, crawl_id, host_id, depth, depth from unnest(p_rows)
$$;

create function take_of(p_crawl int, p_hosts int[], p_crawls int[], p_visits uuid[], p_size int, p_until timestamptz) returns taken[]
language plpgsql ${mode} as $$
#variable_conflict use_column
declare
  v_rows taken[]; v_taken taken[];
begin
  with fit as (
    select x.id, k.crawl_id, k.host_id, k.visit from unnest(p_hosts, p_crawls, p_visits) k(host_id, crawl_id, visit) cross join lateral (
      select id from (
        select * from (select id from pending p where p.host_id = k.host_id and ${same('p', 'k')} and retry_at <= now()
                        order by retry_at limit p_size for update skip locked) a
        union all
        select * from (select id from pending p where p.host_id = k.host_id and ${same('p', 'k')} and retry_at is null
                        order by rank, id limit p_size for update skip locked) b) u limit p_size) x
    ${byCrawl ? 'where k.crawl_id = p_crawl' : ''}),
  gone as (
    delete from pending p using fit where ${same('p', 'fit')} and p.id = fit.id returning p.*, fit.visit),
  put as (
    insert into leases select id, parent, p_until, visit, crawl_id, host_id, pass, depth, chain, priority, attempt, crashes from gone)
  select array_agg(row(id, crawl_id, host_id, visit, null)::taken) into v_rows from gone;
  select array_agg(row(r.id, r.crawl_id, r.host_id, r.visit, u.url)::taken) into v_taken
    from unnest(v_rows) r join urls u on ${same('u', 'r')} and u.id = r.id;
  return v_taken;
end $$;
${each(
  'take',
  'p_hosts int[], p_crawls int[], p_visits uuid[], p_size int, p_until timestamptz',
  'taken',
  'select distinct c from unnest(p_crawls) c',
  (crawl) => `take_of(${crawl}, p_hosts, p_crawls, p_visits, p_size, p_until)`,
)}

create function finish(p_crawls int[], p_ids bigint[]) returns work[] language plpgsql ${HOT} as $$
#variable_conflict use_column
declare
  v_done work[];
begin
  perform 1 from leases where id = any(p_ids) order by id for update;
  with gone as (
    delete from leases where id = any(p_ids) returning *)
  select array_agg(row(id, crawl_id, host_id, depth)::work order by id) into v_done from gone;
  insert into catalog (id, crawl_id, host_id) select id, crawl_id, host_id from unnest(v_done) order by id;
  return v_done;
end $$;

-- The next p_limit rows of a crawl that is deleted, from p_after on; the last of them, null at the end.
create function forget(p_crawl int, p_after uuid, p_limit int) returns uuid language plpgsql ${HOT} as $$
#variable_conflict use_column
declare
  v_fps uuid[] := array(select fp from urls where crawl_id = p_crawl and fp > p_after order by fp limit p_limit);
begin
  with gone as (
    delete from urls where crawl_id = p_crawl and fp = any(v_fps) returning id, crawl_id, host_id),
  queued as (
    delete from pending p using gone where ${same('p', 'gone')} and p.id = gone.id)
  delete from catalog c using gone where ${same('c', 'gone')} and c.id = gone.id;
  return v_fps[cardinality(v_fps)];
end $$;`,
  }
}
