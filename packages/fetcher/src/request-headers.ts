import type { FetchPolicy, Validators } from '@warren/protocol'
import { ACCEPT_ENCODING } from './coding.ts'

const ACCEPT = 'text/html,application/xhtml+xml;q=0.9,application/xml;q=0.8,text/plain;q=0.7,*/*;q=0.5'
const ACCEPT_ROBOTS = 'text/plain,*/*;q=0.5'
const MAIL = /^(?:mailto:)?([^\s@<>(),;:"[\]\\]+@[^\s@<>(),;:"[\]\\]+)$/

/** Headers of every request under a policy: name, value, name, value. From (RFC 9110, 10.1.2) is a mail address or not sent. */
export function requestHeaders(policy: Pick<FetchPolicy, 'userAgent' | 'contact'>, purpose: 'page' | 'robots'): string[] {
  const headers = [
    'user-agent',
    policy.userAgent,
    'accept',
    purpose === 'robots' ? ACCEPT_ROBOTS : ACCEPT,
    'accept-encoding',
    ACCEPT_ENCODING,
  ]
  const mail = policy.contact === null ? undefined : MAIL.exec(policy.contact)?.[1]
  if (mail !== undefined) headers.push('from', mail)
  return headers
}

/** What may be in a header's value (RFC 9110, 5.5). Longer validators cost more than they save: servers refuse large requests. */
const SENDABLE = /^[!-~\x80-\xff][\t -~\x80-\xff]{0,1023}$/

/**
 * The conditions under which a server may answer 304 (RFC 9110, 13.1.2 and 13.1.3), as headers: name, value, name, value. Validators go back
 * exactly as they came, however odd; one that is no header value is left out, and so is the entity tag `*`, which every page would match.
 */
export function conditionHeaders({ etag, lastModified }: Validators): string[] {
  const headers: string[] = []
  if (etag !== null && SENDABLE.test(etag) && etag.trim() !== '*') headers.push('if-none-match', etag)
  if (lastModified !== null && SENDABLE.test(lastModified)) headers.push('if-modified-since', lastModified)
  return headers
}
