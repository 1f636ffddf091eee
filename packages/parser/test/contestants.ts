import { load } from 'cheerio'
import { load as loadSlim } from 'cheerio/slim'
import { Parser } from 'htmlparser2'
import { parsePage } from '../src/index.ts'
import { scan } from '../src/scan.ts'
import { reference } from './reference.ts'

/** Ways to get at the links of a page; each returns how many it found. bench/parse.ts times them. `text` is the decoded `body`. */
export const contestants: Record<string, (page: { readonly body: Uint8Array; readonly text: string }) => number> = {
  'parsePage (bytes to canonical links and facts)': ({ body }) =>
    parsePage({ body, contentType: 'text/html; charset=utf-8', url: 'https://example.org/docs/page', userAgent: 'Warren/1' }).links.length,
  'scanner alone (links, title, base, robots)': ({ text }) => scan(text, { agent: 'warren' }).findings.references.length,
  'htmlparser2 Parser, events only (links, title)': ({ text }) => {
    let links = 0
    const parser = new Parser({
      onopentag: (name, attributes) => {
        if (name === 'a' && attributes['href'] !== undefined) links++
      },
    })
    parser.end(text)
    return links
  },
  'parse5.parse and a walk (links, title, base, robots)': ({ text }) => reference(text, 'warren').links.length,
  'cheerio/slim, $("a[href]")': ({ text }) => loadSlim(text)('a[href]').length,
  'cheerio, $("a[href]")': ({ text }) => load(text)('a[href]').length,
}
