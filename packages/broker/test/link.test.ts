import { CrawlError } from '@warren/protocol'
import { expect, test } from 'vitest'
import { LinkScene } from './link-scene.ts'

const refused = () => Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
const denied = () => new CrawlError('ERR_BROKER_DENIED', 'Cannot connect: no')
const turn = () => new Promise((resolve) => setImmediate(resolve))

async function connected(): Promise<LinkScene> {
  const scene = new LinkScene()
  const connecting = scene.link.connect()
  scene.dials[0]?.accept()
  await connecting
  return scene
}

test('Link: connect while connecting joins the attempt under way, and shares its fate', async () => {
  const scene = new LinkScene()
  const both = [scene.link.connect(), scene.link.connect()]
  expect(scene.dials).toHaveLength(1)
  scene.dials[0]?.refuse(refused())
  for (const one of both) await expect(one).rejects.toMatchObject({ code: 'ERR_BROKER_UNAVAILABLE' })
  expect(scene.story).toBe('connect lose')
  const again = [scene.link.connect(), scene.link.connect()]
  scene.dials[0]?.accept()
  const late = scene.link.connect() // while the connection is set up
  await Promise.all([...again, late, scene.link.connect()])
  expect(scene.mostDials).toBe(1)
  expect(scene.models).toHaveLength(1)
  expect(scene.story).toBe('connect lose connect open')
})

test('Link: connect while it dials anew after a loss joins that attempt', async () => {
  const scene = await connected()
  scene.models[0]?.lose(new Error('gone'))
  await scene.clock.advance(200)
  expect(scene.dials).toHaveLength(1)
  const joined = scene.link.connect()
  scene.dials[0]?.accept()
  await joined
  await turn()
  expect(scene.mostDials).toBe(1)
  expect(scene.stats.reconnects).toBe(1)
})

test('Link: a cancelled connect gives the attempt up, before and after it was accepted', async () => {
  for (const accept of [false, true]) {
    const scene = new LinkScene()
    scene.setUp = Promise.withResolvers()
    const controller = new AbortController()
    const connecting = scene.link.connect({ signal: controller.signal })
    connecting.catch(() => {})
    if (accept) scene.dials[0]?.accept()
    await turn()
    const reason = new Error('enough')
    controller.abort(reason)
    scene.setUp.resolve()
    await expect(connecting).rejects.toBe(reason)
    expect(scene.dials).toEqual([])
    expect(scene.models.map(({ isClosed }) => isClosed)).toEqual(accept ? [true] : [])
    expect(scene.link.state).toBe('disconnected')
  }
})

test('Link: dispose cuts the attempt under way, and dials no more', async () => {
  const scene = new LinkScene()
  const connecting = expect(scene.link.connect()).rejects.toMatchObject({ message: 'Cannot connect: the broker is closed' })
  await scene.link[Symbol.asyncDispose]()
  await connecting
  expect(scene.dials).toEqual([])
  expect(scene.story).toBe('connect close')
  await scene.link[Symbol.asyncDispose]()
})

test('Link: five refusals in a row are meant; another failure in between starts the count anew', async () => {
  const scene = await connected()
  scene.models[0]?.lose()
  const answers = [denied, denied, denied, denied, refused, denied, denied, denied, denied, denied]
  for (const answer of answers) {
    expect(scene.link.state).toBe('disconnected')
    await scene.clock.advance(5_000)
    scene.dials[0]?.refuse(answer())
    await turn()
  }
  expect(scene.link.state).toBe('failed')
  expect(scene.events.at(-1)).toMatchObject({ type: 'failed', error: { code: 'ERR_BROKER_DENIED' } })
  await scene.clock.advance(60_000)
  expect(scene.dials).toEqual([])
})

test('Link: a step carries what it is about, and the events tell it', async () => {
  const scene = await connected()
  scene.models[0]?.emit('blocked', 'low on memory')
  scene.models[0]?.emit('blocked', 'low on disk')
  scene.models[0]?.emit('unblocked')
  scene.models[0]?.emit('unblocked')
  scene.models[0]?.lose(new Error('reset'))
  expect(scene.steps).toMatchObject([
    { event: 'connect' },
    { event: 'open', payload: scene.models[0] },
    { event: 'block', from: 'connected', payload: 'low on memory' },
    { event: 'block', from: 'blocked', payload: 'low on disk' },
    { event: 'unblock' },
    { event: 'lose', payload: { code: 'ERR_BROKER_UNAVAILABLE', message: 'Lost the connection to RabbitMQ at rabbit:5672: reset' } },
  ])
  expect(scene.events).toMatchObject([
    { type: 'connected', link: 'test' },
    { type: 'blocked', reason: 'low on memory' },
    { type: 'blocked', reason: 'low on disk' },
    { type: 'unblocked' },
    { type: 'lost', error: scene.link.error },
  ])
  expect(scene.stats.blocked).toBe(1)
})
