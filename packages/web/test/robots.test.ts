import { parseRobots, ROBOTS_LIMIT_BYTES } from '@warren/web'
import { describe, expect, test } from 'vitest'

/** Verdict for ExampleBot on https://example.com. */
const allowed = (robots: string | Uint8Array, path: string, agent = 'ExampleBot'): boolean =>
  parseRobots(typeof robots === 'string' ? Buffer.from(robots) : robots).check(agent, `https://example.com${path}`).allowed

/** One group for everyone with these lines. */
const rules = (...lines: string[]): string => ['User-agent: *', ...lines, ''].join('\n')

describe('RFC 9309 2.1, 2.2: lines and groups', () => {
  test('"no groups are present at all, no rules apply"', () => {
    expect(allowed('', '/x')).toBe(true)
    expect(allowed('# nothing\n\n', '/x')).toBe(true)
    expect(allowed('<!doctype html><title>Not found</title>', '/x')).toBe(true)
  })

  test('"The last group may have no rules, which means it implicitly allows everything"', () => {
    expect(allowed('User-agent: *\nDisallow: /\nUser-agent: ExampleBot', '/x')).toBe(true)
  })

  test('field names are case-insensitive, white space around field and value is none (ABNF: rule)', () => {
    expect(allowed('uSeR-aGeNt: *\nDISALLOW: /x', '/x')).toBe(false)
    expect(allowed(' \tUser-agent \t:\t * \t\n \tDisallow \t : \t /x \t ', '/x')).toBe(false)
    expect(allowed('User-agent:*\nDisallow:/x', '/x')).toBe(false)
  })

  test('"NL = %x0D / %x0A / %x0D.0A", mixed in one file', () => {
    expect(allowed('User-agent: *\rDisallow: /a\r\nDisallow: /b\nDisallow: /c', '/a')).toBe(false)
    expect(allowed('User-agent: *\rDisallow: /a\r\nDisallow: /b\nDisallow: /c', '/b')).toBe(false)
    expect(allowed('User-agent: *\rDisallow: /a\r\nDisallow: /b\nDisallow: /c', '/c')).toBe(false)
  })

  test('empty lines do not end a group (ABNF: group = ... *(rule / emptyline))', () => {
    expect(allowed('User-agent: ExampleBot\n\n\nDisallow: /a\n\n# and\n\nDisallow: /b', '/a')).toBe(false)
    expect(allowed('User-agent: ExampleBot\n\n\nDisallow: /a\n\n# and\n\nDisallow: /b', '/b')).toBe(false)
  })

  test('"empty-pattern" matches nothing, and is still a rule that ends the list of names', () => {
    expect(allowed(rules('Disallow:'), '/x')).toBe(true)
    expect(allowed('User-agent: ExampleBot\nDisallow:\nUser-agent: Other\nDisallow: /', '/x')).toBe(true)
  })

  test('a byte order mark before the first line is no part of it', () => {
    expect(allowed('\uFEFFUser-agent: *\nDisallow: /x', '/x')).toBe(false)
  })

  test('a byte order mark anywhere else spoils its line, and no other', () => {
    expect(allowed('\uFEFF\uFEFFUser-agent: *\nDisallow: /x', '/x')).toBe(true)
    const robots = 'User-agent: *\n\uFEFFDisallow: /x\nDisallow: /y\uFEFF\n'
    expect([allowed(robots, '/x'), allowed(robots, '/y'), allowed(robots, '/y%EF%BB%BF')]).toEqual([true, true, false])
  })

  test('ours: a cut byte order mark is one, and what a mark says is UTF-16 is', () => {
    const robots = Buffer.from('User-agent: *\nDisallow: /caf\u00e9\n')
    const utf16 = Buffer.from(`\uFEFF${robots}`, 'utf16le')
    for (const bytes of [
      Buffer.concat([Buffer.from([0xef]), robots]),
      Buffer.concat([Buffer.from([0xef, 0xbb]), robots]),
      utf16,
      Buffer.from(utf16).swap16(),
    ])
      expect([allowed(bytes, '/caf%C3%A9'), allowed(bytes, '/x')]).toEqual([false, true])
  })

  test('WS is space and tab, in any number; other controls are characters', () => {
    expect(allowed(`User-agent${' '.repeat(100)}:${'\t'.repeat(100)}*\nDisallow: /x`, '/x')).toBe(false)
    expect(allowed('User-agent: *\n\fDisallow: /x\nDisallow\v: /x\n\u00a0Disallow: /x', '/x')).toBe(true)
    expect(allowed(rules('Disallow: /x\f'), '/x')).toBe(true)
  })

  test('NUL is a character like others', () => {
    expect([allowed(rules('Disallow: /a\0b'), '/a%00b'), allowed(rules('Disallow: /a\0b'), '/a')]).toEqual([false, true])
    expect(allowed('User-agent: *\n\0\nDisallow: /x', '/x')).toBe(false)
  })

  test('a space inside of a pattern is an octet of it', () => {
    expect([allowed(rules('Disallow: /a b'), '/a%20b'), allowed(rules('Disallow: /a b'), '/a')]).toEqual([false, true])
  })

  test('2.2.1 "Crawlers MUST try to parse each line": lines that mean nothing change nothing', () => {
    expect(allowed('User-agent: *\n:\n::\nfoo\nfoo: bar\n\0\xFF\nDisallow\nDisallow: /x', '/x')).toBe(false)
    expect(allowed('User-agent: *\n:\n::\nfoo\nfoo: bar\n\0\xFF\nDisallow\nDisallow: /x', '/y')).toBe(true)
  })
})

describe('RFC 9309 2.2.1: the user-agent line', () => {
  test('"Crawlers MUST use case-insensitive matching"', () => {
    expect(allowed('User-agent: EXAMPLEBOT\nDisallow: /', '/x', 'examplebot')).toBe(false)
    expect(allowed('User-agent: examplebot\nDisallow: /', '/x', 'ExampleBot')).toBe(false)
  })

  test('the name matches as a whole, not as a part', () => {
    expect(allowed('User-agent: Example\nDisallow: /', '/x')).toBe(true)
    expect(allowed('User-agent: ExampleBot-News\nDisallow: /', '/x')).toBe(true)
  })

  test('"the matching groups\' rules MUST be combined into one group"', () => {
    const merged = 'User-agent: ExampleBot\nDisallow: /foo\nDisallow: /bar\n\nUser-agent: ExampleBot\nDisallow: /baz\n'
    for (const path of ['/foo', '/bar', '/baz']) expect(allowed(merged, path)).toBe(false)
    expect(allowed(merged, '/qux')).toBe(true)
  })

  test('groups of * are combined as well, also around another group', () => {
    const split = 'User-agent: *\nDisallow: /a\nUser-agent: Other\nDisallow: /b\nUser-agent: *\nDisallow: /c\n'
    expect([allowed(split, '/a'), allowed(split, '/b'), allowed(split, '/c')]).toEqual([false, true, false])
  })

  test('"If no matching group exists, crawlers MUST obey the group with a user-agent line with the * value"', () => {
    const robots = 'User-agent: *\nDisallow: /foo\nDisallow: /bar\n\nUser-agent: BazBot\nDisallow: /baz\n'
    expect([allowed(robots, '/foo'), allowed(robots, '/baz')]).toEqual([false, true])
    expect([allowed(robots, '/foo', 'BazBot'), allowed(robots, '/baz', 'BazBot')]).toEqual([true, false])
  })

  test('"If no group matches the product token and there is no group with ... *, no rules apply"', () => {
    expect(allowed('User-agent: BazBot\nDisallow: /', '/x')).toBe(true)
  })

  test('several names in a row share the rules below them (5.1: barbot and bazbot)', () => {
    const robots = 'User-Agent: barbot\nUser-Agent: bazbot\nDisallow: /example/page.html\n'
    expect(allowed(robots, '/example/page.html', 'barbot')).toBe(false)
    expect(allowed(robots, '/example/page.html', 'bazbot')).toBe(false)
    expect(allowed(robots, '/example/', 'bazbot')).toBe(true)
  })

  test('ours: what follows the name (a version, a comment, words) is no part of it', () => {
    for (const value of ['ExampleBot/2.1', 'ExampleBot (news)', 'ExampleBot News', 'ExampleBot*', 'ExampleBot; x', 'ExampleBot<br>'])
      expect(allowed(`User-agent: ${value}\nDisallow: /`, '/x')).toBe(false)
    expect(allowed('User-agent: ExampleBot\nDisallow: /', '/x', 'ExampleBot/0.1 (+https://example.com)')).toBe(false)
  })

  test('ours: digits and dots are part of a name', () => {
    expect(allowed('User-agent: MJ12bot\nDisallow: /', '/x', 'MJ')).toBe(true)
    expect(allowed('User-agent: MJ12bot\nDisallow: /', '/x', 'mj12BOT')).toBe(false)
    expect(allowed('User-agent: archive.org_bot\nDisallow: /', '/x', 'archive.org_bot')).toBe(false)
  })

  test("ours: a user-agent line without a name starts a group that is nobody's", () => {
    expect(allowed('User-agent: ExampleBot\nDisallow: /a\nUser-agent:\nDisallow: /b', '/b')).toBe(true)
    expect(allowed('User-agent: \nDisallow: /', '/x')).toBe(true)
    expect(allowed('User-agent: \nDisallow: /', '/x', '')).toBe(true)
    expect(allowed('User-agent: \nDisallow: /a\nUser-agent: *\nDisallow: /b', '/b', '')).toBe(false)
  })
})

describe('RFC 9309 2.2.2: allow and disallow', () => {
  test('"The matching SHOULD be case sensitive"', () => {
    expect([allowed(rules('Disallow: /x/'), '/x/y'), allowed(rules('Disallow: /X/'), '/x/y')]).toEqual([false, true])
  })

  test('"The matching MUST start with the first octet of the path"', () => {
    expect([allowed(rules('Disallow: /fish'), '/fishheads/y?z'), allowed(rules('Disallow: /fish'), '/catfish')]).toEqual([false, true])
    expect(allowed(rules('Disallow: fish'), '/fish')).toBe(true)
  })

  test('"The most specific match is the match that has the most octets", whatever the order', () => {
    for (const lines of [
      ['Allow: /example/page/', 'Disallow: /example/page/disallowed.gif'],
      ['Disallow: /example/page/disallowed.gif', 'Allow: /example/page/'],
    ]) {
      expect(allowed(rules(...lines), '/example/page/disallowed.gif')).toBe(false)
      expect(allowed(rules(...lines), '/example/page/other.gif')).toBe(true)
    }
    expect(allowed(rules('Allow: /x/page.', 'Disallow: /*.html'), '/x/page.html')).toBe(true)
    expect(allowed(rules('Allow: /page', 'Disallow: /*.html'), '/page.html')).toBe(false)
  })

  test('"the most octets" of the pattern, its special characters too', () => {
    expect([allowed(rules('Allow: /ab', 'Disallow: /a*'), '/ab'), allowed(rules('Allow: /ab', 'Disallow: /a**'), '/ab')]).toEqual([
      true,
      false,
    ])
    expect(allowed(rules('Disallow: /ab$', 'Allow: /ab'), '/ab')).toBe(false)
    expect(allowed(rules('Disallow: /\u30C4', 'Allow: /%E3%83%84'), '/%E3%83%84')).toBe(true) // nine octets, however written
  })

  test('"If an allow rule and a disallow rule are equivalent, then the allow rule SHOULD be used"', () => {
    expect(allowed(rules('Disallow: /x', 'Allow: /x'), '/x')).toBe(true)
    expect(allowed(rules('Allow: /x', 'Disallow: /x'), '/x')).toBe(true)
    expect(allowed(rules('Disallow: /%7Ejoe', 'Allow: /~joe'), '/~joe')).toBe(true)
  })

  test('"If no match is found amongst the rules in a group ... the URI is allowed"', () => {
    expect(allowed(rules('Disallow: /a'), '/b')).toBe(true)
  })

  test('"The /robots.txt URI is implicitly allowed"', () => {
    expect(allowed(rules('Disallow: /', 'Disallow: /robots.txt'), '/robots.txt')).toBe(true)
    expect(allowed(rules('Disallow: /'), '/robots.txt.bak')).toBe(false)
    expect(allowed(rules('Disallow: /'), '/a/robots.txt')).toBe(false)
    expect([allowed(rules('Disallow: /'), '/robots%2Etxt'), allowed(rules('Disallow: /'), '/robots.txt?x')]).toEqual([true, false])
  })

  test('"crawler SHOULD ignore disallow and allow rules that are not in any group"', () => {
    expect(allowed('Disallow: /\nUser-agent: *\nDisallow: /b', '/a')).toBe(true)
  })

  test.each([
    ['/foo/bar?baz=quz', '/foo/bar?baz=quz'],
    ['/foo/bar?baz=https://foo.bar', '/foo/bar?baz=https%3A%2F%2Ffoo.bar'],
    ['/foo/bar/\u30C4', '/foo/bar/%E3%83%84'],
    ['/foo/bar/%E3%83%84', '/foo/bar/%E3%83%84'],
    ['/foo/bar/%62%61%7A', '/foo/bar/baz'],
  ])('the table of percent-encoding: %s is compared as %s, in rule and URI', (path, toMatch) => {
    for (const rule of [path, toMatch]) {
      for (const uri of [path, toMatch]) expect(allowed(rules(`Disallow: ${rule}`), uri)).toBe(false)
    }
  })

  test('hex digits in either case are one spelling', () => {
    expect(allowed(rules('Disallow: /a%3cd.html'), '/a%3Cd.html')).toBe(false)
    expect(allowed(rules('Disallow: /a%3Cd.html'), '/a%3cd.html')).toBe(false)
  })

  test('"unless it is a reserved character": an escaped slash is none in a path', () => {
    expect(allowed(rules('Disallow: /a%2fb'), '/a%2Fb')).toBe(false)
    expect(allowed(rules('Disallow: /a%2fb'), '/a/b')).toBe(true)
    expect(allowed(rules('Disallow: /a/b'), '/a%2Fb')).toBe(true)
    expect(allowed(rules('Disallow: /a?b'), '/a%3Fb')).toBe(true)
  })

  test('a query found through a wildcard is compared in both spellings', () => {
    for (const rule of ['/*url=http://', '/*url=http%3A%2F%2F', '/*?url=http%3a%2f%2f']) {
      for (const uri of ['/go?url=http://a.example/', '/go?url=http%3A%2F%2Fa.example%2F'])
        expect(allowed(rules(`Disallow: ${rule}`), uri), `${rule} on ${uri}`).toBe(false)
    }
  })

  test('any octets are a path: what is no UTF-8 is compared by its octets', () => {
    const robots = Buffer.concat([Buffer.from('User-agent: *\nDisallow: /caf'), Buffer.from([0xe9]), Buffer.from('\n')])
    expect([allowed(robots, '/caf%E9'), allowed(robots, '/caf%C3%A9')]).toEqual([false, true])
  })

  test('a percent sign that escapes nothing is itself', () => {
    expect([allowed(rules('Disallow: /100%'), '/100%25'), allowed(rules('Disallow: /100%zz'), '/100%zz')]).toEqual([false, false])
  })

  test('the fragment is no part of the URI that is matched', () => {
    expect(allowed(rules('Disallow: /*private'), '/x#private')).toBe(true)
  })
})

describe('RFC 9309 2.2.3: special characters', () => {
  test('"#" designates a line comment, at the end of a line too', () => {
    expect(allowed(rules('# Disallow: /', 'Disallow: /foo/quz#qux'), '/foo/bar')).toBe(true)
    expect(allowed(rules('Disallow: /foo/quz#qux'), '/foo/quz')).toBe(false)
    expect(allowed('User-agent: * # all\nDisallow: / # nothing', '/x')).toBe(false)
  })

  test('"$" designates the end of the match pattern', () => {
    expect([allowed(rules('Disallow: /this/path/exactly$'), '/this/path/exactly'), allowed(rules('Disallow: /a$'), '/ab')]).toEqual([
      false,
      true,
    ])
    expect([allowed(rules('Allow: /$', 'Disallow: /'), '/'), allowed(rules('Allow: /$', 'Disallow: /'), '/page')]).toEqual([true, false])
  })

  test('"$" anywhere else is a character', () => {
    expect([allowed(rules('Disallow: /a$b'), '/a$b'), allowed(rules('Disallow: /a$b'), '/a')]).toEqual([false, true])
    expect(allowed(rules('Disallow: /a$*'), '/a$')).toBe(false)
  })

  test.each([
    ['/this/*/exactly', '/this/or/that/exactly', false],
    ['/this/*/exactly', '/this/exactly', true],
    ['/*.php', '/folder/any.php.file.html', false],
    ['/*.php$', '/filename.php?parameters', true],
    ['/*.php$', '/a.php/b.php', false],
    ['/fish*.php', '/fishheads/catfish.php?x', false],
    ['/fish*', '/fish', false],
    ['*.gif$', '/a/b.gif', false],
    ['/a*b*c$', '/aXbYbc', false],
    ['/a*aba$', '/aba', true],
    ['/*/*/', '/a/b', true],
    ['/a**b', '/ab', false],
    ['*', '/', false],
    ['/*$', '/anything', false],
  ])('"*" designates 0 or more instances of any character: %s on %s', (pattern, path, expected) => {
    expect(allowed(rules(`Disallow: ${pattern}`), path)).toBe(expected)
  })

  test('"/path/file-with-a-%2A.html" matches the character, and only that', () => {
    expect(allowed(rules('Disallow: /path/file-with-a-%2A.html'), '/path/file-with-a-*.html')).toBe(false)
    expect(allowed(rules('Disallow: /path/file-with-a-%2A.html'), '/path/file-with-a-b.html')).toBe(true)
    expect(allowed(rules('Disallow: /path/foo-%24'), '/path/foo-$')).toBe(false)
    expect(allowed(rules('Disallow: /path/foo-%24'), '/path/foo-')).toBe(true)
  })
})

describe('RFC 9309 2.2.4: other records', () => {
  test('"MUST NOT interfere": lines in between end no group and start none', () => {
    const robots = 'User-agent: BarBot\nSitemap: https://foo.bar/sitemap\nUser-agent: *\nHost: foo.bar\nCrawl-delay: 3\nDisallow: /\n'
    expect([allowed(robots, '/', 'BarBot'), allowed(robots, '/', 'FooBot')]).toEqual([false, false])
  })

  test('sitemaps are collected from anywhere, each once, as written', () => {
    const robots = 'Sitemap: https://a.example/1.xml\nUser-agent: *\nsitemap:/rel.xml # x\nSITEMAP: https://a.example/1.xml\nSitemap:\n'
    expect(parseRobots(Buffer.from(robots)).sitemaps).toEqual(['https://a.example/1.xml', '/rel.xml'])
  })

  test.each([
    ['10', 10_000],
    ['0', 0],
    ['0.5', 500],
    ['.25', 250],
    ['1.', 1_000],
    ['2s', 2_000],
    ['10 seconds', 10_000],
    ['999999999999', 86_400_000],
    ['-1', undefined],
    ['1.2.3', undefined],
    ['soon', undefined],
    ['', undefined],
  ])('Crawl-delay: %s is %s ms', (value, expected) => {
    expect(parseRobots(Buffer.from(`User-agent: *\nCrawl-delay: ${value}\n`)).crawlDelayMs('ExampleBot')).toBe(expected)
  })

  test('ours: the longest Crawl-delay of combined groups holds, and only for the names above its line', () => {
    const robots = parseRobots(
      Buffer.from('User-agent: a\nCrawl-delay: 2\nUser-agent: b\nDisallow: /x\nUser-agent: a\nCrawl-delay: 9\nCrawl-delay: 1\n'),
    )
    expect([robots.crawlDelayMs('a'), robots.crawlDelayMs('b'), robots.crawlDelayMs('c')]).toEqual([9_000, undefined, undefined])
  })

  test('ours: common misspellings and a missing colon are understood', () => {
    for (const line of ['Dissallow: /x', 'Disalow: /x', 'Disallow /x', 'disallow\t/x']) expect(allowed(rules(line), '/x'), line).toBe(false)
    for (const line of ['Useragent: *', 'User agent: *', 'User-agent *']) expect(allowed(`${line}\nDisallow: /x`, '/x'), line).toBe(false)
  })

  test('ours: several words without a colon are prose', () => {
    for (const line of ['Allow us to say this', 'User-agent * is everyone', 'Disallow nobody here', 'disallow'])
      expect(allowed(`User-agent: *\n${line}\nUser-agent: Other\nDisallow: /x`, '/x'), line).toBe(false)
  })
})

describe('RFC 9309 2.5: limits', () => {
  const filler = (bytes: number): string => `${'#'.repeat(99)}\n`.repeat(Math.ceil(bytes / 100))

  test('"The parsing limit MUST be at least 500 kibibytes"', () => {
    expect(ROBOTS_LIMIT_BYTES).toBeGreaterThanOrEqual(500 * 1024)
    expect(allowed(`User-agent: *\n${filler(500 * 1024 - 200)}Disallow: /x\n`, '/x')).toBe(false)
  })

  test('ours: what is behind the limit is ignored, and a line that the limit cuts is no shorter rule', () => {
    const upToLimit = `User-agent: *\n${filler(ROBOTS_LIMIT_BYTES - 150)}`
    const pad = '#'.repeat(ROBOTS_LIMIT_BYTES - upToLimit.length - 'Disallow: /'.length - 1)
    const whole = Buffer.from(`${upToLimit}${pad}\nDisallow: /private/\nDisallow: /late\n`)
    expect(allowed(whole, '/public')).toBe(true) // not cut to "Disallow: /"
    expect(allowed(whole.subarray(0, ROBOTS_LIMIT_BYTES), '/public')).toBe(true) // cut by the fetcher
    expect(allowed(whole, '/late')).toBe(true)
  })
})

describe('verdicts', () => {
  test('name the line that decided', () => {
    const robots = parseRobots(Buffer.from('User-agent: *\r\n\r\nDisallow: /a # why\r\n  Allow: /a/b\n'))
    expect(robots.check('x', 'https://h/a/c')).toEqual({ allowed: false, rule: 'Disallow: /a # why', line: 3 })
    expect(robots.check('x', 'https://h/a/b')).toEqual({ allowed: true, rule: 'Allow: /a/b', line: 4 })
    expect(robots.check('x', 'https://h/c')).toEqual({ allowed: true })
  })

  test('a URL may come as a path, without one, or without anything', () => {
    const robots = parseRobots(Buffer.from(rules('Disallow: /$', 'Disallow: /?q')))
    for (const url of ['/', 'https://h', 'https://h/', 'https://h?q', '/?q', '']) expect(robots.check('x', url).allowed, url).toBe(false)
    expect(robots.check('x', '/page').allowed).toBe(true)
  })
})

describe('hostile files', () => {
  const longUrl = `https://h/${'a'.repeat(8_100)}`
  const filled = (line: string): string => `User-agent: *\n${line.repeat(Math.floor(500_000 / line.length))}`
  const cases: Record<string, [robots: string, url: string]> = {
    'one pattern of a quarter million wildcards': [rules(`Disallow: ${'*a'.repeat(250_000)}b$`), longUrl],
    'patterns of thousands of wildcards': [filled(`Disallow: ${'*a'.repeat(2_000)}b$\n`), longUrl],
    'tens of thousands of wildcard rules': [filled('Disallow:*b\n'), longUrl],
    'near misses': [filled(`Disallow:*${'a'.repeat(30)}b\n`), longUrl],
    'near misses of hundreds of characters': [filled(`Disallow:*${'a'.repeat(250)}b${'a'.repeat(250)}\n`), longUrl],
    'near misses in an escaped query': [filled('Disallow:*%2Fb\n'), `https://h/?${'/'.repeat(8_000)}`],
    'half a million spaces': [rules(`Disallow: a${' '.repeat(500_000)}b`), longUrl],
    'as many names as rules': [
      Array.from({ length: 18_000 }, (_, i) => `User-agent: ${i}\n`).join('') + 'Disallow: /x\n'.repeat(18_000),
      longUrl,
    ],
    'as many names as delays': [
      Array.from({ length: 18_000 }, (_, i) => `User-agent: ${i}\n`).join('') + 'Crawl-delay: 1\n'.repeat(18_000),
      longUrl,
    ],
    'one name, many groups': ['User-agent: ExampleBot\nDisallow: /x\n'.repeat(13_000), longUrl],
    'only line ends': ['\r'.repeat(500_000), longUrl],
  }

  test.each(Object.keys(cases))('%s cost well under a second', (name) => {
    const [text, url] = cases[name] ?? ['', '']
    const started = performance.now()
    parseRobots(Buffer.from(text)).check('ExampleBot', url)
    expect(performance.now() - started).toBeLessThan(2_000) // 5 to 400 ms here; without care 1 s to minutes
  })

  test('ours: a check that would cost too much says no', () => {
    const robots = parseRobots(Buffer.from(filled('Disallow:*b\n')))
    expect(robots.check('x', longUrl)).toMatchObject({ allowed: false, rule: expect.stringContaining('wildcard') })
    expect(robots.check('x', 'https://h/short')).toEqual({ allowed: true })
  })
})
