import type { FetchPolicy } from '@warren/protocol'
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
