import { createMetrics, serveHealth } from '@warren/service'
import { expect, test } from 'vitest'

const metrics = createMetrics({ role: 'test' })
const ready = () => ({ ok: true })

test('serves metrics, liveness and readiness with its reason', async () => {
  let reason: string | undefined = 'broker: disconnected'
  await using health = await serveHealth({ host: '127.0.0.1', port: 0, metrics, ready: () => ({ ok: reason === undefined, reason }) })
  const get = async (path: string, init?: RequestInit) => {
    const response = await fetch(`http://127.0.0.1:${health.port}${path}`, init)
    return [response.status, await response.text(), response.headers.get('content-type')] as const
  }
  expect(await get('/livez')).toEqual([200, 'ok\n', 'text/plain; charset=utf-8'])
  expect((await get('/readyz')).slice(0, 2)).toEqual([503, 'broker: disconnected\n'])
  reason = undefined
  expect((await get('/readyz?verbose')).slice(0, 2)).toEqual([200, 'ok\n'])
  const [status, text, type] = await get('/metrics')
  expect([status, type]).toEqual([200, metrics.contentType])
  expect(text).toContain('warren_process_cpu_seconds_total')
  expect((await get('/')).slice(0, 2)).toEqual([404, 'there are /metrics, /livez and /readyz\n'])
  expect((await get('/livez', { method: 'POST' }))[0]).toBe(405)
  expect((await get('/livez', { method: 'HEAD' })).slice(0, 2)).toEqual([200, ''])
})

test('a readiness check that throws is a 500, not a crash', async () => {
  const broken = () => {
    throw new Error('no idea')
  }
  await using health = await serveHealth({ host: '127.0.0.1', port: 0, metrics, ready: broken })
  const response = await fetch(`http://127.0.0.1:${health.port}/readyz`)
  expect([response.status, await response.text()]).toEqual([500, 'no idea\n'])
})

test('a port that cannot be had is one line that says which and what to do', async () => {
  await using health = await serveHealth({ host: '127.0.0.1', port: 0, metrics, ready })
  await expect(serveHealth({ host: '127.0.0.1', port: health.port, metrics, ready })).rejects.toMatchObject({
    code: 'ERR_SERVICE_START',
    message: `Cannot serve health and metrics on 127.0.0.1:${health.port}: another process uses the port; set another one, or 0 for any`,
  })
  await expect(serveHealth({ host: '127.0.0.1', port: 70_000, metrics, ready })).rejects.toMatchObject({
    message: /set a port from 0 to 65535/,
  })
  await expect(serveHealth({ host: '192.0.2.1', port: 0, metrics, ready })).rejects.toMatchObject({ message: /does not have that address/ })
})

test('closing it ends its connections and frees the port, twice is once', async () => {
  const health = await serveHealth({ host: '127.0.0.1', port: 0, metrics, ready })
  await fetch(`http://127.0.0.1:${health.port}/livez`) // keeps its connection
  await health[Symbol.asyncDispose]()
  await health[Symbol.asyncDispose]()
  await using again = await serveHealth({ host: '127.0.0.1', port: health.port, metrics, ready })
  expect(again.port).toBe(health.port)
})
