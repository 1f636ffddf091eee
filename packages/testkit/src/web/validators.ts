import type { IncomingHttpHeaders } from 'node:http'
import type { WebSpec } from './spec.ts'

/** Response headers that tell the editions of a file apart. Source: RFC 9110, 8.8. */
export type Validators = { readonly [Name in 'etag' | 'last-modified']?: string }

const FIRST_EDITION = Date.UTC(2024, 0, 1)
/** Last-Modified has whole seconds; a day is easier to read. */
const EDITION_MS = 86_400_000

/** `seed` is the file's own. */
export function validatorsOf(seed: number, edition: number, kind: WebSpec['validators']): Validators {
  return {
    ...(kind === 'etag' || kind === 'both' ? { etag: `"${seed.toString(36)}-${edition}"` } : {}),
    ...(kind === 'last-modified' || kind === 'both'
      ? { 'last-modified': new Date(FIRST_EDITION + edition * EDITION_MS).toUTCString() }
      : {}),
  }
}

export const isConditional = (request: IncomingHttpHeaders): boolean =>
  request['if-none-match'] !== undefined || request['if-modified-since'] !== undefined

/** Whether the client has this edition. An If-None-Match alone decides where there is one. Source: RFC 9110, 13.2.2; weak comparison, 8.8.3.2. */
export function isKnown(validators: Validators, request: IncomingHttpHeaders): boolean {
  const { etag, 'last-modified': lastModified } = validators
  const tags = request['if-none-match']
  if (tags !== undefined) {
    const known = tags.split(',').map((tag) => tag.trim().replace(/^W\//, ''))
    return known.includes('*') || (etag !== undefined && known.includes(etag))
  }
  return lastModified !== undefined && Date.parse(lastModified) <= Date.parse(request['if-modified-since'] ?? '')
}
