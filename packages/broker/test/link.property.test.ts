/*
 * Mutants that these tests kill:
 * - link.ts: a second connect dials again
 *     `this.#attempting ??= this.#attempt(signal)` => `this.#attempting = this.#attempt(signal)`
 * - link.ts: a connection that was lost before it counted is taken for good
 *     `      lost.throwIfAborted()` => `      `
 * - link.ts: a lost connection does not come back
 *     `        this.#reconnecting = this.#reconnect()` => `        `
 * - link.ts: a dispose lets the attempt go on
 *     `using _closing = onAbort(this.#closing.signal, (reason) => scope.cancel(reason))` => `using _closing = onAbort(undefined, (reason) => scope.cancel(reason))`
 * - link.ts: what failed to be set up stays open
 *     `      if (model !== undefined && !scope.signal.aborted) await hangUp(model)` => `      `
 * - link.ts: the loss of an earlier connection counts for the present one
 *     `const isOurs = () => this.#model === model` => `const isOurs = () => this.#model !== undefined`
 */
import { IllegalStepError } from '@warren/async'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LinkScene } from './link-scene.ts'

/** What the world does; where it cannot, nothing happens. */
const ACTS = [
  'connect',
  'cancelled connect',
  'accept',
  'refuse',
  'set up',
  'fail to set up',
  'lose',
  'lose an old one',
  'block',
  'unblock',
  'wait',
] as const
type Act = (typeof ACTS)[number]

async function act(scene: LinkScene, what: Act, failures: unknown[]): Promise<void> {
  const { link, clock, dials, models, setUp } = scene
  const model = models.at(-1)
  switch (what) {
    case 'connect':
      return void link.connect().catch((error) => failures.push(error))
    case 'cancelled connect': {
      const controller = new AbortController()
      link.connect({ signal: controller.signal }).catch((error) => failures.push(error))
      await clock.advance(0)
      return controller.abort(new Error('enough'))
    }
    case 'accept':
      if (dials.length > 0) scene.setUp = Promise.withResolvers()
      return void dials[0]?.accept()
    case 'refuse':
      return dials[0]?.refuse(new Error('Connection closed'))
    case 'set up':
      return setUp?.resolve()
    case 'fail to set up':
      setUp?.promise.catch(() => {})
      return setUp?.reject(new Error('Channel closed'))
    case 'lose':
      return model?.isClosed === false ? model.lose(new Error('reset')) : undefined
    case 'lose an old one':
      return void (models[0]?.isClosed && models[0].emit('close'))
    case 'block':
      return void model?.emit('blocked', 'low on memory')
    case 'unblock':
      return void model?.emit('unblocked')
    case 'wait':
      return clock.advance(5_000)
  }
}

/** Mostly a road to a connection that stands, since otherwise few runs get there. */
const road = fc.constant<Act[]>(['connect', 'accept', 'set up', 'lose', 'wait', 'accept', 'set up'])
const acts = fc
  .tuple(road, fc.array(fc.tuple(fc.nat(20), fc.constantFrom(...ACTS)), { maxLength: 25 }))
  .map(([road, others]) => others.reduce((all, [at, what]) => all.toSpliced(at, 0, what), road))

test('Link: whatever happens in whatever order, it has the connection that its state says, one at most, and comes back until it is disposed', () =>
  fc.assert(
    fc.asyncProperty(acts, fc.infiniteStream(fc.boolean()), async (acts, alone) => {
      const scene = new LinkScene()
      const { link, models, steps } = scene
      const failures: unknown[] = []
      for (const what of acts) {
        await act(scene, what, failures)
        if (alone.next().value) await scene.clock.advance(0) // else the next comes before all that follows has run
        expect(link.model !== undefined).toBe(link.state === 'connected' || link.state === 'blocked')
        expect(steps.reduce<string>((state, { from, to }) => (state === from ? to : 'a gap'), 'disconnected')).toBe(link.state)
      }
      await scene.clock.advance(0)
      expect(scene.mostDials).toBeLessThanOrEqual(1)
      expect(failures.filter((error) => error instanceof IllegalStepError)).toEqual([])
      const present = models.filter((model) => !model.isClosed)
      expect(present.length).toBeLessThanOrEqual(1)
      if (link.model !== undefined) expect(present).toEqual([link.model])
      else if (link.state === 'disconnected') expect(present).toEqual([])
      if (link.state === 'disconnected' && steps.some(({ event }) => event === 'open')) {
        await scene.clock.advance(5_000)
        expect(link.state).toBe('connecting')
      }
      scene.setUp?.resolve()
      await link[Symbol.asyncDispose]()
      await scene.clock.advance(60_000)
      expect([link.state, scene.dials.length, models.every(({ isClosed }) => isClosed)]).toEqual(['closed', 0, true])
    }),
    { numRuns: 400 },
  ))
