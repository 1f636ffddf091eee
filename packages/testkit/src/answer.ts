import type { Answer } from '@warren/protocol'

/** An answer of 200 with HTML, as an outcome holds it; `given` is what the test is about. */
export const testAnswer = (given: Partial<Answer> = {}): Answer => ({
  kind: 'answer',
  status: 200,
  contentType: 'text/html',
  location: null,
  retryAfterMs: null,
  robotsTags: [],
  linkHeaders: [],
  contentUsage: null,
  etag: null,
  lastModified: null,
  maxAgeMs: null,
  bodyBytes: 100,
  wireBytes: 50,
  digest: 'ab'.repeat(32),
  truncated: null,
  fetchedAt: '2026-11-23T10:00:00.123Z',
  firstByteMs: 5,
  totalMs: 9,
  ...given,
})
