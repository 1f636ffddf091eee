// Run as a process of its own: claims, and is killed while the call is under way.
import { openFrontier } from '@warren/frontier'

const frontier = await openFrontier({ databaseUrl: process.argv[2] ?? '', slot: 5 })
await frontier.claim({ hosts: 10, urls: 100, visitQueueMs: 0, visitRunMs: 0, marginMs: 1 })
