import type { Stall, Stalls } from '@warren/frontier'
import { printable } from './printable.ts'
import { showCount, showSpan, showWhen } from './units.ts'

/** Reasons that are told; the worst come first. */
const TOLD = 3

/** `http://example.org:80` without what goes without saying. */
export const shortHost = (hostKey: string): string => hostKey.replace(/^https?:\/\//, '').replace(/:(80|443)$/, '')

/**
 * Why a crawl does not move, as the end of a sentence that begins with `stalled because`: `12 hosts wait for their pace, the first in 4 s;
 * robots.txt of example.org is out of reach (connect-refused), again in 2 min`. Empty: there is no reason.
 */
export function reasonsText({ reasons, coordinators, looked, now }: Stalls): string {
  const ofCrawl = reasons.filter(({ of }) => of === 'crawl') // with one of these no other matters
  const texts = (ofCrawl.length > 0 ? ofCrawl : reasons).map((reason) => reasonText(reason, looked.isAll))
  if (reasons[0]?.for === 'coordinator' && coordinators.alive === 0 && coordinators.seenAt !== null)
    texts[0] += `, the last one was seen ${showWhen(coordinators.seenAt, now)}`
  const more = texts.length - TOLD
  return [...texts.slice(0, TOLD), ...(more > 0 ? [`${more} more`] : [])].join('; ')
}

/** `isAll`: every host that waits was counted. */
export function reasonText(stall: Stall, isAll: boolean): string {
  const { count, inMs } = stall
  const code = stall.code === null ? '' : ` (${printable(stall.code)})`
  const one = count === 1 ? shortHost(stall.hostKey ?? '') : undefined
  const hosts = `${isAll ? '' : 'at least '}${showCount(count)} ${count === 1 ? 'host' : 'hosts'}`
  const when = inMs === null ? '' : one === undefined ? `, the first in ${showSpan(inMs)}` : `, again in ${showSpan(inMs)}`
  return `${phraseOf(stall, one, hosts, code)}${when}`
}

/** `one`: the host, where there is one alone. */
function phraseOf({ for: reason, of, count, detail }: Stall, one: string | undefined, hosts: string, code: string): string {
  switch (reason) {
    case 'pause':
    case 'crawl-state':
    case 'coordinator':
      return printable(detail)
    case 'budget':
      return of === 'crawl' ? `its budget is handed out, ${detail}` : `the budget of ${one ?? hosts} is handed out`
    case 'pace':
      return one === undefined ? `${hosts} wait for their pace` : `${one} waits for its pace (${detail})`
    case 'back-off':
      return one === undefined ? `${hosts} back off${code}` : `${one} backs off${code}`
    case 'breaker':
      return one === undefined ? `${hosts} have an open breaker${code}` : `the breaker of ${one} is open${code}`
    case 'robots':
      if (code === '') return `${one ?? hosts} ${one === undefined ? 'wait' : 'waits'} for robots.txt`
      return `robots.txt of ${one ?? hosts} is out of reach${code}`
    case 'retry':
      return `${one ?? hosts} ${one === undefined ? 'wait' : 'waits'} for the next try of a URL`
    case 'visit':
      return `${one ?? hosts} ${one === undefined ? 'are' : 'is'} being visited`
    case 'address':
      return `${one ?? hosts} ${one === undefined ? 'line' : 'lines'} up for an address that others share`
    case 'blocked':
      return `${one ?? hosts} ${one === undefined ? 'are' : 'is'} blocked`
    case 'closed':
      return `${hosts} ${count === 1 ? 'is' : 'are'} closed: blocked, given up, or out of budget`
    case 'turn':
      return `${one ?? hosts} ${one === undefined ? 'are' : 'is'} due, and nobody claims`
    case 'parser':
      return `${showCount(count)} ${count === 1 ? 'page waits' : 'pages wait'} for a parser`
    case 'level':
      return `${showCount(count)} ${count === 1 ? 'URL waits' : 'URLs wait'} for the depth above`
    case 'other-urls':
      return detail
    default:
      return reason satisfies never
  }
}
