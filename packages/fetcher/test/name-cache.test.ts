import { ManualClock } from '@warren/async'
import { describe, expect, test } from 'vitest'
import { NameCache } from '../src/name-cache.ts'

const MINUTE = 60_000
const failure = (code: string) => Object.assign(new Error(code), { code })

function cacheOf(answers: Record<string, { ttlMs: number } | Error>, maxNames = 100) {
  const clock = new ManualClock()
  const asked: string[] = []
  const cache = new NameCache({
    maxNames,
    concurrency: 4,
    clock,
    lookup: async (name) => {
      asked.push(name)
      const answer = answers[name] ?? failure('ENOTFOUND')
      if (answer instanceof Error) throw answer
      return { addresses: ['192.0.2.1'], ttlMs: answer.ttlMs }
    },
  })
  return { cache, clock, asked }
}

/** Lookups that the test ends. */
function lookupByHand() {
  const begun: string[] = []
  const ends = new Map<string, () => void>()
  const lookup = async (name: string) => {
    begun.push(name)
    const { promise, resolve } = Promise.withResolvers<void>()
    ends.set(name, resolve)
    await promise
    return { addresses: ['192.0.2.1'], ttlMs: MINUTE }
  }
  return { lookup, begun, end: (name: string) => ends.get(name)?.() }
}

describe('NameCache', () => {
  test('remembers an answer for its TTL, but from 1 to 60 minutes', async () => {
    const { cache, clock, asked } = cacheOf({ short: { ttlMs: 0 }, middle: { ttlMs: 5 * MINUTE }, long: { ttlMs: 1e9 } })
    const ask = () => Promise.all(['short', 'middle', 'long'].map((name) => cache.addressesOf(name)))
    await ask()
    await clock.advance(MINUTE - 1)
    await ask()
    expect(asked).toEqual(['short', 'middle', 'long'])
    await clock.advance(1)
    await ask()
    expect(asked.slice(3)).toEqual(['short'])
    await clock.advance(60 * MINUTE)
    await ask()
    expect(asked.slice(4)).toEqual(['short', 'middle', 'long'])
  })

  test('remembers for a minute that a name does not exist', async () => {
    const { cache, clock, asked } = cacheOf({})
    for (let i = 0; i < 3; i++) await expect(cache.addressesOf('nobody')).rejects.toMatchObject({ code: 'ENOTFOUND' })
    expect(asked).toEqual(['nobody'])
    expect(cache.stats).toEqual({ hits: 0, misses: 1, negative: 2 })
    await clock.advance(MINUTE)
    await expect(cache.addressesOf('nobody')).rejects.toThrow()
    expect(asked).toHaveLength(2)
  })

  test('asks again after a resolver failed', async () => {
    const { cache, asked } = cacheOf({ x: failure('ESERVFAIL') })
    for (let i = 0; i < 2; i++) await expect(cache.addressesOf('x')).rejects.toMatchObject({ code: 'ESERVFAIL' })
    expect(asked).toEqual(['x', 'x'])
  })

  test('asks once for many who want one name', async () => {
    const { cache, asked } = cacheOf({ x: { ttlMs: MINUTE } })
    await Promise.all(Array.from({ length: 10 }, () => cache.addressesOf('x')))
    expect(asked).toEqual(['x'])
  })

  test('looks up so many at once, in their order; urgent names overtake', async () => {
    const { lookup, begun, end } = lookupByHand()
    const cache = new NameCache({ lookup, maxNames: 100, concurrency: 2 })
    const all = ['a', 'b', 'c', 'd'].map((name) => cache.addressesOf(name))
    const urgent = cache.addressesOf('robots', { urgent: true })
    expect(begun).toEqual(['a', 'b'])
    for (const name of ['a', 'b', 'robots', 'c', 'd']) {
      end(name)
      await new Promise(setImmediate)
    }
    await Promise.all([...all, urgent])
    expect(begun).toEqual(['a', 'b', 'robots', 'c', 'd'])
  })

  test('one whom the wait is too long is let go; a lookup that nobody waits for any more does not begin', async () => {
    const { lookup, begun, end } = lookupByHand()
    const cache = new NameCache({ lookup, maxNames: 100, concurrency: 1 })
    const controllers = Array.from({ length: 4 }, () => new AbortController())
    const [first, alone, one, other] = ['first', 'alone', 'shared', 'shared'].map((name, i) =>
      cache.addressesOf(name, { signal: controllers[i]?.signal }),
    )
    for (const controller of controllers.slice(0, 3)) controller.abort('too long')
    for (const gone of [first, alone, one]) await expect(gone).rejects.toBe('too long')
    const again = cache.addressesOf('alone')
    end('first')
    await new Promise(setImmediate)
    end('shared')
    await new Promise(setImmediate)
    end('alone')
    await Promise.all([other, again])
    expect(begun).toEqual(['first', 'shared', 'alone'])
    await cache.addressesOf('first') // it went on, for whoever asks next
    expect(begun).toHaveLength(3)
  })

  test('forgets the name used longest ago when it is full', async () => {
    const ttlMs = 10 * MINUTE
    const { cache, asked } = cacheOf({ a: { ttlMs }, b: { ttlMs }, c: { ttlMs } }, 2)
    for (const name of ['a', 'b', 'a', 'c', 'a', 'b']) await cache.addressesOf(name)
    expect(asked).toEqual(['a', 'b', 'c', 'b'])
    expect(cache.names).toBe(2)
  })
})
