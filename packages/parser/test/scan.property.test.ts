import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { scan } from '../src/scan.ts'
import { threeViews } from './agreement.ts'
import { realPages } from './real-pages.ts'

// Mutants that these tests have been seen to kill:
//  1 comments: `-->` is searched behind `<!--` (so that `<!-->` stays open)
//  2 scripts: `<script` in an escape hides nothing
//  3 templates: a flag instead of a count
//  4 tags: a quoted value ends at `>`
//  5 attributes: the last of equal names counts
//  6 select: links in it count
//  7 foreign content: what is in a desc or title is foreign as well
//  8 order: a second title behind a table raises no doubt
//  9 templates: a link left open in one raises no doubt
// 10 templates: parts of a table around one raise no doubt
// 11 raw text: `</titlex` ends a title
// 12 values: a legacy reference without `;` is decoded before `=`

const split = (text: string): string[] => text.split(/ (?=<)/)
const TEXT = [
  'x',
  ' ',
  '\n',
  '\r\n',
  '\0',
  '\f',
  '&amp;',
  '&',
  '&lt',
  '<',
  '>',
  '"',
  "'",
  '/',
  '=',
  '<!',
  '<?',
  '</',
  '</>',
  '<![CDATA[',
  ']]>',
]
const LINKS = split(
  '<a href=1> <a href="2" rel="nofollow x"> </a> <area href=3> <iframe src=f> </iframe> <link rel=next href=n> <link rel="canonical" href=c> ' +
    '<base href=/b/> <base> <base href=/c/> <title>t&amp;1</title> <title>2</title> <title> </title> <html lang=en> <meta name=robots content=noindex>' +
    ' <meta http-equiv=refresh content="0;url=r"> <meta http-equiv=refresh content=1;r2>',
)
const TRICKS = split(
  `<a href="q&ampz&amp=1&ampz=2&copy&copy=1&notit;"> <a href=a/> <a href='s>s' =x> <a ="x>y" href=w> <A HREF=U> <a\0 href=z> <a href> <a / href=k / > ` +
    '<a href=1 href=2> <a title="x>y" href=z> <div a=" <div b=\' <lin\u212a rel=next href=kel> <titlex> </titlex> </TITLE > <title/> <titl',
)
const SCRIPTS = [
  '<script>',
  '</script>',
  '<script',
  '</scripty>',
  '<!--',
  '-->',
  '--!>',
  '<!-->',
  '<!--->',
  '<!---->',
  '--',
  '<SCRIPT/>',
  '</SCRIPT\n>',
]
const RAW = split(
  '<style> </style> <textarea> </textarea> <xmp> </xmp> <noembed> </noembed> <noframes> </noframes> <noscript> </noscript> <plaintext>',
)
const TABLES = split('<table> </table> <tr> </tr> <td> </td> <th> <caption> </caption> <colgroup> <col> <tbody> <thead>')
const FORMS = split('<select> </select> <option> </option> <optgroup> <input> <input type=hidden> <form> </form> <button> <keygen> <hr>')
const FOREIGN = split(
  '<svg> </svg> <svg/> <math> </math> <g> </g> <path/> <a xlink:href=x> <a xlink:href=x href=y> <desc> </desc> <foreignObject> </foreignObject> ' +
    '<mi> </mi> <mtext> <annotation-xml encoding="text/html"> <font color=x> <font> <a/>',
)
const TEMPLATES = split('<template> <template> </template> </template>')
const BLOCKS = split(
  '<html> <html lang=de class=x> <head> </head> <body> </body> </html> <p> </p> <div> </div> <b> </b> <i> <nobr> <br> </br> <li> <h1> <pre> ' +
    '<object> </object> <marquee> <applet> <frameset> </frameset> <frame src=g> <image> <dd> <ruby> <rt> <!doctype html> <!DOCTYPE html PUBLIC "a>b">',
)
const EVERYTHING = [TEXT, LINKS, TRICKS, SCRIPTS, RAW, TABLES, FORMS, FOREIGN, TEMPLATES, BLOCKS]

/** A page of pieces: of everything, or of a few kinds that get into each other's way. */
const pieces = (...kinds: string[][]) =>
  fc.array(fc.oneof(...kinds.map((kind) => fc.constantFrom(...kind))), { maxLength: 14 }).map((parts) => `${parts.join('')}<a href=end>`)
const nasty = fc.oneof(
  pieces(...EVERYTHING),
  pieces(LINKS, TRICKS, TEXT),
  pieces(SCRIPTS, LINKS),
  pieces(RAW, LINKS, SCRIPTS),
  pieces(TABLES, LINKS, TEMPLATES),
  pieces(TEMPLATES, LINKS, BLOCKS, TABLES),
  pieces(['<script>', '</script>', '<!--', '-->', '<a href=1>']),
  pieces(['<template>', '</template>', '<a href=1>', '<object>', '<td>', 'x']),
  pieces(['<table>', '</table>', '<template>', '<tr>', '<td>', '<a href=1>']),
  pieces(['<table>', '<td>', '</td>', '<title>1</title>', '<title>2</title>', '<base href=1>', '<base href=2>']),
  pieces(['<svg>', '</svg>', '<desc>', '</desc>', '<title>', '</title>', '<base href=1>']),
  pieces(FORMS, LINKS, TABLES),
  pieces(FOREIGN, LINKS, TEXT),
)

/** Cuts, drops and inserts, most of them where markup is. */
const edit = fc.record({
  at: fc.nat({ max: 999_999 }),
  near: fc.nat({ max: 20 }),
  drop: fc.nat({ max: 8 }),
  insert: fc.constantFrom('', '', ...EVERYTHING.flat()),
})
type Edit = typeof edit extends fc.Arbitrary<infer T> ? T : never
function apply(source: string, { at, near, drop, insert }: Edit): string {
  const tag = source.indexOf('<', Math.floor((at / 1_000_000) * source.length))
  const from = Math.max(0, tag + near - 5)
  return source.slice(0, from) + insert + source.slice(from + drop)
}

const agrees = (source: string): void => {
  const { parse5, scanned, document } = threeViews(source)
  if (scanned !== undefined) expect(scanned).toBe(parse5)
  expect(document).toBe(parse5)
}

describe('scanner: sees what parse5 sees, or has a doubt', { timeout: 60_000 }, () => {
  test('in nasty pages', () => fc.assert(fc.property(nasty, agrees), { numRuns: 10_000 }))

  test('in mutated real pages', () => {
    const sources = realPages(40, 60_000).map(({ body }) => body.toString('utf8', 0, 12_000))
    const mutated = fc
      .tuple(fc.constantFrom(...sources), fc.array(edit, { minLength: 1, maxLength: 6 }))
      .map(([source, edits]) => edits.reduce(apply, source))
    fc.assert(fc.property(mutated, agrees), { numRuns: 150, endOnFailure: true })
  })

  test('in real pages, and without any doubt', () => {
    const pages = realPages(60, 60_000)
    expect(pages.length).toBe(60)
    for (const { name, body } of pages) {
      const { parse5, scanned } = threeViews(body.toString())
      expect(scanned, name).toBe(parse5)
    }
  })
})

test('scanner: has a doubt about few pages, even nasty ones', () => {
  const pages = fc.sample(
    pieces(
      LINKS,
      TRICKS,
      SCRIPTS,
      BLOCKS.filter((each) => !each.includes('frame')),
    ),
    { numRuns: 500, seed: 1 },
  )
  expect(pages.filter((source) => scan(source, { agent: 'warren' }).doubt !== undefined)).toHaveLength(0)
})
