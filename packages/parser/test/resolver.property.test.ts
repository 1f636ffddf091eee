import { canonicalize } from '@warren/web'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { resolver } from '../src/resolver.ts'

// Mutants that this test has been seen to kill: segments of dots are plain; no segment at all is plain (`?q`); a colon is plain;
// `/` is taken for the folder; `../` is taken for the folder; no limit on the length.

const piece = fc.constantFrom(
  '/',
  '../',
  '//',
  '.',
  '..',
  '...',
  '?',
  '#',
  ':',
  '%7e',
  '%',
  '~',
  '-',
  '_',
  'a',
  'B',
  'x.html',
  'é',
  ' ',
  '\t',
  '\\',
  '&',
  '=',
  '@',
  ';',
  '+',
  'http:',
  'x'.repeat(4_090),
)
const href = fc.array(piece, { maxLength: 8 }).map((parts) => parts.join(''))
const base = fc.oneof(
  fc.constantFrom(
    undefined,
    'nonsense',
    'data:text/html,x',
    'http://h',
    'https://u:p@h.:8443/a/b;c?d#e',
    'file:///a/b',
    'http://h/a/../b/./c',
    'http://h/%7ea/b',
  ),
  href.map((path) => `https://example.org/${path}`),
)

test('resolver: says what canonicalize says', () =>
  fc.assert(
    fc.property(href, base, (href, base) => {
      expect(resolver(base)(href)).toBe(canonicalize(href, base))
    }),
    { numRuns: 20_000 },
  ))
