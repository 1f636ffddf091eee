import { createInProcessBroker } from '@warren/broker'

const broker = createInProcessBroker()
await broker.onControl(() => {
  throw new TypeError('as told')
})
await broker.publish({ v: 1, type: 'control', crawls: [], recalled: [] })
setInterval(() => {}, 1_000) // it would live on
