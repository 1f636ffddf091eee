import { randomBytes } from 'node:crypto'
import { connectRabbit } from '@warren/broker'
import { type TestVhost, testVhost } from '@warren/testkit'
import { afterAll, beforeAll } from 'vitest'
import { brokerContract } from './contract.ts'

let vhost: TestVhost
beforeAll(async () => {
  vhost = await testVhost()
})
afterAll(() => vhost?.[Symbol.asyncDispose]())

brokerContract('RabbitMQ', async (limits) => {
  const prefix = `t${randomBytes(4).toString('hex')}`
  const owned = new AsyncDisposableStack()
  return {
    open: async () => owned.use(await connectRabbit({ url: vhost.url, name: 'contract test', prefix, ...limits })),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
})
