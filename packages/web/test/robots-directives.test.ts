import { type RobotsDirectives, robotsDirectives } from '@warren/web'
import { describe, expect, test } from 'vitest'

/** The names of what is asked for. */
const asked = (values: string[], agent = 'Warren'): string[] =>
  Object.entries(robotsDirectives(values, agent) satisfies RobotsDirectives)
    .filter(([, set]) => set)
    .map(([name]) => name)

describe('robotsDirectives', () => {
  test.each([
    [['noindex'], ['noindex']],
    [['NoIndex , NOFOLLOW'], ['noindex', 'nofollow']],
    [['none'], ['noindex', 'nofollow']],
    [['all'], []],
    [['index, follow'], []],
    [['noindex, index'], ['noindex']], // the strictest word wins
    [
      ['noindex', 'nofollow'],
      ['noindex', 'nofollow'],
    ], // several elements or lines: their union
    [['noarchive, nosnippet, noimageindex'], ['noarchive', 'nosnippet', 'noimageindex']],
    [['nocache'], ['noarchive']],
    [['max-snippet:20, max-image-preview: large, max-video-preview:-1, nofollow'], ['nofollow']],
    [['unavailable_after: Friday, 25 Jun 2010 15:00:00 PST, noindex'], ['noindex']],
    [['unavailable_after: 25 Jun 2010 15:00:00 PST'], []],
    [['unavailable_after: 2010-06-25T15:00:00Z, noindex'], ['noindex']],
    [['noindex,nofollow'], ['noindex', 'nofollow']],
    [['\tnoindex\n,\fnofollow ,, '], ['noindex', 'nofollow']],
    [['all, none'], ['noindex', 'nofollow']],
    [['noindexed, no index, toString, constructor, __proto__'], []],
    [['noindex nofollow'], []], // no comma: one unknown word
    [[''], []],
    [[], []],
  ])('%j asks for %j', (values, expected) => {
    expect(asked(values)).toEqual(expected)
  })

  test.each([
    ['warren: noindex', ['noindex']],
    ['WARREN: noindex, nofollow', ['noindex', 'nofollow']],
    ['otherbot: noindex, nofollow', []],
    ['otherbot: noindex, warren: nofollow', ['nofollow']],
    ['warren: nofollow, otherbot: noindex', ['nofollow']],
    ['noindex, otherbot: nofollow', ['noindex']],
    ['otherbot: noindex, robots: nofollow', ['nofollow']],
    ['otherbot: none, *: noarchive, nofollow', ['nofollow', 'noarchive']],
    ['warrenbot: noindex', []], // the whole name counts
    ['war: noindex', []],
    ['warren: unavailable_after: Friday, 25 Jun 2010 15:00:00 PST, noindex', ['noindex']],
    ['otherbot: max-snippet: 20, noindex', []],
    ['max-snippet: 20, warren: max-image-preview:large, noindex', ['noindex']],
    ['*: noindex', ['noindex']],
    ['robots: noindex', ['noindex']],
    ['warren : noindex', ['noindex']],
    [': noindex', []],
  ])('X-Robots-Tag %j, for this crawler: %j', (value, expected) => {
    expect(asked([value])).toEqual(expected)
  })

  test('a name in one line says nothing of the next', () => {
    expect(asked(['otherbot: noindex', 'nofollow'])).toEqual(['nofollow'])
  })
})
