import { readFileSync } from 'node:fs'
import { pageRecord } from '@warren/output'
import { expect, test } from 'vitest'
import { row } from './rows.ts'

test('a record has every field of its row but the transaction', () => {
  const { tx: _, ...rest } = row(5)
  expect(pageRecord(row(5))).toEqual(rest)
})

test('docs/pages-jsonl.md tells exactly the fields there are, in their order', () => {
  const doc = readFileSync(new URL('../../../docs/pages-jsonl.md', import.meta.url), 'utf8')
  const fields = [...doc.matchAll(/^\| `(\w+)` \|/gm)].map((match) => match[1])
  expect(fields).toEqual(Object.keys(pageRecord(row(1))))
})

test('the example in docs/pages-jsonl.md is a record', () => {
  const doc = readFileSync(new URL('../../../docs/pages-jsonl.md', import.meta.url), 'utf8')
  const example = JSON.parse(/```json\n([\s\S]*?)```/.exec(doc)?.[1] ?? '')
  const types = (record: object) => Object.entries(record).map(([key, value]) => [key, value === null ? 'null' : typeof value])
  const nullable = new Set([
    'referrer',
    'title',
    'contentType',
    'lang',
    'canonical',
    'encoding',
    'noindex',
    'nofollow',
    'location',
    'digest',
    'truncated',
    'parseError',
    'changed',
    'usage',
  ])
  const known = new Map(
    types({
      ...pageRecord(row(1)),
      location: '',
      canonical: '',
      referrer: '',
      truncated: '',
      parseError: '',
      changed: false,
      usage: '',
    }).map(([key, type]) => [key, type]),
  )
  for (const [key = '', type] of types(example))
    expect([key, type === 'null' ? nullable.has(key) : type === known.get(key)]).toEqual([key, true])
  expect(Object.keys(example)).toEqual(Object.keys(pageRecord(row(1))))
})
