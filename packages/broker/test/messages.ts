import { defaultCrawlConfig, type Outcome, type Page, type Visit } from '@warren/protocol'
import { testAnswer } from '@warren/testkit'

const VISIT_ID = '018f5c5e-0000-4000-8000-000000000000'
const envelope = { v: 1, crawlId: 1, hostId: 1, visitId: VISIT_ID } as const
const urlRef = (id: number) => ({ id, url: `https://example.org/${id}`, depth: 0, chain: 0, attempt: 1, pass: 1 })

/** Messages told apart by a number from 1, which `numberOf` reads back. */
export const visit = (n: number): Visit => ({
  ...envelope,
  type: 'visit',
  hostKey: 'https://example.org:443',
  work: { kind: 'pages', urls: [urlRef(n)] },
  pace: { delayMs: 0, width: 1 },
  addressGroup: null,
  runMs: 1_000,
  policy: defaultCrawlConfig('Test/1 (+mailto:test@example.org)').fetch,
})

/** The body is noise: what packs well would not fill a queue. */
export function page(n: number, bodyBytes = 10): Page {
  const body = new Uint8Array(bodyBytes)
  let state = n
  for (let i = 0; i < bodyBytes; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    body[i] = state >>> 24
  }
  return {
    ...envelope,
    type: 'page',
    url: urlRef(n),
    userAgent: 'Test/1',
    body,
    result: testAnswer({ bodyBytes, wireBytes: bodyBytes }),
  }
}

export const outcome = (n: number): Outcome => ({
  ...envelope,
  type: 'outcome',
  of: 'url',
  url: urlRef(n),
  result: { kind: 'unreachable', code: 'reset', detail: '' },
  facts: null,
  links: [],
})

export function numberOf(message: Visit | Page | Outcome): number {
  if (message.type === 'visit') return message.work.kind === 'pages' ? (message.work.urls[0]?.id ?? 0) : 0
  if (message.type === 'page') return message.url.id
  return message.of === 'url' ? message.url.id : 0
}
