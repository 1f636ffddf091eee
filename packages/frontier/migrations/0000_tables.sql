-- The frontier's tables. Read docs/frontier.md first. No foreign keys on purpose: their checks would take row locks on hosts in an order
-- that nobody chose. State is where a URL's id is: pending = queued, leases = leased, catalog = done, failures = failed, exclusions = excluded.
set local search_path = frontier;
--> statement-breakpoint
create table crawls (
  id int generated always as identity primary key,
  name text not null unique,
  state text not null default 'created'
    check (state in ('created', 'running', 'paused', 'finishing', 'cancelling', 'completed', 'cancelled', 'failed')),
  config jsonb not null,
  -- Read by the hot calls; the configuration is the only source.
  max_pages bigint generated always as ((config ->> 'maxPages')::bigint) stored,
  max_bytes bigint generated always as ((config ->> 'maxBytes')::bigint) stored,
  max_time_ms bigint generated always as ((config ->> 'maxTimeMs')::bigint) stored,
  delay_ms int generated always as ((config ->> 'delayMs')::int) stored,
  width int generated always as ((config ->> 'hostConcurrency')::int) stored,
  weight real generated always as ((config ->> 'weight')::real) stored,
  by_level boolean generated always as ((config ->> 'depthByLevel')::boolean) stored,
  level smallint not null default 0,                 -- by_level: nothing deeper is claimed
  max_rank int generated always as (case when (config ->> 'depthByLevel')::boolean then (level::int + 1) * 256 - 1 else 2147483647 end) stored,
  host_pages bigint generated always as ((config ->> 'maxPagesPerHost')::bigint) stored,
  host_bytes bigint generated always as ((config ->> 'maxBytesPerHost')::bigint) stored,
  host_time_ms bigint generated always as ((config ->> 'maxTimePerHostMs')::bigint) stored,
  by_host boolean generated always as (               -- the counters of its queues are kept
    coalesce(config ->> 'maxPagesPerHost', config ->> 'maxBytesPerHost', config ->> 'maxTimePerHostMs') is not null) stored,
  address_slots int generated always as ((config ->> 'addressSlots')::int) stored,
  address_spacing_ms int generated always as ((config ->> 'addressSpacingMs')::int) stored,
  pass int not null default 1,
  pass_all boolean not null default false,           -- URLs are asked for again whether they are due or not
  pass_cursor bigint,                                -- URLs up to this id were looked at for this pass; null: all
  pass_at timestamptz,                               -- when the pass began
  pass_bytes bigint not null default 0,              -- bytes in the catalog when it began
  next_pass_at timestamptz,                          -- by its schedule
  deleting boolean not null default false,
  ran_ms bigint not null default 0,                  -- time in state running in this pass, ticked by advance()
  ticked_at timestamptz,
  reason text,                                       -- which budget was spent, or 'cancel'
  created_at timestamptz not null default now(),
  ended_at timestamptz
);
--> statement-breakpoint
create index crawls_unfinished on crawls (id) where state in ('created', 'running', 'paused', 'finishing', 'cancelling');
--> statement-breakpoint
create table crawl_roots (
  crawl_id int not null,
  root text not null,
  primary key (crawl_id, root)
);
--> statement-breakpoint
-- Counters: a row per crawl, depth and coordinator slot, so that coordinators do not meet on a row; sums are exact at every commit.
create table crawl_counts (
  crawl_id int not null,
  depth smallint not null,
  slot smallint not null,
  discovered bigint not null,
  queued bigint not null,
  leased bigint not null,
  done bigint not null,
  failed bigint not null,
  excluded bigint not null,
  bytes bigint not null,                             -- decoded body bytes in the catalog
  primary key (crawl_id, depth, slot)
) with (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
--> statement-breakpoint
-- Hosts that share a server: an IPv4 address or an IPv6 /64. Its calendar is written by claim alone, one at a time.
create table addresses (
  id int generated always as identity primary key,
  prefix cidr not null unique,
  next_at timestamptz not null default '-infinity'   -- the requests that were handed out fill the time until then
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);
--> statement-breakpoint
-- The row is the lock of its host key. Nothing that moves is indexed, so updates are HOT.
create table hosts (
  id int generated always as identity primary key,
  key text not null unique,                          -- scheme://host:port
  next_at timestamptz not null default '-infinity',  -- nobody may visit before; while visited: the end of the lease plus the delay
  lease_until timestamptz not null default '-infinity',
  visit uuid,                                        -- the fence
  mean_exchange_ms real,
  crawl_delay_ms int,
  address_id int,                                    -- null: not known yet
  moves int not null default 0,                      -- visits in a row that found it in another group, and asked for nothing
  pace_delay_ms int,                                 -- an operator's, instead of the crawl's; a longer Crawl-delay still holds
  pace_width int,
  blocked text,                                      -- an operator's reason why nothing of it is fetched
  robots_access text check (robots_access in ('rules', 'allow-all')),
  robots_digest text,
  robots_expires timestamptz not null default '-infinity',
  robots_good_at timestamptz,                        -- when the copy was fetched
  robots_retry_at timestamptz,                       -- unreachable and no copy: not before
  trouble_kind text,
  trouble_code text,
  throttle_count int not null default 0,             -- visits that ended with 429 or 503, forgotten after half an hour without one
  throttled_at timestamptz,
  trouble_count int not null default 0,              -- visits without a usable answer
  trouble_since timestamptz,
  unreachable_count int not null default 0,          -- the last of them that did not even reach the host
  unreachable_since timestamptz
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);
--> statement-breakpoint
-- Open visits, by host, so that a second one for a host is impossible; as small as the window.
create table visits (
  host_id int primary key,
  id uuid not null unique,
  crawl_id int not null,
  delay_ms int not null,
  address_id int,                                    -- whose slot it holds
  until timestamptz not null,
  began_at timestamptz not null default clock_timestamp(),
  kind text not null check (kind in ('pages', 'robots', 'resolve')),
  recalled boolean not null default false,           -- an operator wants it ended
  worker text                                        -- the fetcher that runs it, once it has said so
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
--> statement-breakpoint
create index visits_address on visits (address_id) where address_id is not null;
--> statement-breakpoint
-- A host with work of a crawl. due_at is a hint that claim checks again under the host's lock.
-- asleep: nothing can be claimed before due_at (the first retry, or 'infinity'); only such a row is woken by new work.
-- closed: why nothing of it is claimed any more and what is queued ends, as 'what: why'. 'given-up' ends as failed, 'operator' and
-- 'budget' as excluded.
create table queues (
  host_id int not null,
  crawl_id int not null,
  due_at timestamptz not null,
  asleep boolean not null,
  closed text,
  joined_at timestamptz not null default now(),
  leased int not null default 0,                     -- these four are kept in this pass for crawls that have budgets by host
  done int not null default 0,
  bytes bigint not null default 0,
  busy_ms bigint not null default 0,                 -- time in visits
  primary key (host_id, crawl_id)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);
--> statement-breakpoint
create index queues_due on queues (crawl_id, due_at) include (host_id) where closed is null;
--> statement-breakpoint
create index queues_closed on queues (crawl_id, due_at) include (host_id) where closed is not null;
--> statement-breakpoint
-- The tables that grow with a crawl have a partition for each, which create_crawl() makes, so that deleting a crawl gives its disk space back.
-- Keys and indexes are the partitions' own, without crawl_id: they are smaller, and no plan can take `crawl_id = ...` for a choice of rows.
-- A crawl of a billion URLs may have its own partitions partitioned again, by hash of fp or id.
-- URLs a crawl knows; insert only. depth, chain and parent are those of the first arrival; pending has the best one.
create sequence urls_id as bigint;
--> statement-breakpoint
create table urls (
  id bigint not null default nextval('urls_id'),
  fp uuid not null,                                  -- 32 bits of the host key, 96 of the URL: neighbours in the index
  parent bigint,
  crawl_id int not null,
  host_id int not null,
  depth smallint not null,
  chain smallint not null,
  priority smallint not null,
  url text not null
) partition by list (crawl_id);
--> statement-breakpoint
-- Queued. rank orders the URLs of a host: by priority, then depth; with levels by depth, then priority (rank_of()).
-- crashes > 0 (a suspect, claimed alone) implies a retry time.
create table pending (
  id bigint not null,
  parent bigint,
  retry_at timestamptz,
  crawl_id int not null,
  host_id int not null,
  rank int not null,
  pass int not null,
  depth smallint not null,
  chain smallint not null,
  priority smallint not null,
  attempt smallint not null,                         -- of the next request, from 1
  crashes smallint not null,
  constraint pending_suspects_retry check (crashes = 0 or retry_at is not null)
) partition by list (crawl_id);
--> statement-breakpoint
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
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
--> statement-breakpoint
create index leases_visit on leases (visit);
--> statement-breakpoint
create index leases_until on leases (until);
--> statement-breakpoint
-- A final HTTP answer, one a pass; the newest says that the URL is done, if it is in none of the other tables.
-- tx lets a reader take only rows behind which nothing can appear any more.
create sequence catalog_seq as bigint;
--> statement-breakpoint
create table catalog (
  id bigint not null,
  seq bigint not null default nextval('catalog_seq'),
  tx xid8 not null default pg_current_xact_id(),
  parent bigint,
  body_bytes bigint not null,
  wire_bytes bigint not null,
  fetched_at timestamptz not null,
  recrawl_at timestamptz not null,                   -- a later pass asks again from then on,
  recrawl_ms bigint not null,                        -- so long after it was settled
  crawl_id int not null,
  pass int not null,
  body_pass int not null,                            -- the pass whose answer had the body; an earlier one after 304
  first_byte_ms int not null,
  total_ms int not null,
  links int not null,
  links_dropped int not null,
  status smallint not null,
  depth smallint not null,
  chain smallint not null,
  attempt smallint not null,
  changed boolean,                                   -- against the pass before; null: there is none
  noindex boolean,
  nofollow boolean,
  content_type text,
  location text,
  etag text,
  last_modified text,
  digest bytea,
  truncated text,
  title text,
  lang text,
  canonical text,
  encoding text,
  parse_error text,
  usage text                                         -- Content-Usage of robots.txt and answer together
) partition by list (crawl_id);
--> statement-breakpoint
create table failures (
  id bigint not null,
  parent bigint,
  at timestamptz not null,
  crawl_id int not null,
  host_id int not null,
  pass int not null,
  depth smallint not null,
  attempt smallint not null,
  code text not null,
  detail text not null
) partition by list (crawl_id);
--> statement-breakpoint
create table exclusions (
  id bigint not null,
  parent bigint,
  at timestamptz not null,
  crawl_id int not null,
  host_id int not null,
  pass int not null,
  depth smallint not null,
  rule text not null,
  detail text not null
) partition by list (crawl_id);
--> statement-breakpoint
-- Tries of a URL that did not end it.
create table retries (
  id bigint not null,
  at timestamptz not null,
  crawl_id int not null,
  pass int not null,
  attempt smallint not null,
  code text not null
) partition by list (crawl_id);
--> statement-breakpoint
-- Links that a pure rule refused, for people: how many, and one of them. A row per crawl, host of the page and rule.
create table refusals (
  crawl_id int not null,
  host_id int not null,
  rule text not null,
  count bigint not null,
  sample text not null,
  primary key (crawl_id, host_id, rule)
) with (fillfactor = 70);
--> statement-breakpoint
-- Coordinators that live, and what keeps them from claiming.
create table coordinators (
  name text primary key,
  seen_at timestamptz not null,
  fetchers int not null,                             -- that take visits
  holds text                                         -- why it claims nothing
) with (fillfactor = 50);
--> statement-breakpoint
create table robots_texts (
  digest text primary key,
  body bytea not null
);
--> statement-breakpoint
-- robots.txt of asking_host_id was redirected: the next hop is due as a visit of host_id.
create table robots_hops (
  asking_host_id int primary key,
  host_id int not null,
  crawl_id int not null,
  hop int not null,
  url text not null,
  visit uuid,                                        -- who fetches it
  expires_at timestamptz not null                    -- the asking host starts over after that
);
--> statement-breakpoint
create index robots_hops_target on robots_hops (host_id, crawl_id);
--> statement-breakpoint
-- Working types of the functions. `ready`: a URL that claim may take, with its place in its visit. `work`: a URL on its way from one table to another.
create type work as (
  id bigint, crawl_id int, host_id int, pass int, depth smallint, chain smallint, priority smallint, parent bigint,
  attempt smallint, crashes smallint, retry_at timestamptz);
--> statement-breakpoint
create type picked as (
  host_id int, crawl_id int, turn double precision, room int, max_rank int, fate text, detail text, wait_until timestamptz, visit uuid,
  delay_ms int, width int, size int, address_id int, spacing_ms int, asking_host_id int, hop int, hop_url text);
--> statement-breakpoint
create type ready as (visit uuid, pos int, suspect boolean, crawl_id int, id bigint);
--> statement-breakpoint
create type candidate as (
  crawl_id int, fp uuid, url text, host_id int, depth smallint, chain smallint, priority smallint, parent bigint);
--> statement-breakpoint
create type visit_end as (
  host_id int, visit uuid, ending text, unfetched bigint[], next_in_ms bigint, stretch_ms bigint, page_lease_ms bigint, mean_ms real, address_group text,
  trouble_kind text, trouble_code text, throttled boolean, base_ms bigint, max_ms bigint, jitter real, floor_ms bigint, answered boolean);
--> statement-breakpoint
create type robots_result as (
  host_id int, visit uuid, crawl_id int, asking_host_id int, kind text, digest text, body text, ttl_ms bigint, crawl_delay_ms int,
  hop_url text, hop_key text, hop int, trouble_kind text, trouble_code text, base_ms bigint, max_ms bigint, jitter real, floor_ms bigint);
--> statement-breakpoint
create type host_count as (host_id int, crawl_id int, leased int, done int, bytes bigint, busy_ms bigint);
