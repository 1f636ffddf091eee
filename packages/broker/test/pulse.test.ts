import { EventEmitter } from 'node:events'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Pulse } from '../src/pulse.ts'

const HEARTBEAT_MS = 4_000

class FakeSocket extends EventEmitter {
  bytesRead = 0

  receive(bytes = 8): void {
    this.bytesRead += bytes
    this.emit('readable')
  }
}

let now: number
let pulse: Pulse
let socket: FakeSocket

beforeEach(() => {
  now = 1_000
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  vi.spyOn(performance, 'now').mockImplementation(() => now)
  socket = new FakeSocket()
  pulse = new Pulse(HEARTBEAT_MS)
  pulse.watch(socket)
})
afterEach(() => {
  pulse[Symbol.dispose]()
  vi.useRealTimers()
  vi.restoreAllMocks()
})

/** Time in which the event loop runs. */
const live = (ms: number) => {
  for (let i = 0; i < ms; i += 100) {
    now += 100
    vi.advanceTimersByTime(100)
  }
}
/** Time in which the process stands still. */
const standStill = (ms: number) => {
  now += ms
}

test('silence counts from the last bytes', () => {
  live(3_000)
  expect(pulse.silentMs()).toBe(3_000)
  socket.receive()
  expect(pulse.silentMs()).toBe(0)
  live(500)
  expect(pulse.silentMs()).toBe(500)
})

test('the end of the stream is no sign of life', () => {
  live(3_000)
  socket.receive(0)
  expect(pulse.silentMs()).toBe(3_000)
})

test('after a standstill, bytes that had been waiting in the socket do not count, whether they or the timer are looked at first', () => {
  for (const first of ['bytes', 'timer'] as const) {
    socket.receive()
    standStill(60_000)
    expect(pulse.silentMs()).toBe(60_000) // before anything else ran
    if (first === 'timer') vi.advanceTimersByTime(HEARTBEAT_MS / 4)
    socket.receive()
    expect(pulse.silentMs()).toBe(60_000)
    live(HEARTBEAT_MS / 4)
    socket.receive() // the connection outlived it: this one is fresh
    expect(pulse.silentMs()).toBe(0)
    live(HEARTBEAT_MS)
  }
})

test('a pause of the loop below half a heartbeat is nothing', () => {
  standStill(HEARTBEAT_MS / 2 - 100)
  socket.receive()
  expect(pulse.silentMs()).toBe(0)
})
