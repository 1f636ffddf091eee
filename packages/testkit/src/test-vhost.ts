import { randomBytes } from 'node:crypto'
import { management } from './rabbit.ts'
import { askFor } from './services.ts'

/** A fresh vhost of the run's RabbitMQ: its own exchanges and queues. Disposing deletes it, and closes its connections. */
export interface TestVhost extends AsyncDisposable {
  /** AMQP, with user, password and vhost. */
  readonly url: string
  readonly managementUrl: string
  readonly name: string
}

/** Creates a vhost. Cost: 20 ms, once the broker runs. */
export async function testVhost(): Promise<TestVhost> {
  const { url: server, managementUrl } = await askFor('rabbitmq')
  const name = `test-${randomBytes(8).toString('hex')}`
  await management(managementUrl, 'PUT', `vhosts/${name}`, {})
  const url = new URL(server)
  const user = decodeURIComponent(url.username || 'guest')
  await management(managementUrl, 'PUT', `permissions/${name}/${encodeURIComponent(user)}`, { configure: '.*', write: '.*', read: '.*' })
  url.pathname = `/${name}`
  return { url: url.href, managementUrl, name, [Symbol.asyncDispose]: () => management(managementUrl, 'DELETE', `vhosts/${name}`) }
}
