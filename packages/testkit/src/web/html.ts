import type { WebNode } from './graph.ts'
import { hash, sequence } from './random.ts'

type PageNode = Extract<WebNode, { kind: 'page' }>

const WORDS = (
  'the of and to in for is on that by this with from at as are be or an not have page value type returns function option default when each ' +
  'request server client message queue buffer stream error signal timeout handler event module import export class object array string number ' +
  'naïve café résumé über größe señal データ 文書 страница'
).split(' ')
/** Paragraphs to make pages of: enough that no two pages look alike, few enough to be made in 20 ms. */
const POOL = 400

/** Filler as documentation sites have it: headings, paragraphs, lists, code, tables, entities; no links. */
const paragraphs: readonly Buffer[] = Array.from({ length: POOL }, (_, number) => {
  const random = sequence(hash(number, 77))
  const words = (count: number): string => Array.from({ length: count }, () => WORDS[Math.floor(random() * WORDS.length)]).join(' ')
  const form = number % 8
  const attributes = `class="block b${number % 13}" id="n${number}"`
  if (form === 0) return Buffer.from(`<h2 ${attributes}>${words(4)}</h2>\n<p>${words(25)} &amp; ${words(10)}.</p>\n`)
  if (form === 1) return Buffer.from(`<ul ${attributes}>${`<li><span>${words(6)}</span></li>`.repeat(4)}</ul>\n`)
  if (form === 2) return Buffer.from(`<pre ${attributes}><code>const x = await ${words(3)}({ a: 1 &lt; 2 })\n${words(12)}</code></pre>\n`)
  if (form === 3) return Buffer.from(`<table ${attributes}><tr><th>${words(2)}</th><td>${words(5)}</td></tr></table><!-- ${words(4)} -->\n`)
  return Buffer.from(`<p ${attributes}>${words(20)} <em>${words(2)}</em> ${words(18)} &mdash; <code>${words(1)}</code> ${words(12)}.</p>\n`)
})

export interface PageText {
  readonly url: string
  readonly seed: number
  readonly bytes: number
  /** How often it was edited; 0: not. */
  readonly edition: number
}

/**
 * A page of about `bytes` bytes: head, a third of the links as navigation, then paragraphs with the other links among them.
 * The same arguments give the same bytes. Cost: 30 us for 28 KB.
 */
export function renderPage(node: PageNode, { url, seed, bytes, edition }: PageText): Buffer {
  const { links } = node
  const anchors = links.map((link, i) =>
    Buffer.from(`<a${link.nofollow ? ' rel="nofollow"' : ''} href="${link.href}">link ${i} of ${link.href.length}</a>\n`),
  )
  const navigation = Math.ceil(anchors.length / 3)
  const parts: Buffer[] = [Buffer.from(head(node, url)), ...anchors.slice(0, navigation), Buffer.from('</nav>\n<main>\n')]
  if (edition > 0) parts.push(Buffer.from(`<p>Edition ${edition}.</p>\n`))
  const rest = anchors.slice(navigation)
  let length = parts.reduce((sum, part) => sum + part.length, 0) + rest.reduce((sum, part) => sum + part.length, 0)
  const filler: Buffer[] = []
  for (let at = hash(seed, 6); length < bytes; at++) {
    const paragraph = paragraphs[at % POOL] ?? Buffer.alloc(0)
    filler.push(paragraph)
    length += paragraph.length
  }
  const every = Math.max(1, Math.floor(filler.length / (rest.length + 1)))
  for (let i = 0, next = 0; i < filler.length || next < rest.length; i++) {
    const paragraph = filler[i]
    if (paragraph !== undefined) parts.push(paragraph)
    if (i % every === 0 || i >= filler.length) {
      const anchor = rest[next++]
      if (anchor !== undefined) parts.push(anchor)
    }
  }
  // with a base, "#top" would be another document
  parts.push(node.base === undefined ? TAIL_WITH_TOP : TAIL)
  return Buffer.concat(parts)
}

const tail = (links: string): Buffer => Buffer.from(`</main>\n<footer>${links}</footer>\n</body></html>\n`)
const TAIL = tail('<a href="mailto:nobody@example.org">mail</a>')
const TAIL_WITH_TOP = tail('<a href="#top">top</a> <a href="javascript:void(0)">menu</a> <a href="mailto:nobody@example.org">mail</a>')

function head(node: PageNode, url: string): string {
  const [comment, script] = node.decoys ?? []
  return [
    '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
    `<title>Page ${url.slice(url.indexOf('/', 8))}</title>`,
    node.base === undefined ? '' : `<base href="${node.base}">`,
    node.nofollow === 'meta' ? '<meta name="robots" content="nofollow">' : '',
    node.refresh === undefined ? '' : `<meta http-equiv="refresh" content="5; url=${node.refresh}">`,
    comment === undefined ? '' : `<!-- <a href="${comment}">old</a> -->`,
    script === undefined ? '' : `<script>const old = '<a href="${script}">x</a>'</script>`,
    '<style>body { margin: 0 }</style></head>\n<body id="top"><nav>\n',
  ].join('\n')
}

/** Bytes of a page: log-normal around the median, within a factor of five. */
export function pageBytes({ median, spread }: { median: number; spread: number }, seed: number): number {
  const random = sequence(hash(seed, 8))
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random()) // Box and Muller
  return Math.round(median * Math.min(5, Math.max(0.2, Math.exp(spread * normal))))
}
