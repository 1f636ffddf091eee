import { compileFilter } from '@warren/web'
import { describe, expect, test } from 'vitest'

describe('compileFilter', () => {
  test('no include means all', () => {
    expect(compileFilter({ include: [], exclude: [] })('https://example.org/')).toEqual({ allowed: true })
  })

  test('expressions are unanchored, on the whole URL', () => {
    const filter = compileFilter({ include: ['/docs/', '^http:'], exclude: [] })
    expect(filter('https://example.org/docs/x')).toEqual({ allowed: true })
    expect(filter('http://example.org/')).toEqual({ allowed: true })
    expect(filter('https://example.org/')).toEqual({ allowed: false, rule: 'include: none matches' })
  })

  test('exclude wins, and the first one that matches is named', () => {
    const filter = compileFilter({ include: ['docs'], exclude: ['never', String.raw`\.pdf$`, 'docs/old'] })
    expect(filter('https://example.org/docs/old/x.pdf')).toEqual({ allowed: false, rule: String.raw`exclude: \.pdf$` })
    expect(filter('https://example.org/docs/x.pdf?y')).toEqual({ allowed: true })
  })

  test('what only a backtracking engine can do is refused, with the expression and the reason', () => {
    for (const [kind, expression] of [
      ['include', '('],
      ['exclude', '(a)\\1'],
      ['include', '(?=a)'],
      ['exclude', 'a{2,1}'],
    ] as const) {
      const expressions = { include: kind === 'include' ? [expression] : [], exclude: kind === 'exclude' ? [expression] : [] }
      expect(() => compileFilter(expressions)).toThrow(SyntaxError)
      expect(() => compileFilter(expressions)).toThrow(`Cannot compile ${kind} expression ${JSON.stringify(expression)}: `)
    }
  })

  test('a hostile expression on a hostile URL takes linear time', () => {
    const filter = compileFilter({ include: ['(a+)+$', '(a|a)*b', '(.*)(.*)(.*)x$'], exclude: [] })
    const started = performance.now()
    expect(filter(`https://example.org/${'a'.repeat(8_000)}!`).allowed).toBe(false)
    expect(performance.now() - started).toBeLessThan(2_000) // a backtracking engine takes longer than the universe
  })
})
