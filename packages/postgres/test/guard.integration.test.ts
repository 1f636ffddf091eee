import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { hold, processesWith, query, release, temporaryFolder, until, useOwnCache } from './support.ts'

const GUARD = 'warren-postgres-guard'
useOwnCache()
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 }) // an initdb takes seconds where many share a disk

let shared: Awaited<ReturnType<typeof temporaryFolder>>
/** One folder for all: each test leaves nobody on it. */
let dir: string
beforeAll(async () => {
  shared = await temporaryFolder()
  dir = shared.path
  const holder = await hold(dir)
  await query(holder.said.url, 'create table kept as select 42 as answer')
  await release(holder)
})
afterAll(() => shared[Symbol.asyncDispose]())

const gone = (pid: number) => async (): Promise<boolean> => (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')) === ''

async function dataOf(pid: number): Promise<string> {
  const args = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0')
  return args[args.indexOf('-D') + 1] ?? ''
}

/** Session id and process group from /proc/<pid>/stat. */
async function sessionOf(pid: number): Promise<{ group: string | undefined; session: string | undefined }> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8')
  const [, , group, session] = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return { group, session }
}

test('SIGKILL of the program: Postgres and its guard are gone within 30 s, and the next start has the data', async () => {
  const holder = await hold(dir)
  const data = await dataOf(holder.said.pid)
  holder.child.kill('SIGKILL')
  const tookMs = await until('Postgres to end', 30_000, gone(holder.said.pid))
  expect(tookMs).toBeLessThan(30_000)
  await until('its guard to end', 5_000, async () => (await processesWith(GUARD, data)).length === 0)
  const next = await hold(dir)
  expect(await query(next.said.url, 'select * from kept')).toEqual([{ answer: 42 }])
  await release(next)
})

test('SIGKILL of the program and of the guard: the next start stops what still runs, and takes over', async () => {
  const holder = await hold(dir)
  const data = await dataOf(holder.said.pid)
  for (const guard of await processesWith(GUARD, data)) process.kill(guard, 'SIGKILL')
  holder.child.kill('SIGKILL')
  await once(holder.child, 'exit')
  expect(await gone(holder.said.pid)()).toBe(false)
  const next = await hold(dir)
  expect(await gone(holder.said.pid)()).toBe(true)
  expect(await query(next.said.url, 'select * from kept')).toEqual([{ answer: 42 }])
  await release(next)
  expect(await processesWith(data)).toEqual([])
})

test('a second program on the same folder is told which process has it', async () => {
  const holder = await hold(dir)
  const second = await hold(dir)
  expect(second.said).toMatchObject({ code: 'ERR_OUTPUT_BUSY', message: expect.stringContaining(`process ${holder.child.pid} runs on it`) })
  await release(holder)
})

test('a Ctrl-C for the program group reaches neither Postgres nor the guard: each has its own session', async () => {
  const holder = await hold(dir)
  const own = await sessionOf(holder.child.pid ?? 0)
  const [guard = 0] = await processesWith(GUARD, await dataOf(holder.said.pid))
  for (const pid of [holder.said.pid, guard]) {
    const theirs = await sessionOf(pid)
    expect(theirs.group).not.toBe(own.group)
    expect(theirs.session).not.toBe(own.session)
  }
  await release(holder)
})

test('a guard that was killed is replaced', async () => {
  const holder = await hold(dir)
  const data = await dataOf(holder.said.pid)
  const [first = 0] = await processesWith(GUARD, data)
  await until(
    'the guard to be a second old',
    5_000,
    async () => ageMs(await readFile(`/proc/${first}/stat`, 'utf8'), await readFile('/proc/uptime', 'utf8')) > 1_100,
  )
  process.kill(first, 'SIGKILL')
  await until('another guard', 5_000, async () => (await processesWith(GUARD, data)).some((pid) => pid !== first))
  holder.child.kill('SIGKILL')
  await until('Postgres to end', 30_000, gone(holder.said.pid))
  await until('its guard to end', 5_000, async () => (await processesWith(GUARD, data)).length === 0)
})

function ageMs(stat: string, uptime: string): number {
  const startTicks = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19])
  return Number(uptime.split(' ')[0]) * 1_000 - startTicks * 10 // 100 ticks a second
}
