// Run by crash.integration.test.ts: projects rows 1 to LAST into a folder, telling each batch, until it is killed or done.
import { openPagesFile } from '@warren/output'
import { cursorAt, rows } from './rows.ts'

const [dir = '', last = '0'] = process.argv.slice(2)
await using file = await openPagesFile(dir)
for (let next = Number(file.cursor?.seq ?? 0) + 1; next <= Number(last); ) {
  const to = Math.min(Number(last), next + 49)
  await file.append(rows(next, to), cursorAt(to))
  process.stdout.write(`${to}\n`)
  next = to + 1
}
