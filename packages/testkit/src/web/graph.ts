import { hash, sequence } from './random.ts'
import type { WebSpec } from './spec.ts'

/** A link as it stands in a page: where it leads, how it is written, and whether a crawler may follow it. */
export interface WebLink {
  readonly url: string
  readonly href: string
  readonly nofollow: boolean
}

export type Fault = 'reset' | 'busy' | 'slow' | 'dead'

/** What is at a URL. */
export type WebNode =
  | {
      readonly kind: 'page'
      readonly links: readonly WebLink[]
      /** `<base href>`. */
      readonly base?: string
      /** Target of `<meta http-equiv=refresh>`. */
      readonly refresh?: string
      /** Where the page says nofollow for all of its links. */
      readonly nofollow?: 'meta' | 'header'
      /** URLs that look like links and are none: in a comment and in a script. */
      readonly decoys?: readonly string[]
      readonly fault?: Fault
    }
  | { readonly kind: 'asset' }
  | { readonly kind: 'redirect'; readonly status: number; readonly to: string; readonly location: string }
  | { readonly kind: 'missing'; readonly status: 404 | 410 }

const CHILDREN = 6
const CHAIN = 3
/** One more than the redirects that a crawler follows by default. */
const LONG_CHAIN = 12
const REDIRECT_STATUS = [301, 302, 303, 307, 308] as const

/** The web as a function from URL to node; nothing but the spec and the origins is stored. */
export class WebGraph {
  readonly spec: WebSpec
  /** `http://127.0.0.2:34001`, by host number. */
  readonly origins: readonly string[]
  readonly #hostOf: ReadonlyMap<string, number>
  /** Per host and ordinary page: the special things that it links to. */
  readonly #attached: readonly Map<number, WebLink[]>[]

  constructor(spec: WebSpec, origins: readonly string[]) {
    this.spec = spec
    this.origins = origins
    this.#hostOf = new Map(origins.map((origin, host) => [origin, host]))
    this.#attached = origins.map((_, host) => this.#attach(host))
  }

  /** The roots of all hosts; the first one alone reaches everything. */
  get roots(): string[] {
    return this.origins.map((origin) => `${origin}/`)
  }

  url(host: number, path: string): string {
    return `${this.origins[host % this.origins.length]}${path}`
  }

  pageUrl(host: number, page: number): string {
    return this.url(host, pagePath(page))
  }

  /** The node at an absolute URL; undefined outside of this web. A path that is not known is missing. */
  at(url: string): WebNode | undefined {
    const slash = url.indexOf('/', 'https://'.length)
    const host = this.#hostOf.get(url.slice(0, slash))
    return host === undefined ? undefined : this.node(host, url.slice(slash))
  }

  /** Whether robots.txt of the host forbids the path (robots.ts writes the rules). */
  isDisallowed(path: string): boolean {
    return this.spec.robots.rules && path.startsWith('/private/') && !path.startsWith('/private/open-')
  }

  node(host: number, path: string): WebNode {
    const page = pageNumber(path)
    if (page !== undefined) return page < this.spec.pagesPerHost ? this.#page(host, page) : NOT_FOUND
    const [, section = '', rest = ''] = /^\/([a-z-]+)\/(.*)$/.exec(path) ?? []
    const make = SPECIALS[section]
    return make?.(this, host, rest) ?? NOT_FOUND
  }

  /** An ordinary page: its children in the tree, the next host's root, what is attached to it, and random links. */
  #page(host: number, page: number): WebNode {
    const { links: shape, pagesPerHost, seed } = this.spec
    const random = sequence(hash(seed, host, page, 1))
    const links: WebLink[] = []
    for (let child = page * CHILDREN + 1; child <= page * CHILDREN + CHILDREN && child < pagesPerHost; child++) {
      links.push(this.#link(host, page, this.pageUrl(host, child), random()))
    }
    links.push(...(this.#attached[host]?.get(page) ?? []))
    const count = shape.min + Math.floor((shape.max - shape.min + 1) * random())
    while (links.length < count) {
      const away = random() < shape.crossHostShare
      const target = this.pageUrl(away ? Math.floor(random() * this.origins.length) : host, Math.floor(random() * pagesPerHost))
      links.push(this.#link(host, page, target, random()))
    }
    return { kind: 'page', links }
  }

  /** The forms in which authors write one and the same link. */
  #link(host: number, page: number, url: string, form: number): WebLink {
    const origin = this.origins[host] ?? ''
    const local = url.startsWith(`${origin}/`)
    const path = local ? url.slice(origin.length) : url
    if (!local) return { url, href: form < 0.3 ? url.slice('http:'.length) : url, nofollow: false }
    if (form < 0.2) return { url, href: url, nofollow: false }
    if (form < 0.3) return { url, href: `${path}#part-${page}`, nofollow: false }
    if (form < 0.5) return { url, href: `${page === 0 ? '.' : '..'}${path}`, nofollow: false }
    return { url, href: path, nofollow: false }
  }

  #attach(host: number): Map<number, WebLink[]> {
    const attached = new Map<number, WebLink[]>()
    const { pagesPerHost, seed, specials, faults } = this.spec
    const add = (on: number, url: string, nofollow = false): void => {
      const list = attached.get(on) ?? []
      list.push({ url, href: url.replaceAll('&', '&amp;'), nofollow })
      attached.set(on, list)
    }
    // hosts hang below each other as a tree, so that one seed reaches all of them
    for (let next = host * CHILDREN + 1; next <= host * CHILDREN + CHILDREN && next < this.origins.length; next++) {
      add(hash(seed, host, next, 2) % pagesPerHost, `${this.origins[next]}/`)
    }
    const hang = (path: string, kind: number, k: number): void => add(hash(seed, host, kind, k, 3) % pagesPerHost, this.url(host, path))
    for (let k = 0; k < specials; k++) {
      ENTRIES.forEach((entry, kind) => {
        hang(entry(k), kind, k)
      })
      add(hash(seed, host, k, 4) % pagesPerHost, this.url(host, `/hidden/rel-${k}.html`), true)
    }
    for (const fault of ['reset', 'busy', 'slow', 'dead'] as const) {
      for (let k = 0; k < faults[fault]; k++) hang(`/fault/${fault}-${k}.html`, 100 + fault.length, k)
    }
    return attached
  }
}

/** Paths of the special things that an ordinary page links to; what lies behind them is only reachable through them. */
const ENTRIES: readonly ((k: number) => string)[] = [
  (k) => `/go/${k}`,
  (k) => `/chain/${k}-0`,
  (k) => `/loop/${k}-a`,
  (k) => `/away/${k}`,
  (k) => `/long/${k}-0`,
  (k) => `/missing/${k}.html`,
  (k) => `/gone/${k}.html`,
  (k) => `/private/${k}.html`,
  (k) => `/private/open-${k}.html`,
  (k) => `/nofollow/${k}.html`,
  (k) => `/xrobots/${k}.html`,
  (k) => `/decoy/${k}.html`,
  (k) => `/base/${k}.html`,
  (k) => `/refresh/${k}.html`,
  (k) => `/query/?page=${k}&sort=up`,
  (k) => `/files/${k}.txt`,
]

const NOT_FOUND: WebNode = { kind: 'missing', status: 404 }
const LEAF: WebNode = { kind: 'page', links: [] }
const html = (rest: string): boolean => /^[a-z0-9-]+\.html$/.test(rest)
const stem = (rest: string): string => rest.replace(/\.html$/, '')

/** Section of a path -> what is at the rest of it; undefined: nothing. */
const SPECIALS: Readonly<Record<string, (web: WebGraph, host: number, rest: string) => WebNode | undefined>> = {
  go: (web, host, k) => redirect(web, host, Number(k), web.pageUrl(host, hash(web.spec.seed, host, Number(k), 5) % web.spec.pagesPerHost)),
  chain: (web, host, rest) => chain(web, host, 'chain', rest, CHAIN),
  long: (web, host, rest) => chain(web, host, 'long', rest, LONG_CHAIN),
  end: (_web, _host, rest) => (html(rest) ? LEAF : undefined),
  loop: (web, host, rest) =>
    redirect(web, host, 0, web.url(host, `/loop/${rest.endsWith('a') ? rest.replace('a', 'b') : rest.replace('b', 'a')}`)),
  away: (web, host, k) => redirect(web, host, 1, web.url(host + 1, `/arrived/${host}-${k}.html`)),
  arrived: (_web, _host, rest) => (html(rest) ? LEAF : undefined),
  gone: () => ({ kind: 'missing', status: 410 }),
  private: (_web, _host, rest) => (html(rest) ? LEAF : undefined),
  nofollow: (web, host, rest) => ({ kind: 'page', nofollow: 'meta', links: [plain(web, host, `/hidden/meta-${rest}`)] }),
  xrobots: (web, host, rest) => ({ kind: 'page', nofollow: 'header', links: [plain(web, host, `/hidden/header-${rest}`)] }),
  decoy: (web, host, rest) => ({
    kind: 'page',
    links: [],
    decoys: [web.url(host, `/hidden/comment-${rest}`), web.url(host, `/hidden/script-${rest}`)],
  }),
  hidden: (_web, _host, rest) => (html(rest) ? LEAF : undefined),
  base: (web, host, rest) => {
    if (rest.startsWith('sub/')) return LEAF
    const url = web.url(host, `/base/sub/${rest}`)
    return { kind: 'page', base: web.url(host, '/base/sub/'), links: [{ url, href: rest, nofollow: false }] }
  },
  refresh: (web, host, rest) => ({ kind: 'page', links: [], refresh: web.url(host, `/refreshed/${rest}`) }),
  refreshed: (_web, _host, rest) => (html(rest) ? LEAF : undefined),
  query: (_web, _host, rest) => (/^\?page=\d+&sort=up$/.test(rest) ? LEAF : undefined),
  files: () => ({ kind: 'asset' }),
  fault: (_web, _host, rest) => {
    const fault = (['reset', 'busy', 'slow', 'dead'] as const).find((name) => rest.startsWith(`${name}-`))
    return fault === undefined ? undefined : { kind: 'page', links: [], fault }
  },
}

function plain(web: WebGraph, host: number, path: string): WebLink {
  return { url: web.url(host, path), href: path, nofollow: false }
}

function chain(web: WebGraph, host: number, name: string, rest: string, length: number): WebNode {
  const [k = 0, step = 0] = rest.split('-').map(Number)
  const next = step + 1 < length ? `/${name}/${k}-${step + 1}` : `/end/${name}-${stem(String(k))}.html`
  return redirect(web, host, step, web.url(host, next))
}

function redirect(web: WebGraph, host: number, step: number, to: string): WebNode {
  const origin = web.origins[host] ?? ''
  const location = step % 2 === 0 && to.startsWith(`${origin}/`) ? to.slice(origin.length) : to // both forms are in use
  return { kind: 'redirect', status: REDIRECT_STATUS[step % REDIRECT_STATUS.length] ?? 302, to, location }
}

const SECTIONS = 17
const pagePath = (page: number): string => (page === 0 ? '/' : `/s${page % SECTIONS}/p${page}.html`)

function pageNumber(path: string): number | undefined {
  if (path === '/') return 0
  const match = /^\/s(\d+)\/p([1-9]\d*)\.html$/.exec(path)
  const page = Number(match?.[2])
  return match !== null && page % SECTIONS === Number(match[1]) ? page : undefined
}
