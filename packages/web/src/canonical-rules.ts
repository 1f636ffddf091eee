import { type CanonicalUrl, canonicalize } from './canonical-url.ts'

/** A canonical URL in pieces; `path` begins with a slash, `query` is without its question mark, undefined if there is none. */
interface Pieces {
  readonly scheme: string
  /** With its port, if that is not the scheme's default. */
  readonly host: string
  readonly path: string
  readonly query: string | undefined
}

/**
 * Steps of canonicalization that may change what a URL means, so that each is asked for by name (RFC 3986 6.2.3 and 6.2.4 leave them to those who know
 * the site). They are taken in this order. The same words as the protocol's `canonicalRule`, which this layer cannot import.
 */
export const CANONICAL_RULES = ['https', 'no-session', 'no-tracking', 'no-index', 'no-trailing-slash', 'sorted-query'] as const
export type CanonicalRule = (typeof CANONICAL_RULES)[number]

/** Of Java servlets, in the path; it ends at the next piece of the path. */
const PATH_SESSION = /;jsessionid=[^/;]*/gi
/** Of PHP, Java, ASP, ColdFusion, and what many frameworks call theirs. */
const SESSION = /^(?:jsessionid|phpsessid|aspsessionid[a-z]*|cfid|cftoken|sid|sessionid|session_id)$/i
/** Who sent the visitor: what advertisers and senders of mail add to follow a click. */
const TRACKING =
  /^(?:utm_\w+|gclid|gclsrc|dclid|gbraid|wbraid|gad_source|gad_campaignid|srsltid|_ga|_gl|fbclid|igshid|igsh|msclkid|yclid|ysclid|_openstat|twclid|ttclid|li_fat_id|epik|mc_cid|mc_eid|mkt_tok|_hsenc|_hsmi|__hstc|__hssc|__hsfp|hsctatracking|oly_anon_id|oly_enc_id|vero_id|vero_conv|wickedid|s_cid)$/i
/** What servers answer with where a folder is asked for. */
const INDEX_FILE = /^(?:index\.(?:html?|php|aspx?|jsp|cgi)|default\.(?:html?|aspx?))$/i
/** As far as the WHATWG parse is concerned, `/a/..;jsessionid=1/b` has no dot segment until its session is gone. */
const DOT_SEGMENT = /\/\.{1,2}(?:\/|$)/

/**
 * Takes the steps that are asked for. The result is canonical, and taking them again changes nothing.
 * Cost: without rules nothing; otherwise a few scans of the string, no parse but where a session id hid a dot segment.
 */
export function applyCanonicalRules(url: CanonicalUrl, rules: ReadonlySet<CanonicalRule>): CanonicalUrl {
  if (rules.size === 0) return url
  const plain = rules.has('no-session') ? withoutPathSession(url) : url
  let pieces = take(plain)
  if (rules.has('https') && pieces.scheme === 'http:' && !pieces.host.includes(':', pieces.host.indexOf(']') + 1))
    pieces = { ...pieces, scheme: 'https:' }
  if (rules.has('no-session')) pieces = withoutParameters(pieces, SESSION)
  if (rules.has('no-tracking')) pieces = withoutParameters(pieces, TRACKING)
  pieces = { ...pieces, path: shorterPath(pieces.path, rules.has('no-index'), rules.has('no-trailing-slash')) }
  if (rules.has('sorted-query') && pieces.query !== undefined) pieces = { ...pieces, query: sorted(pieces.query) }
  return join(pieces) as CanonicalUrl
}

function take(url: CanonicalUrl): Pieces {
  const authority = url.indexOf('//') + 2
  const path = url.indexOf('/', authority)
  const query = url.indexOf('?', path)
  return {
    scheme: url.slice(0, authority - 2),
    host: url.slice(authority, path),
    path: query === -1 ? url.slice(path) : url.slice(path, query),
    query: query === -1 ? undefined : url.slice(query + 1),
  }
}

const join = ({ scheme, host, path, query }: Pieces): string => `${scheme}//${host}${path}${query === undefined ? '' : `?${query}`}`

function withoutPathSession(url: CanonicalUrl): CanonicalUrl {
  const pieces = take(url)
  const path = pieces.path.replace(PATH_SESSION, '')
  if (path === pieces.path) return url
  const plain = join({ ...pieces, path })
  return DOT_SEGMENT.test(path) ? (canonicalize(plain) ?? url) : (plain as CanonicalUrl)
}

/** A query of which nothing is left goes with its question mark; one that names none of them stays as it is. */
function withoutParameters(pieces: Pieces, names: RegExp): Pieces {
  if (pieces.query === undefined) return pieces
  const all = pieces.query.split('&')
  const kept = all.filter((parameter) => !names.test(nameOf(parameter)))
  if (kept.length === all.length) return pieces
  return { ...pieces, query: kept.length === 0 ? undefined : kept.join('&') }
}

/** Both steps open the way for each other: `/a/index.html/` is `/a`. */
function shorterPath(path: string, noIndex: boolean, noSlash: boolean): string {
  let end = path.length
  for (;;) {
    while (noSlash && end > 1 && path[end - 1] === '/') end--
    const file = path.lastIndexOf('/', end - 1) + 1
    if (!noIndex || !INDEX_FILE.test(path.slice(file, end))) return path.slice(0, end)
    end = file
  }
}

/** By name, equal names in the order they had. */
const sorted = (query: string): string =>
  query
    .split('&')
    .map((parameter) => ({ parameter, name: nameOf(parameter) }))
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
    .map(({ parameter }) => parameter)
    .join('&')

function nameOf(parameter: string): string {
  const end = parameter.indexOf('=')
  return end === -1 ? parameter : parameter.slice(0, end)
}
