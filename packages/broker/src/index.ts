export {
  BROKER_STATES,
  type Broker,
  type BrokerEvent,
  type BrokerState,
  type BrokerStats,
  type ConsumeOptions,
  type Consumer,
  type DeadLetter,
  type Delivery,
  type Handler,
  QUEUES,
  type QueueMessage,
  type QueueName,
  type Verdict,
} from './broker.ts'
export { createInProcessBroker, type InProcessOptions } from './in-process.ts'
export type { RetryPolicy } from './judge.ts'
export { connectRabbit, type RabbitOptions } from './rabbit.ts'
export { TOPOLOGY_DEFAULTS, type Topology, type TopologyOptions, topology } from './topology.ts'
