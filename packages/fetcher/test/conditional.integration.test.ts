import type { Validators } from '@warren/protocol'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Harness, robotsVisit, visitOf } from './harness.ts'
import { head, RawServer, reply, type Seen } from './raw-server.ts'

const DATE = 'Mon, 01 Jan 2024 00:00:00 GMT'
let answering: (seen: Seen) => void
let server: RawServer
let fetcher: Harness
beforeEach(async () => {
  answering = ({ socket }) => socket.write(reply('<p>page'))
  server = await RawServer.start((seen) => answering(seen))
  fetcher = await Harness.start()
})
afterEach(async () => {
  await fetcher[Symbol.asyncDispose]()
  await server[Symbol.asyncDispose]()
})

/** A visit of the paths, with these validators for all of them. */
function visit(validators: Validators | undefined, paths: readonly string[] = ['/']) {
  const visit = visitOf(server.origin, paths)
  const urls = visit.work.kind === 'pages' ? visit.work.urls : []
  const withThem = urls.map((url) => (validators === undefined ? url : { ...url, validators }))
  return fetcher.visit({ ...visit, work: { kind: 'pages', urls: withThem } })
}

/** The conditions of a request, its bytes as Latin-1. */
const conditions = (seen: Seen | undefined): string[] => seen?.head.split('\r\n').filter((line) => /^if-/i.test(line)) ?? []

/** The conditions that validators become. */
async function sent(validators: Validators | undefined): Promise<string[]> {
  const { pages } = await visit(validators)
  expect(pages).toHaveLength(1) // the request is made, whatever became of its conditions
  return conditions(server.seen.at(-1))
}

// RFC 9110, 13.1.2 and 13.1.3.
describe('Validators become conditions', () => {
  test('each of those that are there', async () => {
    expect(await sent({ etag: '"x"', lastModified: DATE })).toEqual(['if-none-match: "x"', `if-modified-since: ${DATE}`])
    expect(await sent({ etag: '"x"', lastModified: null })).toEqual(['if-none-match: "x"'])
    expect(await sent({ etag: null, lastModified: DATE })).toEqual([`if-modified-since: ${DATE}`])
    expect(await sent({ etag: null, lastModified: null })).toEqual([])
    expect(await sent(undefined)).toEqual([])
  })

  test('of their own URL only', async () => {
    const { work, ...rest } = visitOf(server.origin, ['/1', '/2'])
    const urls = (work.kind === 'pages' ? work.urls : []).map((url) => (url.id === 1 ? { ...url, validators: VALIDATORS } : url))
    await fetcher.visit({ ...rest, work: { kind: 'pages', urls } })
    expect(server.seen.map(conditions)).toEqual([['if-none-match: "x"'], []])
  })

  test('not for robots.txt', async () => {
    await fetcher.visit(robotsVisit(server.origin))
    expect(conditions(server.seen[0])).toEqual([])
  })

  // RFC 9110, 8.8.3: quoted, perhaps weak, any byte from 0x80. Others are sent by servers, and wanted back by them.
  test.each([
    'W/"weak"',
    '""',
    '"a b"',
    'unquoted',
    'W/unquoted',
    '"\xfcml\xe4ut"',
    "'single'",
    '"gzip-3f80--"',
    '"a", "b"',
    '"x;y=\\"1\\""',
  ])('exactly as they came: ETag %s', async (etag) => {
    answering = ({ socket }) => socket.write(reply('<p>page', { headers: ['content-type: text/html', `etag: ${etag}`] }))
    const { pages } = await visit(undefined)
    expect(pages[0]?.result.etag).toBe(etag)
    expect(await sent({ etag: pages[0]?.result.etag ?? null, lastModified: null })).toEqual([`if-none-match: ${etag}`])
  })

  test.each(['yesterday', '0', '2024-01-01'])('exactly as they came: Last-Modified %s', async (date) => {
    answering = ({ socket }) => socket.write(reply('<p>page', { headers: ['content-type: text/html', `last-modified: ${date}`] }))
    const { pages } = await visit(undefined)
    expect(await sent({ etag: null, lastModified: pages[0]?.result.lastModified ?? null })).toEqual([`if-modified-since: ${date}`])
  })

  // RFC 9110, 5.5. They come from the web, through a database.
  test.each([
    ['a line break', '"x"\r\nx-injected: 1'],
    ['a line feed', '"x"\nx-injected: 1'],
    ['a carriage return', '"x"\r'],
    ['a NUL', '"x\0"'],
    ['a control character', '"\x1b[2J"'],
    ['a character that is no byte', '"\u2028"'],
    ['white space at its start', ' "x"'],
    ['nothing', ''],
    ['more than a kilobyte', `"${'x'.repeat(1_023)}"`],
  ])('never with %s', async (_, value) => {
    expect(await sent({ etag: value, lastModified: value })).toEqual([])
    expect(await sent({ etag: value, lastModified: DATE })).toEqual([`if-modified-since: ${DATE}`])
    expect(server.seen.every(({ head }) => !head.includes('injected'))).toBe(true)
    expect(server.seen).toHaveLength(2)
  })

  test('never as the entity tag that every page matches', async () => {
    for (const etag of ['*', '*\t ']) expect(await sent({ etag, lastModified: null })).toEqual([])
  })
})
const VALIDATORS: Validators = { etag: '"x"', lastModified: null }

// RFC 9110, 15.4.5.
describe('A 304', () => {
  const NOT_MODIFIED = '304 Not Modified'
  const answer = {
    kind: 'answer',
    status: 304,
    etag: '"x"',
    bodyBytes: 0,
    wireBytes: 0,
    digest: null,
    truncated: null,
    location: null,
  }

  test.each([
    ['that was asked for', VALIDATORS],
    ['that nobody asked for', undefined],
  ])('%s is an answer without a body, and no page', async (_, validators) => {
    answering = ({ socket }) => socket.write(head(['etag: "x"', 'content-type: text/html'], NOT_MODIFIED))
    const { pages, outcomes, end } = await visit(validators, ['/1', '/2', '/3'])
    expect(pages).toEqual([])
    expect(outcomes).toMatchObject(Array(3).fill({ result: answer, facts: null, links: [] }))
    expect(end).toMatchObject({ ending: 'finished', report: { requests: 3, answered: true, meanExchangeMs: expect.any(Number) } })
    expect(server.connections).toBe(1)
  })

  // A Content-Length says what a 200 would have had (RFC 9110, 8.6); some servers send the body too.
  test.each([
    ['the length of a body', head(['etag: "x"', 'content-length: 500'], NOT_MODIFIED)],
    ['the length of none', head(['etag: "x"', 'content-length: 0'], NOT_MODIFIED)],
    ['chunks announced', head(['etag: "x"', 'transfer-encoding: chunked'], NOT_MODIFIED)],
    ['chunks', Buffer.concat([head(['etag: "x"', 'transfer-encoding: chunked'], NOT_MODIFIED), Buffer.from('0\r\n\r\n')])],
    ['a coding of no body', head(['etag: "x"', 'content-encoding: gzip'], NOT_MODIFIED)],
    ['an unknown coding', head(['etag: "x"', 'content-encoding: sdch'], NOT_MODIFIED)],
    ['the end of the connection', head(['etag: "x"', 'connection: close'], NOT_MODIFIED)],
    ['a body all the same', reply('<p>smuggled', { status: NOT_MODIFIED, headers: ['etag: "x"'] })],
    ['an answer behind it', Buffer.concat([head(['etag: "x"'], NOT_MODIFIED), reply('<p>smuggled')])],
  ])('may have %s: the visit goes on, and the next answers are those of their URLs', async (_, bytes) => {
    answering = ({ socket, path }) => socket.write(path === '/304' ? bytes : reply(`<p>${path}`))
    const { outcomes, pages, end } = await visit(VALIDATORS, ['/1', '/304', '/2', '/304', '/3'])
    expect(outcomes).toMatchObject([{ result: answer }, { result: answer }])
    expect(pages.map(({ body }) => Buffer.from(body).toString())).toEqual(['<p>/1', '<p>/2', '<p>/3'])
    expect(end).toMatchObject({ ending: 'finished', unfetched: [], report: { requests: 5 } })
  })
})
