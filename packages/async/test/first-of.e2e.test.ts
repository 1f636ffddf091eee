import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, expect, test } from 'vitest'

const program = join(import.meta.dirname, '../examples/first-of.node.ts')

/**
 * Starts the program, calls `act` once it waits, and waits until it has ended by itself. Its standard input is never closed from here, so a
 * handle, timer or listener that it left open would keep it alive.
 */
async function run(act: (child: ChildProcessWithoutNullStreams) => void) {
  const startedAt = performance.now()
  const child = spawn(process.execPath, [program], { timeout: 20_000, killSignal: 'SIGKILL' })
  const lines: string[] = []
  const errors: string[] = []
  child.stderr.on('data', (text) => errors.push(String(text)))
  const exited = once(child, 'close')
  const output = createInterface(child.stdout).on('line', (line) => lines.push(line))
  await Promise.race([once(output, 'line'), exited])
  const actedAt = performance.now()
  act(child)
  const [code, signal] = await exited
  const endedAt = performance.now()
  return { said: lines.slice(1), errors: errors.join(''), code, signal, afterMs: endedAt - actedAt, allMs: endedAt - startedAt }
}

describe.concurrent('the first of a message, three seconds and Ctrl-C', () => {
  test('a message: it is said, and the three seconds are not waited for', async () => {
    const { afterMs, allMs: _allMs, ...ended } = await run((child) => child.stdin.write('hello\n'))
    expect(ended).toEqual({ said: ['You said: hello'], errors: '', code: 0, signal: null })
    expect(afterMs).toBeLessThan(2_500)
  })

  test('Ctrl-C: it is no death by signal but an answer', async () => {
    const { afterMs, allMs: _allMs, ...ended } = await run((child) => child.kill('SIGINT'))
    expect(ended).toEqual({ said: ['Interrupted.'], errors: '', code: 130, signal: null })
    expect(afterMs).toBeLessThan(2_500)
  })

  test('three seconds: not earlier', async () => {
    const { afterMs: _afterMs, allMs, ...ended } = await run(() => {})
    expect(ended).toEqual({ said: ['Silence.'], errors: '', code: 1, signal: null })
    expect(allMs).toBeGreaterThanOrEqual(3_000)
  })
})
