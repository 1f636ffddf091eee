/**
 * Lists the broken links of a site from the result of a crawl: each URL that answered with an error, and a page that links to it.
 *
 *   npm run crawl -- https://example.org --contact you@example.org
 *   node_modules/.bin/node examples/broken-links.ts warren-out/example.org
 */
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

interface PageRecord {
  readonly url: string
  readonly status: number
  readonly referrer: string | null
}

const folder = process.argv[2] ?? 'warren-out/demo'
let broken = 0
// A site of any size: one line at a time.
for await (const line of createInterface({ input: createReadStream(join(folder, 'pages.jsonl')) })) {
  const { url, status, referrer } = JSON.parse(line) as PageRecord
  if (status < 400) continue
  broken += 1
  console.log(`${status} ${url}\n    linked from ${referrer ?? 'nowhere: it is a seed'}`)
}
console.log(`${broken} broken links`)
