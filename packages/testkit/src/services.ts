import { once } from 'node:events'
import { createServer } from 'node:http'
import { ownPostgres } from './own-postgres.ts'
import { startRabbitMq } from './rabbit.ts'

/** Where the workers of a test run find the services; set by serveServices for all processes that it starts. */
export const SERVICES_VARIABLE = 'WARREN_TESTKIT'

/** Addresses of the run's services. */
export interface ServiceAddresses {
  readonly postgres: { readonly url: string }
  readonly rabbitmq: { readonly url: string; readonly managementUrl: string }
}

/**
 * Serves the one Postgres and the one RabbitMQ of a test run, each started when a worker first asks for it. Disposing stops and removes them.
 * The address is secret enough for a test run: a random port of 127.0.0.1.
 */
export async function serveServices(env: NodeJS.ProcessEnv = process.env): Promise<{ readonly url: string } & AsyncDisposable> {
  await using stack = new AsyncDisposableStack()
  const started = new Map<string, Promise<object>>()
  const starters: { [Name in keyof ServiceAddresses]: () => Promise<ServiceAddresses[Name]> } = {
    postgres: async () => startRunPostgres(env, owned),
    rabbitmq: async () => startRunRabbit(env, owned),
  }
  const server = createServer(async (request, response) => {
    const name = request.url?.slice(1) ?? ''
    try {
      if (name !== 'postgres' && name !== 'rabbitmq') throw new Error(`no service ${name}`)
      const service = started.get(name) ?? starters[name]()
      started.set(name, service)
      response.end(JSON.stringify(await service))
    } catch (error) {
      response.statusCode = 500
      response.end(error instanceof Error ? error.message : String(error))
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
  env[SERVICES_VARIABLE] = url
  const owned = stack.move()
  return {
    url,
    [Symbol.asyncDispose]: async () => {
      delete env[SERVICES_VARIABLE]
      server.closeAllConnections()
      server.close()
      await Promise.allSettled(started.values()) // a start under way is stopped too, once it is done
      await owned.disposeAsync()
    },
  }
}

async function startRunPostgres(env: NodeJS.ProcessEnv, owned: AsyncDisposableStack): Promise<ServiceAddresses['postgres']> {
  const given = env['WARREN_TEST_DATABASE_URL']
  return { url: given || owned.use(await ownPostgres()).url }
}

async function startRunRabbit(env: NodeJS.ProcessEnv, owned: AsyncDisposableStack): Promise<ServiceAddresses['rabbitmq']> {
  const url = env['WARREN_TEST_AMQP_URL']
  const managementUrl = env['WARREN_TEST_AMQP_MANAGEMENT_URL']
  const rabbit = await startRabbitMq(url ? { url, ...(managementUrl ? { managementUrl } : {}) } : {})
  owned.use(rabbit)
  return { url: rabbit.url, managementUrl: rabbit.managementUrl }
}

/** The address of a service of this run, from any process of it. The first call for a service waits for its start. */
export async function askFor<Name extends keyof ServiceAddresses>(name: Name): Promise<ServiceAddresses[Name]> {
  const base = process.env[SERVICES_VARIABLE]
  if (!base) {
    throw new Error(
      `Cannot reach the test run's ${name}: ${SERVICES_VARIABLE} is not set; add packages/testkit/src/vitest-setup.ts to globalSetup`,
    )
  }
  const response = await fetch(`${base}/${name}`)
  const text = await response.text()
  if (!response.ok) throw new Error(text)
  return JSON.parse(text) as ServiceAddresses[Name]
}
