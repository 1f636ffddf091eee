import { createHash } from 'node:crypto'
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Harness, visitOf } from './harness.ts'
import { head, RawServer, reply, type Seen } from './raw-server.ts'

const HTML = `<!doctype html><title>t</title>${'<p>some words of a page</p>'.repeat(1_000)}`
const sha256 = (body: string | Uint8Array) => createHash('sha256').update(body).digest('hex')
const HTML_TYPE = 'content-type: text/html; charset=utf-8'

/** What the server does by path. Everything that never ends by itself stops when its connection is cut. */
const PATHS: Record<string, (seen: Seen) => void> = {
  '/ok': ({ socket }) => socket.write(reply(HTML, { headers: [HTML_TYPE, 'etag: "x"', 'last-modified: Mon, 01 Jan 2024 00:00:00 GMT'] })),
  '/drip': ({ socket }) => drip(socket, head([HTML_TYPE, 'content-length: 100000']), 'x', 20),
  '/endless': ({ socket }) => drip(socket, head([HTML_TYPE, 'connection: close']), '<p>and so on</p>'.repeat(500), 1),
  '/endless-image': ({ socket }) => drip(socket, head(['content-type: image/png', 'connection: close']), 'x'.repeat(8_192), 1),
  '/silent': () => {},
  '/slow-headers': ({ socket }) => drip(socket, Buffer.from('HTTP/1.1 200 OK\r\n'), 'x-a: b\r\n', 20),
  '/reset-before': ({ socket }) => socket.resetAndDestroy(),
  '/reset-in-head': ({ socket }) => socket.write('HTTP/1.1 200 OK\r\ncontent-ty', () => socket.resetAndDestroy()),
  '/reset-after-head': ({ socket }) => socket.write(head([HTML_TYPE, 'content-length: 1000']), () => socket.destroySoon()),
  '/reset-in-body': ({ socket }) =>
    socket.write(Buffer.concat([head([HTML_TYPE, 'content-length: 1000']), Buffer.from('<p>half')]), () => socket.destroySoon()),
  '/short-keep-alive': ({ socket }) => {
    socket.write(Buffer.concat([head([HTML_TYPE, 'content-length: 50', 'connection: keep-alive']), Buffer.from('only this')]))
    socket.end()
  },
  '/redirect-cut': ({ socket }) => socket.write(head(['location: /ok', 'content-length: 1000'], '302 Found'), () => socket.destroySoon()),
  '/two-lengths': ({ socket }) => socket.write(`${head([HTML_TYPE, 'content-length: 5', 'content-length: 7'])}1234567`),
  '/bad-length': ({ socket }) => socket.write(`${head([HTML_TYPE, 'content-length: many'])}1234567`),
  '/bad-chunk': ({ socket }) => socket.write(`${head([HTML_TYPE, 'transfer-encoding: chunked'])}5\r\n<p>ab\r\nNOPE\r\n`),
  '/bad-first-chunk': ({ socket }) => socket.write(`${head([HTML_TYPE, 'transfer-encoding: chunked'])}NOPE\r\n`),
  '/chunked': ({ socket }) =>
    socket.write(`${head([HTML_TYPE, 'transfer-encoding: chunked'])}5;ext=1\r\n<p>ab\r\n2\r\ncd\r\n0\r\ntrailer: x\r\n\r\n`),
  '/until-close': ({ socket }) => socket.end(`${head([HTML_TYPE, 'connection: close'])}<p>till the end`),
  '/no-http': ({ socket }) => socket.end('SSH-2.0-OpenSSH_9.2\r\n'),
  '/http-0.9': ({ socket }) => socket.end('<html>no head at all</html>'),
  '/huge-header': ({ socket }) => socket.write(head([`x-huge: ${'a'.repeat(80_000)}`])),
  '/many-headers': ({ socket }) => socket.write(head(Array.from({ length: 9_000 }, (_, i) => `x-${i}: 1234`))),
  '/endless-headers': ({ socket }) => drip(socket, Buffer.from('HTTP/1.1 200 OK\r\n'), `${'x-a: 123456789\r\n'.repeat(100)}`, 1),
  '/status-999': ({ socket }) => socket.write(reply('what', { status: '999 What' })),
  '/1xx': ({ socket }) =>
    socket.write(Buffer.concat([head(['link: </a.css>'], '103 Early Hints'), head([], '102 Processing'), reply(HTML)])),
  '/100': ({ socket }) => socket.write(Buffer.concat([head([], '100 Continue'), reply(HTML)])),
  '/upgrade': ({ socket }) => socket.write(head(['connection: upgrade', 'upgrade: websocket'], '101 Switching Protocols')),
  '/204': ({ socket }) => socket.write(head([HTML_TYPE], '204 No Content')),
  '/304': ({ socket }) => socket.write(head(['content-length: 500', 'etag: "y"'], '304 Not Modified')),
  '/empty': ({ socket }) => socket.write(reply('')),
  '/gzip': ({ socket }) => socket.write(reply(gzipSync(HTML), { headers: [HTML_TYPE, 'content-encoding: gzip'] })),
  '/x-gzip': ({ socket }) => socket.write(reply(gzipSync(HTML), { headers: [HTML_TYPE, 'content-encoding: X-GZIP'] })),
  '/zlib': ({ socket }) => socket.write(reply(deflateSync(HTML), { headers: [HTML_TYPE, 'content-encoding: deflate'] })),
  '/raw-deflate': ({ socket }) => socket.write(reply(deflateRawSync(HTML), { headers: [HTML_TYPE, 'content-encoding: deflate'] })),
  '/br': ({ socket }) => socket.write(reply(brotliCompressSync(HTML), { headers: [HTML_TYPE, 'content-encoding: br'] })),
  '/zstd': ({ socket }) => socket.write(reply(zstdCompressSync(HTML), { headers: [HTML_TYPE, 'content-encoding: zstd'] })),
  '/br-gzip': ({ socket }) =>
    socket.write(reply(gzipSync(brotliCompressSync(HTML)), { headers: [HTML_TYPE, 'content-encoding: br, gzip'] })),
  '/gzip-raw-deflate': ({ socket }) =>
    socket.write(reply(gzipSync(deflateRawSync(HTML)), { headers: [HTML_TYPE, 'content-encoding: deflate', 'content-encoding: gzip'] })),
  '/identity': ({ socket }) => socket.write(reply(HTML, { headers: [HTML_TYPE, 'content-encoding: identity'] })),
  '/sdch': ({ socket }) => socket.write(reply('sdch!', { headers: [HTML_TYPE, 'content-encoding: sdch'] })),
  '/not-gzip': ({ socket }) => socket.write(reply(HTML, { headers: [HTML_TYPE, 'content-encoding: gzip'] })),
  '/half-gzip': ({ socket }) => {
    const bytes = gzipSync(Buffer.from(noise(60_000)))
    socket.write(reply(bytes.subarray(0, bytes.length / 2), { headers: [HTML_TYPE, 'content-encoding: gzip'] }))
  },
  '/empty-gzip': ({ socket }) => socket.write(reply('', { headers: [HTML_TYPE, 'content-encoding: gzip'] })),
  '/bomb': ({ socket }) => socket.write(reply(BOMB, { headers: [HTML_TYPE, 'content-encoding: gzip'] })),
  '/bomb-twice': ({ socket }) => socket.write(reply(gzipSync(BOMB), { headers: [HTML_TYPE, 'content-encoding: gzip, gzip'] })),
  '/bomb-hidden': ({ socket }) => socket.write(reply(gzipSync(EMPTY_MEMBERS), { headers: [HTML_TYPE, 'content-encoding: gzip, gzip'] })),
  '/long': ({ socket }) => socket.write(reply(`<!doctype html>${'a'.repeat(3_000_000)}`)),
  '/long-gzip': ({ socket }) => socket.write(reply(gzipSync(noise(3_000_000)), { headers: [HTML_TYPE, 'content-encoding: gzip'] })),
  '/surplus': ({ socket }) => socket.write(Buffer.concat([reply('<p>mine'), reply('<p>smuggled')])),
  '/surplus-late': ({ socket }) => socket.write(reply('<p>mine'), () => setImmediate(() => socket.write(reply('<p>smuggled')))),
  '/json': ({ socket }) => socket.write(reply('{"a":1}', { headers: ['content-type: application/json'] })),
  '/untyped-html': ({ socket }) => socket.write(reply(HTML, { headers: [] })),
  '/untyped-bytes': ({ socket }) => socket.write(reply('\x00\x01\x02', { headers: [] })),
  '/image': ({ socket }) => socket.write(reply('PNG', { headers: ['content-type: image/png'] })),
  '/retry-seconds': ({ socket }) => socket.write(reply('', { status: '503 Busy', headers: ['retry-after: 7'] })),
  '/retry-date': ({ socket }) =>
    socket.write(reply('', { status: '429 Slow', headers: [`retry-after: ${new Date(Date.now() + 60_000).toUTCString()}`] })),
  '/retry-date-of-theirs': ({ socket }) =>
    socket.write(
      reply('', {
        status: '429 Slow',
        headers: ['date: Fri, 02 Jan 1970 00:00:00 GMT', 'retry-after: Fri, 02 Jan 1970 00:00:30 GMT'],
      }),
    ),
  '/usage': ({ socket }) =>
    socket.write(reply(HTML, { headers: [HTML_TYPE, 'content-usage: train-ai=n', 'Content-Usage: search=y;x="\xfc"'] })),
  '/long-usage': ({ socket }) => socket.write(reply(HTML, { headers: [HTML_TYPE, ...usageOf(1_025)] })),
  '/longest-usage': ({ socket }) => socket.write(reply(HTML, { headers: [HTML_TYPE, ...usageOf(1_024)] })),
  '/facts': ({ socket }) =>
    socket.write(
      reply(HTML, {
        headers: [
          HTML_TYPE,
          'x-robots-tag: noindex',
          'x-robots-tag: bot: nofollow',
          'link: </n>; rel=next',
          'cache-control: public, max-age=60',
        ],
      }),
    ),
}
for (const [name, location] of Object.entries({
  'redirect-relative': '../up?q#frag',
  'redirect-absolute': 'https://other.example:8443/x',
  'redirect-scheme': '//other.example/x',
  'redirect-utf8': Buffer.from('/ü').toString('latin1'),
  'redirect-latin1': '/\xfc',
  'redirect-spaces': '  /a b  ',
  'redirect-javascript': 'javascript:alert(1)',
  'redirect-bad': 'http://[bad/',
  'redirect-empty': '',
}))
  PATHS[`/${name}`] = ({ socket }) => socket.write(reply('moved', { status: '301 Moved', headers: [`location: ${location}`] }))

const BOMB = gzipSync(Buffer.alloc(50_000_000), { level: 9 })
const EMPTY_MEMBERS = Buffer.concat(Array.from({ length: 200_000 }, () => gzipSync('')))

/** Two lines of Content-Usage that are so many characters together, the comma and space between them included. */
const usageOf = (chars: number) => ['content-usage: train-ai=n', `content-usage: ${'a'.repeat(chars - 'train-ai=n, '.length)}`]

/** Text that does not compress away, without a random source. */
function noise(bytes: number): string {
  let state = 1
  let out = '<!doctype html>'
  while (out.length < bytes) {
    state = (state * 48_271) % 2_147_483_647
    out += state.toString(36)
  }
  return out.slice(0, bytes)
}

/** Writes `piece` every `everyMs` until the other side has enough. */
function drip(socket: Seen['socket'], first: Buffer, piece: string, everyMs: number): void {
  socket.write(first)
  const timer = setInterval(() => socket.writable && !socket.writableNeedDrain && socket.write(piece), everyMs)
  socket.on('close', () => clearInterval(timer))
}

let server: RawServer
let fetcher: Harness
beforeAll(async () => {
  server = await RawServer.start((seen) => (PATHS[seen.path] ?? (({ socket }) => socket.write(reply('no', { status: '404 No' }))))(seen))
  fetcher = await Harness.start({ config: { RATE_GRACE_MS: 300 } })
})
afterAll(async () => {
  await fetcher[Symbol.asyncDispose]()
  await server[Symbol.asyncDispose]()
})
const text = (body: Uint8Array | undefined) => Buffer.from(body ?? []).toString()
const fetch = (path: string, policy = {}) => fetcher.fetch(server.origin + path, policy)
const answer = (path: string, policy = {}) => fetcher.answer(server.origin + path, policy)

describe('An answer', () => {
  test('is a page with its body, digest and header facts', async () => {
    const { result, page } = await fetch('/ok')
    expect(text(page?.body)).toBe(HTML)
    expect(result).toMatchObject({
      kind: 'answer',
      status: 200,
      contentType: 'text/html; charset=utf-8',
      etag: '"x"',
      lastModified: 'Mon, 01 Jan 2024 00:00:00 GMT',
      digest: sha256(HTML),
      bodyBytes: HTML.length,
      wireBytes: HTML.length,
      truncated: null,
      location: null,
      retryAfterMs: null,
    })
    expect(page?.url).toMatchObject({ id: 1, url: `${server.origin}/ok` })
  })

  test('keeps nothing but its own bytes alive', async () => {
    const { page } = await fetch('/ok')
    expect(page?.body.buffer.byteLength).toBe(HTML.length)
    const packed = await fetch('/gzip')
    expect(packed.page?.body.buffer.byteLength).toBe(HTML.length)
  })

  test('brings X-Robots-Tag and Link line by line, and max-age', async () => {
    expect(await answer('/facts')).toMatchObject({
      robotsTags: ['noindex', 'bot: nofollow'],
      linkHeaders: ['</n>; rel=next'],
      maxAgeMs: 60_000,
    })
  })

  // RFC 9651, 4.2: the lines of a structured field are one, joined.
  test('says what its Content-Usage lines say, unless they are longer than any preference', async () => {
    expect(await answer('/usage')).toMatchObject({ contentUsage: 'train-ai=n, search=y;x="\xfc"' })
    expect(await answer('/ok')).toMatchObject({ contentUsage: null })
    expect((await answer('/longest-usage')).contentUsage).toHaveLength(1_024)
    expect(await answer('/long-usage')).toMatchObject({ status: 200, contentUsage: null })
  })

  test('without a body has no digest', async () => {
    for (const path of ['/204', '/304', '/empty', '/empty-gzip'])
      expect(await answer(path), path).toMatchObject({ bodyBytes: 0, digest: null, truncated: null })
  })

  test('ends with its connection when it says so, and by its chunks', async () => {
    expect(text((await fetch('/until-close')).page?.body)).toBe('<p>till the end')
    expect(text((await fetch('/chunked')).page?.body)).toBe('<p>abcd')
  })

  test('comes after any number of informational ones', async () => {
    expect(await answer('/1xx')).toMatchObject({ status: 200, digest: sha256(HTML), linkHeaders: [] })
  })
})

describe('What goes to a parser', () => {
  test('HTML by its type, or by its looks when it has none', async () => {
    for (const path of ['/ok', '/untyped-html', '/empty']) expect((await fetch(path)).page, path).toBeDefined()
    for (const path of ['/json', '/untyped-bytes', '/image', '/missing', '/redirect-relative'])
      expect((await fetch(path)).page, path).toBeUndefined()
  })

  test('other text is read for its digest, other types are not', async () => {
    expect(await answer('/json')).toMatchObject({ bodyBytes: 7, digest: sha256('{"a":1}') })
    expect(await answer('/missing')).toMatchObject({ status: 404, bodyBytes: 2, digest: sha256('no') })
    expect(await answer('/image')).toMatchObject({ bodyBytes: 0, wireBytes: 3, digest: null, truncated: null })
  })

  test('an image without end is left after a few bytes', async () => {
    const image = await answer('/endless-image')
    expect(image).toMatchObject({ status: 200, digest: null, truncated: null, bodyBytes: 0 })
    expect(image.wireBytes).toBeLessThan(200_000)
  })
})

describe('Redirects', () => {
  test.each([
    ['/redirect-relative', '/up?q'],
    ['/redirect-utf8', '/%C3%BC'],
    ['/redirect-latin1', '/%C3%BC'],
    ['/redirect-spaces', '/a%20b'],
  ])('%s leads to %s here', async (path, location) => {
    expect(await answer(path)).toMatchObject({ status: 301, location: server.origin + location, digest: null })
  })
  test.each([
    ['/redirect-absolute', 'https://other.example:8443/x'],
    ['/redirect-scheme', 'http://other.example/x'],
    ['/redirect-javascript', null],
    ['/redirect-bad', null],
  ])('%s leads to %s', async (path, location) => {
    expect(await answer(path)).toMatchObject({ status: 301, location })
  })
  test('are not followed', async () => {
    const before = server.seen.length
    await fetch('/redirect-relative')
    expect(server.seen.length - before).toBe(1)
  })
  test('count although their body was cut', async () => {
    expect(await answer('/redirect-cut')).toMatchObject({ status: 302, location: `${server.origin}/ok`, truncated: null })
  })
})

describe('Retry-After', () => {
  test('in seconds and as a date', async () => {
    expect(await answer('/retry-seconds')).toMatchObject({ status: 503, retryAfterMs: 7_000 })
    const { retryAfterMs } = await answer('/retry-date')
    expect(retryAfterMs).toBeGreaterThan(50_000)
    expect(retryAfterMs).toBeLessThanOrEqual(60_000)
  })
  test("a date is one of the server's clock, whatever ours says", async () => {
    expect(await answer('/retry-date-of-theirs')).toMatchObject({ status: 429, retryAfterMs: 30_000 })
  })
})

describe('Content codings', () => {
  test.each(['/gzip', '/x-gzip', '/zlib', '/raw-deflate', '/br', '/zstd', '/br-gzip', '/gzip-raw-deflate', '/identity'])(
    '%s comes off',
    async (path) => {
      const { result, page } = await fetch(path)
      expect(result).toMatchObject({ bodyBytes: HTML.length, digest: sha256(HTML), truncated: null })
      expect(text(page?.body)).toBe(HTML)
    },
  )
  test('an unknown one, and data that is not what it says, is a failure to decode', async () => {
    for (const path of ['/sdch', '/not-gzip'])
      expect((await fetch(path)).result, path).toMatchObject({ kind: 'unreachable', code: 'decode' })
  })
  test('data that breaks off is kept as far as it goes', async () => {
    const { result, page } = await fetch('/half-gzip')
    expect(result).toMatchObject({ kind: 'answer', truncated: 'decode' })
    expect(page?.body.byteLength).toBeGreaterThan(10_000)
    expect(noise(60_000).startsWith(text(page?.body))).toBe(true)
  })
})

describe('Limits', () => {
  test('a long body is cut at the limit, exactly, and its connection too', async () => {
    for (const path of ['/long', '/long-gzip']) {
      const { result, page } = await fetch(path, { maxBodyBytes: 1_000_000 })
      expect(result, path).toMatchObject({ truncated: 'body-limit', bodyBytes: 1_000_000 })
      expect(page?.body.byteLength).toBe(1_000_000)
    }
  })
  test('a body of exactly the limit is whole', async () => {
    expect(await answer('/ok', { maxBodyBytes: HTML.length })).toMatchObject({ truncated: null, bodyBytes: HTML.length })
    expect(await answer('/gzip', { maxBodyBytes: HTML.length })).toMatchObject({ truncated: null, bodyBytes: HTML.length })
  })
  test('a bomb is cut by its ratio', async () => {
    const before = process.memoryUsage().arrayBuffers
    const bomb = await answer('/bomb')
    expect(bomb.truncated).toBe('ratio-limit')
    expect(bomb.bodyBytes).toBeLessThanOrEqual(Math.max(65_536, bomb.wireBytes * 100))
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(30_000_000)
  })
  test('a bomb in a bomb, and one whose middle form alone is big, end as well', async () => {
    expect((await answer('/bomb-twice')).truncated).toBe('ratio-limit')
    expect(await fetch('/bomb-hidden', { maxBodyBytes: 1_000_000 })).toMatchObject({
      result: { kind: 'answer', truncated: expect.any(String), bodyBytes: 0 },
    })
  })
  test('an endless body ends at the limit', async () => {
    expect(await answer('/endless', { maxBodyBytes: 500_000 })).toMatchObject({ truncated: 'body-limit', bodyBytes: 500_000 })
  })
  test('a body that drips is a time-out of the minimum rate', async () => {
    const started = performance.now()
    expect(await answer('/drip', { minBytesPerSecond: 1_024 })).toMatchObject({ truncated: 'exchange-timeout' })
    expect(performance.now() - started).toBeLessThan(2_000)
  })
  test('the whole exchange has a limit, however steadily it flows', async () => {
    expect(await answer('/drip', { minBytesPerSecond: 0, exchangeMs: 400 })).toMatchObject({ truncated: 'exchange-timeout' })
  })
  test('headers that do not come, or never end, are a time-out', async () => {
    for (const path of ['/silent', '/slow-headers'])
      expect((await fetch(path, { headersMs: 300 })).result, path).toMatchObject({ kind: 'unreachable', code: 'headers-timeout' })
  })
  test('headers without measure are no HTTP', async () => {
    for (const path of ['/huge-header', '/many-headers', '/endless-headers'])
      expect((await fetch(path)).result, path).toMatchObject({ kind: 'unreachable', code: 'protocol' })
  })
})

describe('Broken transport', () => {
  test.each([
    ['/reset-before', 'reset'],
    ['/reset-in-head', 'reset'],
    ['/reset-after-head', 'reset'],
    ['/two-lengths', 'reset'], // undici calls it a length that was not reached
    ['/bad-length', 'protocol'],
    ['/bad-first-chunk', 'protocol'],
    ['/no-http', 'protocol'],
    ['/http-0.9', 'protocol'],
    ['/status-999', 'protocol'],
    ['/upgrade', 'reset'],
    ['/100', 'reset'], // ours: RFC 9110, 15.2 wants it read past; undici takes it for a fault
  ])('%s is %s', async (path, code) => {
    expect((await fetch(path)).result).toMatchObject({ kind: 'unreachable', code })
  })
  test.each([
    ['/reset-in-body', '<p>half'],
    ['/short-keep-alive', 'only this'],
    ['/bad-chunk', '<p>ab'],
  ])('%s is an answer, cut', async (path, body) => {
    const { result, page } = await fetch(path)
    expect(result).toMatchObject({ kind: 'answer', truncated: 'reset', bodyBytes: body.length, digest: sha256(body) })
    expect(text(page?.body)).toBe(body)
  })
  test('nothing of this was unknown to the failure table', async () => {
    expect(await fetcher.metric('unmapped_errors_total')).toBe(0)
  })
})

describe('Connections', () => {
  test('bytes beyond a Content-Length never answer the next request', async () => {
    for (const path of ['/surplus', '/surplus-late']) {
      const { pages } = await fetcher.visit(visitOf(server.origin, [path, '/ok', '/ok'], { pace: { delayMs: 20, width: 1 } }))
      expect(
        pages.map(({ body }) => text(body).slice(0, 20)),
        path,
      ).toEqual(['<p>mine', HTML.slice(0, 20), HTML.slice(0, 20)])
    }
  })
  test('one serves a whole visit, and the next visit of the host', async () => {
    const before = server.connections
    const first = await fetcher.visit(visitOf(server.origin, ['/ok', '/gzip', '/image', '/redirect-relative', '/missing']))
    await fetcher.visit(visitOf(server.origin, ['/ok']))
    expect(first.end).toMatchObject({ ending: 'finished' })
    expect(server.connections - before).toBeLessThanOrEqual(1)
  })
  test('one that a limit cut is not used again', async () => {
    await fetch('/endless', { maxBodyBytes: 100_000 })
    const used = server.seen.at(-1)?.connection
    await fetch('/ok')
    expect(server.seen.at(-1)?.connection).not.toBe(used)
  })
})

test('Requests carry what they should and nothing else', async () => {
  await fetch('/ok', { userAgent: 'Warren/0.1 (+me@example.org)', contact: 'me@example.org' })
  expect(server.seen.at(-1)?.head.split('\r\n')).toEqual([
    'GET /ok HTTP/1.1',
    `host: 127.0.0.1:${server.port}`,
    'connection: keep-alive',
    'user-agent: Warren/0.1 (+me@example.org)',
    'accept: text/html,application/xhtml+xml;q=0.9,application/xml;q=0.8,text/plain;q=0.7,*/*;q=0.5',
    'accept-encoding: gzip, deflate, br, zstd',
    'from: me@example.org',
  ])
})
