import { freePorts } from './ports.ts'
import type { RabbitMq } from './rabbit.ts'

/** The newest major that we promise to run on; the oldest comes from Debian's package. */
const IMAGE = 'rabbitmq:4-management-alpine'
const USER = 'warren'
const PASSWORD = 'warren'

/** Starts a broker in a container, on host ports that stay the same over a restart. Ryuk removes it when this process dies. */
export async function startRabbitContainer(): Promise<RabbitMq> {
  const { RabbitMQContainer } = await import('@testcontainers/rabbitmq')
  const { getContainerRuntimeClient } = await import('testcontainers')
  const [amqp = 0, management = 0] = await freePorts(2)
  const container = await new RabbitMQContainer(IMAGE)
    .withExposedPorts({ container: 5_672, host: amqp }, { container: 15_672, host: management })
    .withEnvironment({ RABBITMQ_DEFAULT_USER: USER, RABBITMQ_DEFAULT_PASS: PASSWORD })
    .withStartupTimeout(120_000)
    .start()
  const host = container.getHost()
  const runtime = (await getContainerRuntimeClient()).container.getById(container.getId())
  const ctl = async (args: readonly string[]): Promise<string> => {
    const { exitCode, output } = await container.exec(['rabbitmqctl', '-q', ...args])
    if (exitCode !== 0) throw new Error(`Cannot run rabbitmqctl ${args[0]}: ${output}`)
    return output
  }
  return {
    url: `amqp://${USER}:${PASSWORD}@${host}:${amqp}`,
    managementUrl: `http://${USER}:${PASSWORD}@${host}:${management}`,
    kill: () => runtime.kill({ signal: 'SIGKILL' }),
    restart: async () => {
      if ((await runtime.inspect()).State.Running) await runtime.kill({ signal: 'SIGKILL' })
      await runtime.start()
      await ctl(['await_startup'])
    },
    ctl,
    [Symbol.asyncDispose]: async () => {
      await container.stop()
    },
  }
}
