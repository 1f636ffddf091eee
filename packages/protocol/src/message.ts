import { z } from 'zod'
import { crawlState, fetchPolicy } from './crawl.ts'
import { fetchResult, link, pageFacts, unreachableCode } from './outcome.ts'

const id = z.number().int().positive()
const count = z.number().int().nonnegative()

/** What the last pass kept of a URL's answer, to ask whether it still holds. Source: RFC 9110, 13.1. */
const validators = z.object({ etag: z.string().nullable(), lastModified: z.string().nullable() })
export type Validators = z.infer<typeof validators>

/** A URL as it travels: `id` is the frontier's, `chain` counts the redirects that led here. */
const urlRef = z.object({
  id,
  url: z.string(),
  depth: count,
  chain: count,
  attempt: z.number().int().positive(),
  /** The round of a recrawled crawl, from 1; what is brought for another one is ignored. */
  pass: z.number().int().positive().default(1),
  /** Absent: the URL is asked for without a condition. */
  validators: validators.optional(),
  /** What robots.txt says about the use of this URL, as a structured field (Content-Usage); absent: nothing. */
  usage: z.string().optional(),
})
export type UrlRef = z.infer<typeof urlRef>

const visitWork = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('pages'), urls: z.array(urlRef).min(1).max(500) }),
  /** robots.txt of `askingHostId`; with `hop` > 0 the target of a redirect, on this visit's host. */
  z.object({ kind: z.literal('robots'), url: z.string(), askingHostId: id, hop: count }),
  /** No request: only find out which address group the host is in. */
  z.object({ kind: z.literal('resolve') }),
])

const envelope = { v: z.literal(1), crawlId: id, hostId: id, visitId: z.uuid() }

/** coordinator -> fetcher: talk to this host key, alone in the cluster, until `runMs` after delivery. */
export const visit = z.object({
  ...envelope,
  type: z.literal('visit'),
  /** scheme://host:port, port always written. */
  hostKey: z.string(),
  work: visitWork,
  /** Least time between request starts, and requests in flight. */
  pace: z.object({ delayMs: count, width: z.number().int().positive() }),
  /** The address group whose slot the visit holds, as CIDR block; no other one may be dialled. null: any may. */
  addressGroup: z.string().nullable().default(null),
  runMs: z.number().int().positive(),
  policy: fetchPolicy,
})

/** fetcher -> parser: an HTML answer with its decoded body (raw bytes behind the header on the wire, never JSON). */
export const page = z.object({
  ...envelope,
  type: z.literal('page'),
  url: urlRef,
  result: fetchResult.options[0],
  userAgent: z.string(),
})

/** fetcher or parser -> coordinator: what became of one leased URL. */
export const urlOutcome = z.object({
  ...envelope,
  type: z.literal('outcome'),
  of: z.literal('url'),
  url: urlRef,
  result: fetchResult,
  /** null: not parsed (no HTML, no answer). */
  facts: pageFacts.nullable(),
  links: z.array(link),
})

/** What a visit taught about its host. */
const hostReport = z.object({
  requests: count,
  /** Mean of whole exchanges with an answer below 400, as errors come fast; null without one. */
  meanExchangeMs: z.number().nonnegative().nullable(),
  /** The last 429 or 503 of the visit, which also ended it. */
  throttled: z.object({ status: z.number().int(), retryAfterMs: count.nullable() }).nullable(),
  /** The failure that ended the visit, because the host cannot be reached at all. */
  unreachable: unreachableCode.nullable(),
  /** At least one usable answer came (anything but 5xx and 429). */
  answered: z.boolean(),
  /**
   * The group of the addresses that the host's name led to; not the visit's: nothing was dialled, or nothing of
   * it could be connected to. null: no name was looked up.
   */
  addressGroup: z.string().nullable().default(null),
})
export type HostReport = z.infer<typeof hostReport>

/** fetcher -> coordinator: the visit was taken up. For people: nothing depends on it, and it may be lost. */
export const visitStart = z.object({
  ...envelope,
  type: z.literal('outcome'),
  of: z.literal('start'),
  /** The fetcher's name. */
  worker: z.string(),
})

/** fetcher -> coordinator: the host is free again. URLs of the visit in neither `unfetched` nor an outcome are still on their way (pages). */
export const visitEnd = z.object({
  ...envelope,
  type: z.literal('outcome'),
  of: z.literal('visit'),
  /**
   * `abandoned`: delivered a second time, no request was made by this fetcher. `stopped`: time, throttle, pause, recall, drain, self-fence,
   * or a name that led to another address group.
   */
  ending: z.enum(['finished', 'stopped', 'abandoned']),
  /** URL ids that were not requested. */
  unfetched: z.array(id),
  report: hostReport,
})

/** fetcher -> coordinator: the answer for robots.txt; ends its visit. `body` is base64 of at most 512 KiB, null unless 2xx. */
export const robotsOutcome = z.object({
  ...envelope,
  type: z.literal('outcome'),
  of: z.literal('robots'),
  askingHostId: id,
  hop: count,
  result: fetchResult,
  body: z.base64().nullable(),
  report: hostReport,
})

/** coordinator -> everyone, every second: the state of all unfinished crawls. A crawl that is not listed does not run. */
export const control = z.object({
  v: z.literal(1),
  type: z.literal('control'),
  crawls: z.array(z.object({ id, state: crawlState })),
  /** Visits that must end now, because an operator changed or blocked their host. */
  recalled: z.array(z.uuid()).default([]),
})

export type Visit = z.infer<typeof visit>
export type Page = z.infer<typeof page> & { readonly body: Uint8Array }
export type UrlOutcome = z.infer<typeof urlOutcome>
export type VisitStart = z.infer<typeof visitStart>
export type VisitEnd = z.infer<typeof visitEnd>
export type RobotsOutcome = z.infer<typeof robotsOutcome>
export type Outcome = UrlOutcome | VisitStart | VisitEnd | RobotsOutcome
export type Control = z.infer<typeof control>
export type Message = Visit | Page | Outcome | Control
export type MessageOf<T extends Message['type']> = Extract<Message, { type: T }>

const outcome = z.discriminatedUnion('of', [urlOutcome, visitStart, visitEnd, robotsOutcome])

/** The schema of each kind's JSON part (a page's body is not in it). */
export const schemas = { visit, page, outcome, control } as const
