import { createInProcessBroker } from '@warren/broker'
import { brokerContract } from './contract.ts'

brokerContract('in-process', async (limits) => {
  const broker = createInProcessBroker(limits)
  return {
    // Roles of one process share the broker; only the test's own handle closes it.
    open: async () => broker,
    [Symbol.asyncDispose]: () => broker[Symbol.asyncDispose](),
  }
})
