/** A way of laying out the tables that grow with a crawl. Its SQL runs after base.sql, in the schema `bench`. */
export interface Layout {
  readonly title: string
  readonly sql: string
  /** Where the leased URLs are. */
  readonly leased: string
  /** A crawl is deleted by dropping its partitions of these tables; undefined: by deleting its rows. */
  readonly partitionedByCrawl?: readonly string[]
}

/** Settings of every hot function, as in packages/frontier/migrations: plans that walk indexes, made once. */
export const HOT = `volatile set search_path = bench set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
set plan_cache_mode = force_generic_plan`

/** 32 bits of the host key, then 96 of the URL; or 128 of the URL. */
export function fingerprintSql(kind: 'by-host' | 'random'): string {
  const body = kind === 'by-host' ? 'fingerprint(p_host, p_url)' : `substr(encode(sha256(p_url::bytea), 'hex'), 1, 32)::uuid`
  return `create function layout_fp(p_host int, p_url text) returns uuid language sql immutable as $$ select ${body} $$;`
}
