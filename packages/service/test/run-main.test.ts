import { type ChildProcess, spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { type ShutdownScope, whenAborted } from '@warren/async'
import { CrawlError } from '@warren/protocol'
import { EXIT, type Host, runMain } from '@warren/service'
import { afterEach, expect, test, vi } from 'vitest'

class FakeOutput extends EventEmitter {
  text = ''
  write(text: string, written?: () => void): void {
    this.text += text
    written?.()
  }
}

class FakeProcess extends EventEmitter {
  readonly stdout = new FakeOutput()
  readonly stderr = new FakeOutput()
  readonly exits: number[] = []
  exit(code: number): never {
    this.exits.push(code)
    return undefined as never
  }
}

afterEach(() => vi.useRealTimers())

const start = (main: (shutdown: ShutdownScope) => Promise<number>) => {
  const host = new FakeProcess()
  return { host, ended: runMain(main, { host: host as Host }) }
}

test('the code of main is the exit code, and no listener stays', async () => {
  const { host, ended } = start(async () => EXIT.noSeed)
  await ended
  expect(host.exits).toEqual([EXIT.noSeed])
  expect(host.eventNames()).toEqual([])
  expect([host.stdout.eventNames(), host.stderr.eventNames()]).toEqual([[], []])
})

test('a CrawlError is one line without secrets, and its exit code', async () => {
  const { host, ended } = start(() => {
    throw new CrawlError('ERR_STORE_DENIED', 'Cannot open the frontier at postgres://u:hunter2@db: password refused; set DATABASE_URL')
  })
  await ended
  expect(host.exits).toEqual([EXIT.unavailable])
  expect(host.stderr.text).toBe('warren: Cannot open the frontier at postgres://***@db: password refused; set DATABASE_URL\n')
})

test('several failures are told one by one, the first decides', async () => {
  const { host, ended } = start(async () => {
    throw new SuppressedError(new CrawlError('ERR_STORE_UNAVAILABLE', 'second'), new CrawlError('ERR_OUTPUT_UNUSABLE', 'first'))
  })
  await ended
  expect([host.exits, host.stderr.text]).toEqual([[EXIT.output], 'warren: first\nwarren: second\n'])
})

test('a bug shows its stack', async () => {
  const { host, ended } = start(async () => {
    throw new TypeError('broken invariant', { cause: new Error('root') })
  })
  await ended
  expect(host.exits).toEqual([EXIT.bug])
  expect(host.stderr.text).toMatch(/^warren: this is a bug, please report it\nTypeError: broken invariant\n {4}at [\s\S]*root/)
})

test.each(['SIGINT', 'SIGTERM', 'SIGHUP'])('%s drains; drained, the code of main counts', async (name) => {
  const { host, ended } = start(async (shutdown) => {
    await whenAborted(shutdown.draining)
    expect(shutdown.aborted.aborted).toBe(false)
    return EXIT.ok
  })
  host.emit(name)
  await ended
  expect(host.exits).toEqual([EXIT.ok])
})

test.each(['SIGINT', 'SIGHUP'])('%s after SIGTERM aborts: 130 whatever main returns or throws', async (name) => {
  for (const result of [async () => EXIT.ok, () => Promise.reject(new CrawlError('ERR_STORE_UNAVAILABLE', 'cut'))]) {
    const { host, ended } = start(async (shutdown) => {
      await whenAborted(shutdown.aborted)
      return result()
    })
    host.emit('SIGTERM')
    host.emit(name)
    await ended
    expect(host.exits).toEqual([EXIT.interrupted])
  }
})

test.each(['SIGINT', 'SIGTERM', 'SIGHUP'])('two %ss within 300 ms are one', async (name) => {
  vi.useFakeTimers()
  const seen: boolean[] = []
  const { host, ended } = start(async (shutdown) => {
    const see = () => seen.push(shutdown.draining.aborted, shutdown.aborted.aborted)
    await whenAborted(shutdown.draining)
    host.emit(name)
    see()
    vi.advanceTimersByTime(299)
    host.emit(name)
    see()
    vi.advanceTimersByTime(1)
    host.emit(name)
    see()
    return EXIT.ok
  })
  host.emit(name)
  await ended
  expect(seen).toEqual([true, false, true, false, true, true])
})

test('a cancellation by a signal is told by the exit code only', async () => {
  const { host, ended } = start(async (shutdown) => {
    await whenAborted(shutdown.draining)
    throw shutdown.draining.reason
  })
  host.emit('SIGINT')
  await ended
  expect([host.exits, host.stderr.text]).toEqual([[EXIT.interrupted], ''])
})

test('what does not end after the second signal is ended by a third, or after 10 s', async () => {
  vi.useFakeTimers()
  const { host } = start(() => new Promise(() => {}))
  host.emit('SIGTERM')
  host.emit('SIGINT')
  expect(host.exits).toEqual([])
  host.emit('SIGHUP')
  expect(host.exits).toEqual([EXIT.interrupted])
  vi.advanceTimersByTime(10_000)
  expect(host.exits).toEqual([EXIT.interrupted, EXIT.interrupted])
})

test('a closed pipe is no error, another fault of it is', async () => {
  const { host, ended } = start(async () => {
    await Promise.resolve()
    for (const output of [host.stdout, host.stderr]) output.emit('error', Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }))
    expect(host.exits).toEqual([])
    host.stdout.emit('error', Object.assign(new Error('write ENOSPC'), { code: 'ENOSPC' }))
    return EXIT.ok
  })
  await ended
  expect(host.exits).toEqual([EXIT.bug, EXIT.ok]) // a real exit does not return
})

test.each(['unhandledRejection', 'uncaughtException'])('%s is a bug, a CrawlError too', async (event) => {
  const { host } = start(() => new Promise(() => {}))
  host.emit(event, new CrawlError('ERR_STORE_UNAVAILABLE', 'nobody awaited this'))
  expect(host.exits).toEqual([EXIT.bug])
  expect(host.stderr.text).toContain('at ')
})

// The same with a real process.

const fileOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
const program = fileOf('program.ts')
const run = (how: string): ChildProcess & { stdout: NodeJS.ReadableStream; stderr: NodeJS.ReadableStream } =>
  spawn(process.execPath, [program, how], { stdio: ['ignore', 'pipe', 'pipe'] }) as never

test('a process drains on SIGTERM and ends with the code of main', async () => {
  const child = run('drain')
  await once(child.stdout, 'data')
  child.kill('SIGTERM')
  expect(await once(child, 'exit')).toEqual([EXIT.ok, null])
})

test('a process whose reader has gone goes on', async () => {
  const child = run('chatter')
  child.stdout.once('data', () => (child.stdout as unknown as { destroy(): void }).destroy())
  let stderr = ''
  child.stderr.on('data', (chunk) => {
    stderr += chunk
  })
  expect(await once(child, 'close')).toEqual([EXIT.ok, null])
  expect(stderr).toBe('')
})

test('a process with a rejection nobody awaits ends as a bug with its stack', async () => {
  const child = run('floating')
  let stderr = ''
  child.stderr.on('data', (chunk) => {
    stderr += chunk
  })
  expect(await once(child, 'close')).toEqual([EXIT.bug, null])
  expect(stderr).toMatch(/^warren: this is a bug, please report it\nError: floating\n {4}at /)
})

test('the example of the README serves until SIGTERM', async () => {
  expect(await readFile(fileOf('../README.md'), 'utf8')).toContain(await readFile(fileOf('example.ts'), 'utf8'))
  const child = spawn(process.execPath, [fileOf('example.ts')], {
    env: { ...process.env, HEALTH_PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = await once(child.stdout, 'data')
  const { msg, port } = JSON.parse(line)
  expect(msg).toBe('listening')
  expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200)
  child.kill('SIGTERM')
  expect(await once(child, 'exit')).toEqual([EXIT.ok, null])
})
