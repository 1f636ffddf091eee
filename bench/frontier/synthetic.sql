-- A synthetic set of known URLs. Every tenth is of host 1; of the rest twenty in a row are of one host, as the links of a page are, then comes
-- the next host. Kept in step with links.ts.
create schema bench;
create function bench.host_key(p_host int) returns text
language sql immutable as $$ select 'https://www.site-' || p_host || '.example.org:443' $$;

create function bench.url_of(p_host int, p_page int) returns text
language sql immutable as $$
  select 'https://www.site-' || p_host || '.example.org/articles/20' || 10 + p_page % 17 || '/0' || 1 + p_page % 9
         || '/how-to-tell-a-page-from-another-' || p_page
$$;

-- Where the n-th known URL of a crawl lies.
create function bench.place_of(p_n bigint, p_hosts int, out host_id int, out page int)
language sql immutable as $$
  select case when p_n % 10 = 0 then 1 else 2 + ((p_n - p_n / 10) / 20 % (p_hosts - 1))::int end,
         (case when p_n % 10 = 0 then p_n / 10 else (p_n - p_n / 10) / 20 / (p_hosts - 1) * 20 + (p_n - p_n / 10) % 20 end)::int
$$;

create function bench.fingerprint(p_host int, p_url text) returns uuid
language sql immutable as $$
  select (substr(encode(sha256(bench.host_key(p_host)::bytea), 'hex'), 1, 8) || substr(encode(sha256(p_url::bytea), 'hex'), 1, 24))::uuid
$$;
