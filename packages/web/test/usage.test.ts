import { combineUsage, parseContentUsage, parseRobots, serializeUsage, type UsagePreferences } from '@warren/web'
import { describe, expect, test } from 'vitest'

describe('Content-Usage, draft-ietf-aipref-vocab-07 6', () => {
  test.each<[string, UsagePreferences]>([
    ['train-ai=y, search=n', { 'train-ai': 'y', search: 'n' }], // the example of 6
    ['train-ai=n', { 'train-ai': 'n' }],
    ['search=y', { search: 'y' }],
    ['ai-use=n', { 'ai-use': 'n' }], // the category "AI Use"
    ['', {}], // an empty dictionary
  ])('%j', (value, expected) => {
    expect(parseContentUsage(value)).toEqual(expected)
  })

  test('6.1, 6.2: "These tokens are case sensitive"', () => {
    for (const value of ['Train-AI=n', 'train-ai=N', 'train-ai=n, Search=y']) expect(parseContentUsage(value), value).toEqual({})
    expect(parseContentUsage('train-ai=n, search=Y')).toEqual({ 'train-ai': 'n' })
  })

  test('6.4: "any unknown labels MUST be ignored", of any type', () => {
    const others = ['all=n', 'x', 'x=1', 'x=-1.5', 'x="n, search=n"', 'x=:bg==:', 'x=?0', 'x=@1700000000', 'x=%"%c3%bc"', 'x=(n "n" 1;a=b)']
    for (const other of others) {
      expect(parseContentUsage(`${other}, train-ai=n`), other).toEqual({ 'train-ai': 'n' })
      expect(parseContentUsage(`train-ai=n,${other}`), other).toEqual({ 'train-ai': 'n' })
    }
  })

  test('6.4: "any unknown parameters MUST be ignored"', () => {
    expect(parseContentUsage('train-ai=n;until=@1700000000; x="y, search=n";z, search=y')).toEqual({ 'train-ai': 'n', search: 'y' })
  })

  test('6.5: any other value is unknown, and no error', () => {
    for (const member of ['train-ai', 'train-ai="n"', 'train-ai=?0', 'train-ai=no', 'train-ai=(n)', 'train-ai=1', 'train-ai=:bg==:'])
      expect(parseContentUsage(`${member}, search=y`), member).toEqual({ search: 'y' })
  })

  test('6.5.1: "if the same key appears multiple times ... only the last value applies"', () => {
    expect(parseContentUsage('train-ai=y, train-ai, search=n, search="n"')).toEqual({})
    expect(parseContentUsage('train-ai=y, train-ai=n')).toEqual({ 'train-ai': 'n' })
  })

  test('6.5.2: parameters belong to the value that counts', () => {
    expect(parseContentUsage('train-ai;allow=n, train-ai=y')).toEqual({ 'train-ai': 'y' })
    expect(parseContentUsage('train-ai;has;parameters="?"')).toEqual({})
  })

  test.each([
    'train-ai=n,', // RFC 9651 4.2.2: a trailing comma
    ',train-ai=n',
    'train-ai=n,,search=y',
    'train-ai=n search=y',
    'train-ai=n; search=y, =y',
    'train-ai = n',
    'train-ai=',
    'train-ai=n, search=y;',
    'train-ai=n, 1=y',
    'train-ai=n, x=1234567890123456', // 4.2.4: 15 digits
    'train-ai=n, x=1.',
    'train-ai=n, x=1.2345',
    'train-ai=n, x=1234567890123.1',
    'train-ai=n, x=--1',
    'train-ai=n, x="', // 4.2.5
    'train-ai=n, x="\\n"',
    'train-ai=n, x="\u00e9"',
    'train-ai=n, x=:bg=:=', // 4.2.7
    'train-ai=n, x=:b g==:',
    'train-ai=n, x=?2', // 4.2.8
    'train-ai=n, x=@1.5', // 4.2.9
    'train-ai=n, x=%"%C3%BC"', // 4.2.10: hex in lower case
    'train-ai=n, x=%"%c3%28"', // no UTF-8
    'train-ai=n, x=%"%"',
    'train-ai=n, x=(n', // 4.2.1.2
    'train-ai=n, x=(n,y)',
    'train-ai=n, x=(n"y")',
    'train-ai=n, x=((n))',
    '\ttrain-ai=n',
    'train-ai=n\n',
    'train-ai=n\u00a0',
    'train-ai: n',
    'no',
  ])('6.5.1: "If the parsing of the Dictionary fails, preferences are unknown": %j', (value) => {
    expect(parseContentUsage(value)).toEqual({})
  })

  test('RFC 9651 4.2: white space around members, and several lines joined', () => {
    expect(parseContentUsage('  train-ai=n \t,\t search=y  ')).toEqual({ 'train-ai': 'n', search: 'y' })
    expect(parseContentUsage(['train-ai=y', 'train-ai=n', 'search=y'].join())).toEqual({ 'train-ai': 'n', search: 'y' })
  })
})

describe('combineUsage, draft-ietf-aipref-vocab-07 5.1', () => {
  test.each<[UsagePreferences, UsagePreferences, UsagePreferences]>([
    [{ search: 'y' }, { search: 'n' }, { search: 'n' }], // "If any statement of preference indicates that the usage is disallowed ..."
    [{ search: 'y' }, {}, { search: 'y' }], // "Otherwise, if any statement of preference allows the usage ..."
    [{}, {}, {}], // "Otherwise, the preference for that category is unknown"
    [{ search: 'n' }, { 'train-ai': 'y' }, { search: 'n', 'train-ai': 'y' }], // each category by itself
  ])('%j and %j are %j', (a, b, both) => {
    expect(combineUsage(a, b)).toEqual(both)
    expect(combineUsage(b, a)).toEqual(both)
  })
})

test('serializeUsage writes one text, whatever the order', () => {
  expect(serializeUsage({ 'train-ai': 'n', search: 'y' })).toBe('search=y, train-ai=n')
  expect(serializeUsage({ search: 'y', 'train-ai': 'n', 'ai-use': 'n' })).toBe('ai-use=n, search=y, train-ai=n')
  expect(serializeUsage({})).toBe('')
})

describe('Content-Usage lines of robots.txt, draft-ietf-aipref-attach-05 3', () => {
  const usage = (lines: readonly string[], path: string, agent = 'OtherBot'): string | undefined => {
    const preferences = parseRobots(Buffer.from(lines.join('\n'))).usage(agent, `https://h${path}`)
    return preferences && serializeUsage(preferences)
  }
  /** One group for everyone with these lines. */
  const everyone = (...lines: string[]): string[] => ['User-agent: *', ...lines, '']

  test('3.4: the example', () => {
    const robots = [
      'User-Agent: *',
      'Allow: /',
      'Disallow: /never/',
      'Content-Usage: train-ai=n',
      'Content-Usage: /ai-ok/ train-ai=y',
      '',
      'User-Agent: ExampleBot',
      'Allow: /',
      'Content-Usage: train-ai=y',
    ]
    expect(['/test', '/never/test', '/ai-ok/test'].map((path) => usage(robots, path))).toEqual(['train-ai=n', undefined, 'train-ai=y'])
    expect(['/test', '/never/test'].map((path) => usage(robots, path, 'ExampleBot'))).toEqual(['train-ai=y', 'train-ai=y'])
  })

  test('3: "paths that cannot be crawled have no associated usage preferences"', () => {
    expect(usage(everyone('Content-Usage: /a/b search=n', 'Disallow: /a'), '/a/b')).toBeUndefined()
  })

  test('a URL that no line is about has none, one that a line says nothing of has unknown ones', () => {
    expect(usage([], '/x')).toBeUndefined()
    expect(usage(everyone('Content-Usage: /a search=n'), '/x')).toBeUndefined()
    expect(usage(everyone('Content-Usage: search=n', 'Content-Usage: /a'), '/a')).toBe('')
    expect(usage(everyone('Content-Usage: search=n', 'Content-Usage: /a search, n'), '/a')).toBe('')
  })

  test('3.1: "using the same path prefix matching rules as defined for Allow and Disallow": the longest, whatever the order', () => {
    const lines = ['Content-Usage: /a/b search=y', 'Content-Usage: /a search=n', 'Content-Usage: / train-ai=n', 'Content-Usage: ai-use=n']
    for (const robots of [everyone(...lines), everyone(...lines.toReversed())])
      expect(['/a/b/c', '/a/c', '/x'].map((path) => usage(robots, path))).toEqual(['search=y', 'search=n', 'train-ai=n'])
  })

  test('3.1: wildcards and "the same percent-encoding rules"', () => {
    const robots = everyone('Content-Usage: /*.pdf$ train-ai=n', 'Content-Usage: /caf\u00e9/ search=n', 'Content-Usage: /a%20b search=y')
    expect(['/x.pdf', '/x.pdf?q', '/caf%C3%A9/', '/a%20b'].map((path) => usage(robots, path))).toEqual([
      'train-ai=n',
      undefined,
      'search=n',
      'search=y',
    ])
  })

  test('3.1: "identical paths and conflicting usage preferences ... apply separately": the most restrictive of each', () => {
    const robots = everyone('Content-Usage: /a search=y, train-ai=n', 'Content-Usage: /a search=n', 'Content-Usage: /%61 ai-use=y')
    expect(usage(robots, '/a')).toBe('ai-use=y, search=n, train-ai=n')
    expect(usage(everyone('Content-Usage: /a* search=y', 'Content-Usage: /*a search=n'), '/a')).toBe('search=n')
  })

  test('3.2: label and colon in any case and white space; a comment ends the value', () => {
    for (const line of ['content-usage:search=n', ' \tCONTENT-USAGE \t:\t search=n \t# search=y', 'Content-Usage: /x \t search=n']) {
      expect(usage(everyone(line), '/x'), line).toBe('search=n')
    }
  })

  test('3.2: "a rule value that starts with any other character indicates that the path is absent"', () => {
    expect(usage(everyone('Content-Usage: *.pdf search=n'), '/x.pdf')).toBe('') // no dictionary
    expect(usage(everyone('Content-Usage: x search=n'), '/x')).toBe('')
  })

  test('3: the lines are rules of their group, the groups of a name are one', () => {
    const robots = ['Content-Usage: search=n', 'User-agent: a', 'Content-Usage: search=y', 'User-agent: b', 'Content-Usage: train-ai=n']
    expect(['a', 'b', 'c'].map((agent) => usage(robots, '/', agent))).toEqual(['search=y', 'train-ai=n', undefined])
    expect(usage([...robots, 'User-agent: a', 'Content-Usage: train-ai=n'], '/', 'a')).toBe('search=y, train-ai=n')
    expect(usage(['User-agent: *', 'Content-Usage: search=n', 'User-agent: a', 'Disallow: /x'], '/', 'a')).toBeUndefined()
  })

  test('they allow and forbid nothing', () => {
    const robots = parseRobots(Buffer.from(everyone('Disallow: /a', 'Content-Usage: /a/longer search=y').join('\n')))
    expect(robots.check('x', '/a/longer').allowed).toBe(false)
    expect(robots.check('x', '/b')).toEqual({ allowed: true })
  })

  test('ours: where finding the line would cost too much, the most restrictive of all holds', () => {
    const lines = Array.from({ length: 12_000 }, (_, i) => `Content-Usage: /*b ${i === 11_999 ? 'search=n' : 'search=y, train-ai=y'}`)
    expect(usage(everyone(...lines), `/${'a'.repeat(8_000)}`)).toBe('search=n, train-ai=y')
    expect(usage(everyone(...lines), '/short')).toBeUndefined()
  })
})

describe('hostile values', () => {
  test.each([
    ['one string', `a="${'\\"'.repeat(250_000)}`],
    ['one list', `a=(${'b '.repeat(250_000)}`],
    ['parameters', `a=y${';b="c"'.repeat(80_000)};`],
    ['members', `${'a=y,'.repeat(125_000)}`],
    ['spaces', `a=y${' '.repeat(500_000)}x`],
    ['one display string', `a=%"${'%c3%bc'.repeat(80_000)}`],
    ['one byte sequence', `a=:${'AAAA'.repeat(125_000)}!`],
  ])('%s of half a million characters costs well under a second', (_, value) => {
    const started = performance.now()
    expect(parseContentUsage(value)).toEqual({})
    expect(performance.now() - started).toBeLessThan(2_000) // 1 to 140 ms here
  })
})
