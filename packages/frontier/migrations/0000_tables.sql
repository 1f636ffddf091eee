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
  by_level boolean generated always as ((config ->> 'depthByLevel')::boolean) stored,
  level smallint not null default 0,                 -- by_level: nothing deeper is claimed
  ran_ms bigint not null default 0,                  -- time in state running, ticked by advance()
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
-- The row is the lock of its host key. Nothing that moves is indexed, so updates are HOT.
create table hosts (
  id int generated always as identity primary key,
  key text not null unique,                          -- scheme://host:port
  next_at timestamptz not null default '-infinity',  -- nobody may visit before; while visited: the end of the lease plus the delay
  lease_until timestamptz not null default '-infinity',
  visit uuid,                                        -- the fence
  mean_exchange_ms real,
  crawl_delay_ms int,
  robots_access text check (robots_access in ('rules', 'allow-all')),
  robots_digest text,
  robots_expires timestamptz not null default '-infinity',
  robots_good_at timestamptz,                        -- when the copy was fetched
  robots_retry_at timestamptz,                       -- unreachable and no copy: not before
  trouble_kind text,
  trouble_code text,
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
  until timestamptz not null,
  kind text not null check (kind in ('pages', 'robots'))
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
--> statement-breakpoint
-- A host with work of a crawl. due_at is a hint that claim checks again under the host's lock.
-- asleep: nothing can be claimed before due_at (the first retry, or 'infinity'); only such a row is woken by new work.
create table queues (
  host_id int not null,
  crawl_id int not null,
  due_at timestamptz not null,
  asleep boolean not null,
  given_up text,                                     -- why this crawl gave the host up
  joined_at timestamptz not null default now(),
  primary key (host_id, crawl_id)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);
--> statement-breakpoint
create index queues_due on queues (crawl_id, due_at) include (host_id) where given_up is null;
--> statement-breakpoint
create index queues_given_up on queues (crawl_id, due_at) include (host_id) where given_up is not null;
--> statement-breakpoint
-- Every URL a crawl knows; insert only. depth, chain and parent are those of the first arrival; pending has the best one.
create table urls (
  id bigint generated always as identity,
  fp uuid not null,                                  -- 32 bits of the host key, 96 of the URL: neighbours in the index
  parent bigint,
  crawl_id int not null,
  host_id int not null,
  depth smallint not null,
  chain smallint not null,
  url text not null,
  constraint urls_pk primary key (crawl_id, fp),
  constraint urls_id unique (id)
) with (autovacuum_vacuum_insert_scale_factor = 0.1);
--> statement-breakpoint
-- Queued. crashes > 0 (a suspect, claimed alone) implies a retry time. The row type is also how the functions hand URLs to each other.
create table pending (
  id bigint primary key,
  crawl_id int not null,
  host_id int not null,
  depth smallint not null,
  chain smallint not null,
  parent bigint,
  attempt smallint not null,                         -- of the next request, from 1
  crashes smallint not null,
  retry_at timestamptz,
  constraint pending_suspects_retry check (crashes = 0 or retry_at is not null)
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.1);
--> statement-breakpoint
create index pending_ready on pending (host_id, crawl_id, depth, id) where retry_at is null;
--> statement-breakpoint
create index pending_retry on pending (host_id, crawl_id, retry_at) where retry_at is not null;
--> statement-breakpoint
create table leases (
  id bigint primary key,
  crawl_id int not null,
  host_id int not null,
  depth smallint not null,
  chain smallint not null,
  parent bigint,
  attempt smallint not null,
  crashes smallint not null,
  visit uuid not null,
  until timestamptz not null
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
--> statement-breakpoint
create index leases_visit on leases (visit);
--> statement-breakpoint
create index leases_until on leases (until);
--> statement-breakpoint
-- Done: a final HTTP answer. tx lets a reader take only rows behind which nothing can appear any more.
create table catalog (
  id bigint primary key,
  seq bigint generated always as identity,
  tx xid8 not null default pg_current_xact_id(),
  parent bigint,
  body_bytes bigint not null,
  wire_bytes bigint not null,
  fetched_at timestamptz not null,
  crawl_id int not null,
  first_byte_ms int not null,
  total_ms int not null,
  links int not null,
  links_dropped int not null,
  status smallint not null,
  depth smallint not null,
  chain smallint not null,
  attempt smallint not null,
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
  parse_error text
) with (autovacuum_vacuum_insert_scale_factor = 0.1);
--> statement-breakpoint
create index catalog_cursor on catalog (crawl_id, tx, seq);
--> statement-breakpoint
create table failures (
  id bigint primary key,
  crawl_id int not null,
  parent bigint,
  depth smallint not null,
  attempt smallint not null,
  code text not null,
  detail text not null,
  at timestamptz not null
);
--> statement-breakpoint
create index failures_code on failures (crawl_id, code);
--> statement-breakpoint
create table exclusions (
  id bigint primary key,
  crawl_id int not null,
  parent bigint,
  depth smallint not null,
  rule text not null,
  detail text not null,
  at timestamptz not null
);
--> statement-breakpoint
create index exclusions_rule on exclusions (crawl_id, rule);
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
-- Working types of the functions.
create type picked as (
  host_id int, crawl_id int, turn bigint, room int, level int, fate text, wait_until timestamptz, visit uuid,
  delay_ms int, width int, size int, asking_host_id int, hop int, hop_url text);
--> statement-breakpoint
create type candidate as (crawl_id int, fp uuid, url text, host_id int, depth smallint, chain smallint, parent bigint);
--> statement-breakpoint
create type visit_end as (
  host_id int, visit uuid, ending text, unfetched bigint[], next_in_ms bigint, page_lease_ms bigint, mean_ms real,
  trouble_kind text, trouble_code text, base_ms bigint, max_ms bigint, jitter real, floor_ms bigint, answered boolean);
--> statement-breakpoint
create type robots_result as (
  host_id int, visit uuid, crawl_id int, asking_host_id int, kind text, digest text, body text, ttl_ms bigint, crawl_delay_ms int,
  hop_url text, hop_key text, hop int, trouble_kind text, trouble_code text, base_ms bigint, max_ms bigint, jitter real, floor_ms bigint);
