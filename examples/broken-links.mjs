#!/usr/bin/env node
// Which links of a site lead nowhere, and which page has them:
//   node examples/broken-links.mjs warren-out/demo
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const [folder] = process.argv.slice(2)
if (folder === undefined) {
  process.stderr.write('Give the folder of a crawl: node examples/broken-links.mjs warren-out/demo\n')
  process.exit(2)
}

let pages = 0
let broken = 0
for await (const line of createInterface({ input: createReadStream(join(folder, 'pages.jsonl')) })) {
  const page = JSON.parse(line)
  pages++
  if (page.status < 400) continue
  broken++
  process.stdout.write(`${page.status}  ${page.url}\n     linked from ${page.referrer ?? 'nowhere: it is a seed'}\n`)
}
process.stdout.write(`${broken} of ${pages} pages are broken links\n`)
