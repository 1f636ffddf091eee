import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { startRabbitMq } from '@warren/testkit'
import { expect, test } from 'vitest'

/** Processes that run now and name the word in their command line or environment, which all of a node's do. */
async function processesOf(word: string): Promise<string[]> {
  const found: string[] = []
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue
    const [command = '', environment = ''] = await Promise.all(
      ['cmdline', 'environ'].map((file) => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '')),
    )
    if (command !== '' && `${command}${environment}`.includes(word)) found.push(`${pid} ${command.replaceAll('\0', ' ')}`)
  }
  return found
}

/** Calls the management API as the broker's user. */
async function call(base: string, method: string, path: string, body?: object): Promise<unknown> {
  const { username, password, origin } = new URL(base)
  const headers = {
    authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`,
    'content-type': 'application/json',
  }
  const response = await fetch(`${origin}/api/${path}`, { method, headers, ...(body && { body: JSON.stringify(body) }) })
  const text = await response.text()
  if (!response.ok) throw new Error(`${response.status} ${text}`)
  return text === '' ? undefined : JSON.parse(text)
}

test('RabbitMQ: killed and restarted it has the same address and the same durable queue; disposed, nothing of it is left', async () => {
  const rabbit = await startRabbitMq()
  const { managementUrl } = rabbit
  await call(managementUrl, 'PUT', 'queues/%2F/kept', { durable: true })
  await rabbit.ctl(['eval', 'mnesia:sync_log().']) // else the queue may be younger than what reached the disk
  await rabbit.kill()
  await expect(call(managementUrl, 'GET', 'queues/%2F/kept')).rejects.toThrow()
  await rabbit.restart()
  expect(rabbit.managementUrl).toBe(managementUrl)
  expect(await call(managementUrl, 'GET', 'queues/%2F/kept')).toMatchObject({ name: 'kept', durable: true })
  expect(await rabbit.ctl(['list_queues', 'name', '--no-table-headers'])).toContain('kept')
  await rabbit[Symbol.asyncDispose]()
  const port = new URL(rabbit.url).port
  for (const end = performance.now() + 5_000; (await processesOf(`warren-${port}@`)).length > 0 && performance.now() < end; )
    await delay(20)
  expect(await processesOf(`warren-${port}@`)).toEqual([])
})

test('RabbitMQ: when the program is killed, the broker and its folder go too', async () => {
  const script = fileURLToPath(new URL('./fixtures/hold-rabbit.ts', import.meta.url))
  const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'ignore'] })
  const [url] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  const name = `warren-${new URL(url).port}@`
  const folder = /-home (\S+)/.exec((await processesOf(name)).join(' '))?.[1] ?? ''
  expect(folder).not.toBe('')
  child.kill('SIGKILL')
  for (const end = performance.now() + 10_000; (await processesOf(name)).length > 0 && performance.now() < end; ) await delay(20)
  expect(await processesOf(name)).toEqual([])
  while (existsSync(folder)) await delay(20)
})
