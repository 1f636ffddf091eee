import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** `count` pages of the documentation that the jsxgraph package ships, spread over all of it, none above `maxBytes`. */
export function realPages(count: number, maxBytes: number): { name: string; body: Buffer }[] {
  const root = fileURLToPath(new URL('../distrib/docs', import.meta.resolve('jsxgraph')))
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.html') && statSync(join(root, file)).size <= maxBytes)
    .sort()
  const step = Math.max(1, Math.floor(files.length / count))
  return files
    .filter((_, i) => i % step === 0)
    .slice(0, count)
    .map((name) => ({ name, body: readFileSync(join(root, name)) }))
}
