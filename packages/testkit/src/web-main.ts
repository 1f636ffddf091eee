import { serveControl } from './web/control.ts'
import type { WebOptions } from './web/spec.ts'
import { startWeb } from './web/web.ts'

/**
 * A synthetic web as a process: `node web-main.ts '<json of WebOptions>' [--until-stdin-ends]`.
 * Prints one line of JSON when it serves: { control, origins, roots, resolve }. Ends on SIGTERM, SIGINT, POST /stop, or the end of stdin if so told.
 */
const [json = '{}', flag] = process.argv.slice(2)
const { promise: stopped, resolve: stop } = Promise.withResolvers<void>()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop())
if (flag === '--until-stdin-ends') process.stdin.once('end', () => stop()).resume()

await using web = await startWeb(JSON.parse(json) as WebOptions)
await using control = await serveControl(web, stop)
const { origins, roots, resolve } = web
process.stdout.write(`${JSON.stringify({ control: control.url, origins, roots, resolve })}\n`)
await stopped
