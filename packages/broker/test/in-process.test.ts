import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { createInProcessBroker, type Verdict } from '@warren/broker'
import { describe, expect, test } from 'vitest'
import { brokerContract } from './contract.ts'
import { outcome, visit } from './messages.ts'
import { until } from './until.ts'

brokerContract('in-process', async (limits) => {
  const broker = createInProcessBroker(limits)
  return {
    // Roles of one process share the broker; only the test's own handle closes it.
    open: async () => broker,
    [Symbol.asyncDispose]: () => broker[Symbol.asyncDispose](),
  }
})

const ack = async (): Promise<Verdict> => 'ack'

describe('in-process', () => {
  test('messages flow without a macrotask each, and timers get their turn all the same', async () => {
    await using broker = createInProcessBroker({ outcomesMaxCount: 1_000 })
    let turns = 0
    let running = true
    const count = () => {
      turns++
      if (running) setImmediate(count)
    }
    setImmediate(count)
    await broker.consume('outcomes', { prefetch: 100 }, ack)
    const message = outcome(1)
    const messages = 50_000
    for (let n = 0; n < messages; n++) await broker.publish(message) // never waits for anything else
    running = false
    expect(broker.stats.acked).toBeGreaterThan(messages - 1_000)
    expect(turns).toBeGreaterThan(messages / 512) // the loop ran
    expect(turns).toBeLessThan(messages / 10)
  })

  test('handlers that answer at once do not starve timers either', async () => {
    await using broker = createInProcessBroker()
    const timer = new Promise<number>((resolve) => setTimeout(() => resolve(broker.stats.delivered), 1))
    await broker.consume('visits', { prefetch: 1 }, async () => 'requeue') // for ever
    await broker.publish(visit(1))
    expect(await timer).toBeGreaterThan(0)
  })

  test('publishers that outrun their consumer are slowed down before the queue is full', async () => {
    await using broker = createInProcessBroker({ outcomesMaxCount: 2_000 })
    await broker.consume('outcomes', { prefetch: 10 }, ack)
    const message = outcome(1)
    const publisher = async () => {
      for (let n = 0; n < 500; n++) await broker.publish(message)
    }
    await Promise.all(Array.from({ length: 64 }, publisher))
    expect(broker.stats.refused).toBe(0)
  })

  test('no handler runs inside a publish', async () => {
    await using broker = createInProcessBroker()
    let handled = false
    await broker.consume('visits', { prefetch: 1 }, async () => {
      handled = true
      return 'ack'
    })
    const published = broker.publish(visit(1))
    expect(handled).toBe(false)
    await published
  })

  test('a full store of dead letters keeps the message in its queue', async () => {
    await using broker = createInProcessBroker({ deadMaxCount: 1 })
    await broker.publish(visit(1))
    await broker.publish(visit(2))
    const consumer = await broker.consume('visits', { prefetch: 2 }, async () => ({ deadLetter: 'no good' }))
    await until(() => broker.stats.delivered === 2)
    await consumer[Symbol.asyncDispose]()
    expect(await broker.depths()).toMatchObject({ visits: 1, dead: 1 })
  })

  test('queues have limits in messages', async () => {
    await using broker = createInProcessBroker({ visitsMaxCount: 2 })
    await broker.publish(visit(1))
    await broker.publish(visit(2))
    await expect(broker.publish(visit(3))).rejects.toMatchObject({ code: 'ERR_BROKER_REFUSED' })
  })

  test('a listener of controls that throws ends its process', async () => {
    const worker = new Worker(new URL('./throwing-listener.ts', import.meta.url))
    const [error] = await once(worker, 'error')
    expect(error).toMatchObject({ name: 'TypeError', message: 'as told' })
  })

  test('a slow listener of controls gets the latest ones, and the publisher does not wait for it', async () => {
    await using broker = createInProcessBroker()
    const heard: number[] = []
    await broker.onControl(({ crawls }) => heard.push(crawls.length))
    const crawls = Array.from({ length: 20 }, (_, id) => ({ id, state: 'running' as const }))
    for (let n = 0; n < 20; n++) void broker.publish({ v: 1, type: 'control', crawls: crawls.slice(0, n), recalled: [] })
    await new Promise((resolve) => setImmediate(resolve))
    expect(heard.at(-1)).toBe(19)
    expect(heard.length).toBeLessThan(20)
  })

  test('a subscriber of the state hears of the end', async () => {
    const broker = createInProcessBroker()
    const state = broker.state.subscribe()
    await broker[Symbol.asyncDispose]()
    expect(state.value).toBe('closed')
  })
})
