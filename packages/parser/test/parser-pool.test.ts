import { afterEach, describe, expect, test } from 'vitest'
import { type PageFault, ParserPool, type PoolOptions } from '../src/parser-pool.ts'

const hostile = new URL('./hostile-worker.ts', import.meta.url)
const page = (path: string, html = '<title>t</title><a href=/x>') => ({
  body: new TextEncoder().encode(html),
  contentType: 'text/html; charset=utf-8',
  url: `https://example.org${path}`,
  userAgent: 'Warren/1',
})
const good = { ok: true, value: { facts: { title: 't', parseError: null }, links: [{ url: 'https://example.org/x' }], reader: 'scan' } }

const open: ParserPool[] = []
const pool = (options: Partial<PoolOptions> = {}): ParserPool => {
  const made = new ParserPool({ threads: 1, pageMs: 60_000, heapMb: 64, ...options })
  open.push(made)
  return made
}
afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each[Symbol.asyncDispose]()))
})

describe('ParserPool', { timeout: 30_000 }, () => {
  test('parses pages in threads, and leaves their bodies as they are', async () => {
    const pages = pool({ threads: 2 })
    const ordinary = page('/a')
    const shared = Buffer.from('xx<title>t</title><a href=/x>yy')
    expect(await Promise.all([pages.parse(ordinary), pages.parse({ ...ordinary, body: shared.subarray(2, -2) })])).toMatchObject([
      good,
      good,
    ])
    expect(ordinary.body.byteLength).toBe(27)
    expect(shared.toString()).toBe('xx<title>t</title><a href=/x>yy')
  })

  test('many pages at once all come back, each with its own answer', async () => {
    const pages = pool({ threads: 2 })
    const results = await Promise.all(Array.from({ length: 300 }, (_, i) => pages.parse(page(`/${i}`, `<title>${i}</title>`))))
    expect(results.map((each) => (each.ok ? each.value.facts.title : each.error))).toEqual(results.map((_, i) => String(i)))
  })

  test.each<[path: string, fault: PageFault]>([
    ['/hang', 'timeout'],
    ['/memory', 'memory'],
    ['/crash', 'crash'],
    ['/exit', 'crash'],
  ])('a page that does %s costs its thread twice, then ends as %s; pages before and behind it are parsed', async (path, fault) => {
    const faults: unknown[] = []
    const pages = pool({
      file: hostile,
      pageMs: path === '/hang' ? 1_000 : 60_000,
      onFault: (kind, { url }, tries) => faults.push([kind, url, tries]),
    })
    const results = await Promise.all(['/a', path, '/b', '/c', '/d', '/e', '/f'].map((each) => pages.parse(page(each))))
    expect(results).toMatchObject([good, { ok: false, error: fault }, good, good, good, good, good])
    expect(faults).toEqual([
      [fault, `https://example.org${path}`, 1],
      [fault, `https://example.org${path}`, 2],
    ])
    expect(await pages.parse(page('/later'))).toMatchObject(good)
  })

  test('hostile pages in every thread leave the pool working', async () => {
    const pages = pool({ threads: 2, file: hostile, pageMs: 1_000 })
    const results = await Promise.all(['/hang', '/crash1', '/crash2', '/good'].map((each) => pages.parse(page(each))))
    expect(results.map((each) => (each.ok ? 'good' : each.error))).toEqual(['timeout', 'crash', 'crash', 'good'])
  })

  test('stop rejects what is not finished with its reason, and ends a thread that hangs', async () => {
    const pages = pool({ file: hostile })
    const reason = new Error('stopped')
    const results = Promise.allSettled([pages.parse(page('/hang')), pages.parse(page('/a'))])
    await pages.stop(reason)
    expect(await results).toEqual([
      { status: 'rejected', reason },
      { status: 'rejected', reason },
    ])
    await expect(pages.parse(page('/a'))).rejects.toBe(reason)
  })

  test('threads that cannot start are an error of ours, never a fault of pages', async () => {
    const pages = pool({ file: new URL('./dead-worker.ts', import.meta.url) })
    await expect(pages.parse(page('/a'))).rejects.toMatchObject({
      code: 'ERR_SERVICE_START',
      message: expect.stringContaining('no thread today'),
    })
    await expect(pages.parse(page('/b'))).rejects.toMatchObject({ code: 'ERR_SERVICE_START' })
  })
})
