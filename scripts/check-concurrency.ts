import { readdirSync, readFileSync } from 'node:fs'
import { join, sep } from 'node:path'

/** What packages/async has a primitive for: cancellable, without a listener or a timer that stays, and proven. */
const PATTERNS: Readonly<Record<string, RegExp>> = {
  'Promise.race': /\bPromise\.race\b/g,
  'Promise.any': /\bPromise\.any\b/g,
  'Promise.all': /\bPromise\.all\b/g,
  'Promise.allSettled': /\bPromise\.allSettled\b/g,
  'Promise.withResolvers': /\bPromise\.withResolvers\b/g,
  'new Promise': /\bnew Promise\b/g,
  'AbortSignal.any': /\bAbortSignal\.any\b/g,
  'AbortSignal.timeout': /\bAbortSignal\.timeout\b/g,
  "addEventListener('abort'": /\baddEventListener\(\s*['"`]abort\b/g,
  setTimeout: timer('setTimeout'),
  setInterval: timer('setInterval'),
  setImmediate: timer('setImmediate'),
  'node:timers': /['"`](?:node:)?timers(?:\/promises)?['"`]/g,
}

/** The global function; neither its type nor a method of that name, such as a socket's. */
function timer(name: string): RegExp {
  return new RegExp(String.raw`(?<!\.|typeof )\b${name}\b|\bglobalThis\.${name}\b`, 'g')
}

/** Packages that may do it by hand: the one that gives the primitives, and the one that tests them from outside. */
const FREE: ReadonlySet<string> = new Set(['async', 'testkit'])

export interface Allowed {
  /** Below `packages`. */
  readonly file: string
  /** A key of PATTERNS. */
  readonly pattern: string
  /** Default 1. */
  readonly uses?: number
  readonly reason: string
}

/** Every use that stays, and why no primitive serves there. */
const ALLOWED: readonly Allowed[] = [
  {
    file: 'broker/src/pulse.ts',
    pattern: 'setInterval',
    reason: 'it must not keep the process alive (unref), and measures how late this very timer is',
  },
  {
    file: 'fetcher/src/connector.ts',
    pattern: 'new Promise',
    reason: 'the events of a socket, of which one of five ends the wait, become a promise of that socket',
  },
  {
    file: 'parser/src/parser-pool.ts',
    pattern: 'new Promise',
    reason: 'a message of a worker thread answers it, perhaps after a second thread was tried',
  },
]

/** Every hand-made concurrency in the sources of packages, and every exception that is no longer needed. */
export function checkConcurrency(packagesDir: string, allowed: readonly Allowed[] = ALLOWED): string[] {
  const uses = new Map<string, number>()
  for (const file of sourcesOf(packagesDir)) {
    const code = withoutComments(readFileSync(join(packagesDir, file), 'utf8'))
    for (const [pattern, expression] of Object.entries(PATTERNS)) {
      const count = code.match(expression)?.length ?? 0
      if (count > 0) uses.set(`${file}: ${pattern}`, count)
    }
  }
  const problems: string[] = []
  for (const { file, pattern, uses: expected = 1 } of allowed) {
    const where = `${file}: ${pattern}`
    const found = uses.get(where) ?? 0
    uses.delete(where)
    if (found > expected) problems.push(`${where} is used ${found} times, and allowed ${expected}; use packages/async`)
    if (found < expected)
      problems.push(`${where} is allowed ${expected} times, and used ${found}; shorten the list of scripts/check-concurrency.ts`)
  }
  for (const where of uses.keys())
    problems.push(`${where} is made by hand; use packages/async, or give a reason in scripts/check-concurrency.ts`)
  return problems
}

function sourcesOf(packagesDir: string): string[] {
  return readdirSync(packagesDir, { recursive: true, encoding: 'utf8' })
    .map((file) => file.replaceAll(sep, '/'))
    .filter((file) => /^[^/]+\/src\/.*\.ts$/.test(file) && !FREE.has(file.split('/')[0] ?? ''))
    .sort()
}

/** `source` without what is no code; a `//` inside a string, as in a URL, has no space before it. */
export const withoutComments = (source: string): string => source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '')
