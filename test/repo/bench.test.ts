import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { nameOf } from '../../bench/async/case.ts'
import { cases } from '../../bench/async/cases.ts'
import { fillReadme, type Results } from '../../bench/async/report.ts'

const read = (path: string): string => readFileSync(join(import.meta.dirname, '../../bench', path), 'utf8')
const results = JSON.parse(read('results/async.json')) as Results

test('bench/async/README.md shows what bench/results/async.json holds', () => {
  const readme = read('async/README.md')
  expect(readme).toBe(fillReadme(readme, results))
})

test('bench/results/async.json is of the cases that the bench has, of everybody in them, and of the versions in its lock file', () => {
  const entrants = (names: readonly string[], of: string) => `${of}: ${names.join(', ')}`
  expect(
    results.cases.map(({ name, rows }) =>
      entrants(
        rows.map(({ entrant }) => entrant),
        name,
      ),
    ),
  ).toEqual(cases.map(({ name, entrants: all }) => entrants(all.map(nameOf), name)))
  const { packages } = JSON.parse(read('async/package-lock.json')) as { packages: Record<string, { version?: string }> }
  for (const [name, version] of Object.entries(results.libraries)) expect(packages[`node_modules/${name}`]?.version).toBe(version)
})

test('each case of bench/async begins with ours, which lacks nothing, and names what others lack in its own words', () => {
  for (const { name, guarantees, entrants } of cases) {
    expect(entrants[0], name).toMatchObject({ library: 'ours', lacks: [] })
    for (const entrant of entrants) expect(guarantees, `${name}, ${nameOf(entrant)}`).toEqual(expect.arrayContaining([...entrant.lacks]))
    expect(new Set(entrants.map(nameOf)).size, name).toBe(entrants.length)
  }
})
