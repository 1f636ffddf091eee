import { describe, expect, test } from 'vitest'
import { type Doubt, scan } from '../src/scan.ts'
import { threeViews } from './agreement.ts'

const LINK = '<a href=end>'

/** Sections are those of the HTML Standard. What is expected is not written here: it is what parse5 shows. */
const SURE: Record<string, string[]> = {
  '13.2.5.6 tag open: a < before anything but a letter, / ! or ? is text': ['a < b <3 <= <', '<<a href=x>', '< a href=x>'],
  '13.2.5.7 end tag open: </> is nothing, </ before no letter is a comment up to >': [
    '</><a href=x>',
    '</ a><a href=x>',
    '</3 <a href=x>>',
  ],
  '13.2.5.8 tag name: ends at white space, / or >, and only A-Z fold': [
    '<A HREF=x>',
    '<a/href=x>',
    '<a\fhref=x>',
    '<a\rhref=x>',
    '<lin\u212a rel=next href=x>',
    '<a\0 href=x>',
    '<a< href=x>',
  ],
  '13.2.5.32-33 attribute names: a first = is part of the name, the first of equal names counts': [
    '<a ="x>y" href=w>',
    '<a = href=w>',
    '<a href=1 HREF=2>',
    '<a "href"=x href=y>',
    '<a hre\0f=x>',
    '<a href>',
    '<a x=y href>',
  ],
  '13.2.5.34-39 attribute values: a > in quotes ends nothing, one without quotes does': [
    '<a title="x>y" href=z>',
    "<a title='x>\"y' href=z>",
    '<a href = "z" >',
    '<a href=\n"z">',
    '<a href=a/>',
    '<a href=a"b>',
    '<a href=a=b>',
    '<a href="x"rel=nofollow>',
    '<a title=>" href=z>',
  ],
  '13.2.5.40 self-closing: ignored for HTML elements': ['<a href=x />y', '<title/>t</title>', '<script/><a href=in></script>'],
  'EOF in a tag: no tag': ['<a href="x', '<a href=x', '<a', '</a', '<title>t</title', '<title>t</title ', '<a href="x><a href=y>'],
  '13.2.5.73 character references in values: legacy names stop before = and alphanumerics': [
    '<a href="?a&amp=1&ampz=2&copy&copy=1&notit;&not;x&#38;&#x26;&#0;&#xd800;&#128;&Aacute&nosuch;">',
    "<a href='&amp'>",
    '<a href=&lt>',
    '<a href=&NotEqualTilde;>',
  ],
  '13.2.3.5 newlines and NULs': ['<a href="a\r\nb\rc\nd">', '<a href="a\0b">', '<title>a\r\nb\0c</title>'],
  '13.2.5.43-52 comments': [
    '<!--><a href=x>-->',
    '<!---><a href=x>-->',
    '<!----><a href=x>-->',
    '<!--!><a href=x>-->',
    '<!----!><a href=x>-->',
    '<!---!><a href=x>-->',
    '<!-- <!-- --><a href=x>-->',
    '<!-- --!><a href=x>-->',
    '<!-- -- ><a href=x>-->',
    '<!--<a href=x>',
    '<!-<a href=x>-->',
    '<!--a--!b--><a href=x>',
    '<!----x--><a href=y>',
  ],
  '13.2.5.53-68 doctype: ends at the first >, even in quotes': ['<!doctype html PUBLIC "a>b"><a href=x>', '<!DOCTYPE<a href=x>'],
  '13.2.5.41-42 bogus comments; CDATA is one in HTML': [
    '<?xml a="<a href=x>"?><a href=y>',
    '<![CDATA[<a href=x>]]><a href=y>',
    '<!a><a href=x>',
  ],
  '13.2.5.9-14 RCDATA and RAWTEXT end at their own end tag only': [
    '<title><a href=x></titlex></title><a href=y>',
    '<title><!--</title><a href=x>-->',
    '<textarea><a href=x></TEXTAREA\n><a href=y>',
    '<style></script><a href=x></style x="y>z"><a href=y>',
    '<xmp><a href=x></xmp/><a href=y>',
    '<iframe src=f><a href=x></iframe><a href=y>',
    '<noembed><a href=x></noembed><a href=y>',
    '<noframes><a href=x></noframes><a href=y>',
    '<title>a</title',
    '<title>&lt;b&gt; &amp &notit;</title>',
    '<title>one</title><title>two</title>',
    '<title></title><title>two</title>',
    '<textarea><a href=x>',
  ],
  '13.2.5.15-31 scripts: <!-- escapes, <script in it hides </script>': [
    '<script><a href=x></script><a href=y>',
    '<script>"</scriptx>"<a href=x></script><a href=y>',
    '<script><!--<script></script><a href=x></script><a href=y>',
    '<script><!--<script></script><a href=x>--></script><a href=y>',
    '<script><!--<script>--></script><a href=y>',
    '<script><!--</script><a href=y>-->',
    '<script><!--<scriptx></script><a href=y>',
    '<script><!--><script></script><a href=y>',
    '<script><!---><script></script><a href=y>',
    '<script><!----><script></script><a href=y>',
    '<script><!-- a <!-- <script> </script> <script> </script> --></script><a href=y>',
    '<script>a<b<!--<SCRIPT/></SCRIPT/></script ><a href=y>',
    '<script><!--<script></script></script><a href=y>',
    '<script><!-- --!><script></script><a href=y>',
    '<script>',
  ],
  'noscript is markup when scripting is off': [
    '<head><noscript><meta http-equiv=refresh content="1;url=x"><title>t</title><style><a href=s></style></noscript>',
    '<noscript><a href=x></noscript>',
    '<head><noscript><iframe src=f></iframe></noscript><base href=/b/>',
  ],
  '13.2.6.4.22 templates: what is in them is not in the document': [
    '<template><a href=x></template><a href=y>',
    '<template><template><a href=x></template><a href=y></template><a href=z>',
    '<template><title>t</title><base href=b><meta name=robots content=none></template><title>u</title>',
    '</template><a href=x>',
    '<template><a href=x>',
    '<template><html lang=en></template>',
    '<template><tr><td><a href=x></template><a href=y>',
    '<template><svg><a href=x></svg></template>',
    '<template><iframe src=x></template></iframe></template><a href=y>',
    '<template><table><tr><td><a href=x></table></template><a href=y>',
  ],
  '13.2.6.4.16 in select: links are ignored': [
    '<select><a href=x><option>o</option></select><a href=y>',
    '<select><option><b>x</b><p><optgroup><hr></select><a href=y>',
    '<select><script></select><a href=x></script></select><a href=y>',
    '<select><select><a href=y>',
    '<select><html lang=en>',
    '</select><a href=y>',
    '<select><link rel=next href=x><base href=b></select>',
  ],
  '13.2.6.5 foreign content that nests': [
    '<svg><a href=x><path/></a></svg><a href=y>',
    '<svg><a xlink:href=x></a><a xlink:href=x href=y></a><a href=y xlink:href=x></a></svg>',
    '<svg><title>t</title></svg><title>u</title>',
    '<svg><style><a href=x></a></style><script><a href=y></a></script></svg>',
    '<svg><![CDATA[<a href=x>]]></svg><a href=y>',
    '<svg/><a href=x>',
    '<svg><g/><G></g></svg><title>t</title>',
    '<math><mi>x</mi><mo/><a href=x></a><title></title></math><a href=y>',
    '<svg><base href="b"/><a href=x></svg><a href=y>',
    '<svg><html lang=en /><link rel=next href=x /><iframe src=x></iframe></svg>',
    '<svg><a href=x>',
    '<svg><!-- </svg> --><desc>d</desc></svg><a href=y>',
  ],
  'an element anywhere counts: head or body, table or not': [
    '<body><base href=b><title>t</title><link rel=canonical href=c><meta name=robots content=noindex>',
    '<table><tr><td><a href=x></table><a href=y>',
    '<table><title>t</title><base href=b><a href=x><iframe src=f></iframe><style><a href=s></style>',
    '</head><title>t</title></body></html><a href=x><link rel=next href=n>',
    '<p><html lang=de><html lang=en xml:lang=fr>',
    '<a href=x><div><a href=y></div></a><b><p></b><a href=z>',
    '<frame src=x>',
    '<base><base href=1><base href=2>',
  ],
}

const UNSURE: Record<Doubt, string[]> = {
  foreign: [
    '<svg><p><title>t</title>',
    '<svg></p><title>t</title>',
    '<svg><foreignObject><title>t</title></foreignObject></svg>',
    '<svg><title><b>t</b></title></svg>',
    '<svg><g></b></svg><title>t</title>',
    '<svg><desc><![CDATA[</desc></svg><a href=x>]]>',
    '<math><annotation-xml encoding="text/html"><title>t</title></annotation-xml></math>',
    '<math><mtext><a href=x></mtext></math>',
    '<svg><font color=red><title>t</title>',
  ],
  frameset: [
    '<frameset><frame src=x><noframes><a href=y></noframes></frameset>',
    '<p><frameset><frame src=x>',
    '<frameset><a href=x><base href=b>',
  ],
  order: [
    '<table><tr><td><title>in</title></td><title>moved</title>',
    '<table><tr><td><base href=1></td><base href=2>',
    '<table><td><link rel=canonical href=1></td><link rel=canonical href=2>',
    '<table><td><meta http-equiv=refresh content="1;url=1"></td><meta http-equiv=refresh content="1;url=2">',
  ],
  plaintext: ['<plaintext></plaintext><a href=x>', '<select><plaintext><a href=x>'],
  select: [
    '<select><input><a href=x>',
    '<select><textarea><a href=x></textarea>',
    '<table><tr><td><select><td><a href=x>',
    '<table><tr><td><select></td><a href=x>',
    '<select><title><a href=x></title></select>',
    '<select><style><a href=x></style></select>',
    '<select><svg><a href=x></svg></select>',
    '<select><template><a href=x></template></select>',
  ],
  template: [
    '<template><col><title><a href=x></title></template>',
    '<table><template><tr><table><a href=x>',
    '<table><th><template><td></table><a href=x>',
  ],
}

describe('scanner: sure, and equal to parse5', () => {
  for (const [rule, sources] of Object.entries(SURE)) {
    test.each(sources.map((source) => source + LINK))(`${rule}: %j`, (source) => {
      const { parse5, scanned, document } = threeViews(source)
      expect(scanned).toBe(parse5)
      expect(document).toBe(parse5)
    })
  }
})

describe('scanner: says so where only a document can tell', () => {
  for (const [doubt, sources] of Object.entries(UNSURE)) {
    test.each(sources.map((source) => source + LINK))(`${doubt}: %j`, (source) => {
      expect(scan(source, { agent: 'warren' }).doubt).toBe(source.startsWith('<select><plaintext') ? 'select' : doubt)
      const { parse5, document } = threeViews(source)
      expect(document).toBe(parse5)
    })
  }
})

/** Each would take minutes or hours if anything in the scanner were quadratic. */
test.each([
  ['unclosed comments', '<!--'],
  ['comments', '<!-- -->'],
  ['escaped scripts', '<script><!--</script>'],
  ['half-open escapes', '<script><!--<script></script>'],
  ['titles without end', '<title>'],
  ['end tags of nothing', '</title'],
  ['scripts', '<script></script>'],
  ['open quotes', '<a href="'],
  ['attributes', '<a x=1 '],
  ['nested elements', '<div>'],
  ['nested svg', '<svg>'],
  ['cdata', '<svg><![CDATA[</svg>'],
  ['templates', '<template>'],
  ['less-than signs', '<'],
  ['references', '<a href=&amp;&amp;&amp>'],
  ['ampersands in one value', '<a href="&amp'],
  ['links', '<a href=x>'],
  ['titles', '<title></title>'],
])('scanner: linear in %s', { timeout: 30_000 }, (_name, unit) => {
  const source = unit.repeat(Math.ceil(4_000_000 / unit.length))
  const startedAt = performance.now()
  scan(source, { agent: 'warren', guess: true })
  expect(performance.now() - startedAt).toBeLessThan(10_000)
})
