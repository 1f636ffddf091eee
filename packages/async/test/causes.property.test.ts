/*
 * Mutants that these tests kill:
 * - causes.ts: a cycle is walked for ever
 *     `if (seen.has(next)) continue` => ``
 * - causes.ts: what was seen is not remembered
 *     `seen.add(next)` => ``
 * - causes.ts: the last of several comes first
 *     `for (let i = behind.length - 1; i >= 0; i--) left.push(behind[i])` => `left.push(...behind)`
 * - causes.ts: the first of several is left out
 *     `i >= 0; i--` => `i > 0; i--`
 * - causes.ts: breadth first
 *     `const next = left.pop()` => `const next = left.shift()`
 * - causes.ts: an absent cause is yielded
 *     `error.cause === undefined ? [] : [error.cause]` => `[error.cause]`
 * - causes.ts: the cause of an AggregateError is forgotten
 *     `return [...cause, ...error.errors]` => `return error.errors`
 * - causes.ts: the errors of an AggregateError are forgotten
 *     `if (error instanceof AggregateError)` => `if (false)`
 * - causes.ts: the error that followed comes before the one it hid
 *     `error.suppressed, error.error]` => `error.error, error.suppressed]`
 * - causes.ts: a SuppressedError is taken for a plain one
 *     `if ('suppressed' in error && 'error' in error)` => `if (false)`
 * - causes.ts: a code that is a number passes for one
 *     `&& typeof error.code === 'string' ? error.code` => `? String(error.code)`
 */
import { causes, codeOf } from '@warren/async'
import fc from 'fast-check'
import { expect, test } from 'vitest'

/** One of a web of errors that refer to each other by number. */
interface Spec {
  readonly kind: 'plain' | 'aggregate' | 'suppressed' | 'thing'
  readonly cause: number | undefined
  readonly others: readonly number[]
}

const spec = (count: number): fc.Arbitrary<Spec> =>
  fc.record({
    kind: fc.constantFrom('plain', 'aggregate', 'suppressed', 'thing'),
    cause: fc.option(fc.nat(count - 1), { nil: undefined }),
    others: fc.array(fc.nat(count - 1), { maxLength: 4 }),
  })
const specs = fc.integer({ min: 1, max: 8 }).chain((count) => fc.array(spec(count), { minLength: count, maxLength: count }))

/** The web itself: cycles, shared causes, things that are no errors. */
function weave(specs: readonly Spec[]): readonly unknown[] {
  const made = specs.map(({ kind }, index) => {
    if (kind === 'thing') return `thing ${index}`
    if (kind === 'aggregate') return new AggregateError([], `aggregate ${index}`)
    return kind === 'plain' ? new Error(`plain ${index}`) : new SuppressedError(undefined, undefined, `suppressed ${index}`)
  })
  for (const [index, { cause, others }] of specs.entries()) {
    const error = made[index]
    if (!(error instanceof Error)) continue
    error.cause = cause === undefined ? undefined : made[cause]
    if (error instanceof AggregateError) error.errors = others.map((other) => made[other])
    else if (error instanceof SuppressedError) {
      error.suppressed = made[others[0] ?? 0]
      error.error = made[others[1] ?? 0]
    }
  }
  return made
}

/** The numbers of what stands behind, in order: the oracle. */
function behind({ kind, cause, others }: Spec): readonly number[] {
  const gathered = { plain: [], thing: [], aggregate: others, suppressed: [others[0] ?? 0, others[1] ?? 0] }[kind]
  return kind === 'thing' || cause === undefined ? gathered : [cause, ...gathered]
}

function walk(specs: readonly Spec[], at: number, seen: number[]): readonly number[] {
  if (seen.includes(at)) return seen
  seen.push(at)
  for (const next of behind(specs[at] as Spec)) walk(specs, next, seen)
  return seen
}

test('causes: the error, its cause and what it gathers, each once, in the order of a walk in depth, also on cycles', () =>
  fc.assert(
    fc.property(specs, (specs) => {
      const made = weave(specs)
      const found = causes(made[0]).take(specs.length + 1) // one more than there are: a walk without an end is seen
      expect([...found].map((error) => made.indexOf(error))).toEqual(walk(specs, 0, []))
    }),
  ))

test('causes: whatever was thrown comes first, and what is no Error has nothing behind it', () =>
  fc.assert(
    fc.property(fc.anything(), (thrown) => {
      expect([...causes(thrown)]).toEqual([thrown])
    }),
  ))

test('codeOf: the code of an Error when it is a string, of nothing else', () => {
  expect(codeOf(Object.assign(new Error('x'), { code: 'ECONNRESET' }))).toBe('ECONNRESET')
  expect(codeOf(Object.assign(new Error('x'), { code: 404 }))).toBeUndefined()
  expect(codeOf(new DOMException('x', 'AbortError'))).toBeUndefined()
  expect(codeOf(new Error('x', { cause: Object.assign(new Error('y'), { code: 'ECONNRESET' }) }))).toBeUndefined()
  for (const thing of [undefined, null, 'ECONNRESET', { code: 'ECONNRESET' }]) expect(codeOf(thing)).toBeUndefined()
})
