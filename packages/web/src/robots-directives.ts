/** What a page asks of those who read it. All false: nothing. */
export interface RobotsDirectives {
  readonly noindex: boolean
  readonly nofollow: boolean
  readonly noarchive: boolean
  readonly nosnippet: boolean
  readonly noimageindex: boolean
}

/** Directives with a value of their own: what stands before their colon is no crawler's name. */
const VALUED = new Set(['unavailable_after', 'max-snippet', 'max-image-preview', 'max-video-preview'])
const EVERYONE = new Set(['robots', '*'])
/** No white space: the hours of a date that follows `unavailable_after: Friday,` are no name. */
const NAME = /^[^\s]+$/
const MEANING: Readonly<Record<string, readonly (keyof RobotsDirectives)[]>> = {
  noindex: ['noindex'],
  nofollow: ['nofollow'],
  none: ['noindex', 'nofollow'],
  noarchive: ['noarchive'],
  nocache: ['noarchive'],
  nosnippet: ['nosnippet'],
  noimageindex: ['noimageindex'],
}

/**
 * The union of all directives that concern `agent` (a product token, any case): the strictest word wins.
 * `values` are contents of robots meta elements (those named `robots` or after the agent) and X-Robots-Tag lines, one string each. In a line,
 * `name:` starts the part that is for that crawler alone, up to the next name. Unknown directives are ignored; never throws.
 * Source: the robots meta and X-Robots-Tag conventions of the search engines; no RFC covers them.
 */
export function robotsDirectives(values: readonly string[], agent: string): RobotsDirectives {
  const found = { noindex: false, nofollow: false, noarchive: false, nosnippet: false, noimageindex: false }
  const own = agent.toLowerCase()
  for (const value of values) {
    let concerned = true
    for (const part of value.toLowerCase().split(',')) {
      const colon = part.indexOf(':')
      const name = part.slice(0, Math.max(0, colon)).trim()
      const named = NAME.test(name) && !VALUED.has(name)
      if (named) concerned = name === own || EVERYONE.has(name)
      if (!concerned) continue
      const directive = (named ? part.slice(colon + 1) : part).trim()
      if (Object.hasOwn(MEANING, directive)) for (const key of MEANING[directive] ?? []) found[key] = true
    }
  }
  return found
}
