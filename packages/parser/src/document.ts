import { type CheerioAPI, load } from 'cheerio/slim'
import type { TreeAdapter } from 'parse5'
import { html, parse } from 'parse5'
import { adapter as domAdapter, type Htmlparser2TreeAdapterMap } from 'parse5-htmlparser2-tree-adapter'
import { type Attributes, Findings } from './findings.ts'

/**
 * Tree builders look through the open elements at nearly every tag, so a page costs about (elements x depth).
 * 2e8 such steps take about half a second; 100 000 nested elements would take 5e9. A sum of the page alone, no clock:
 * the same page always ends the same way.
 */
const MAX_STEPS = 2e8

/** The page nests so deeply that building its document would cost more than `MAX_STEPS`. */
export class TooDeep extends Error {
  override readonly name = 'TooDeep'
}

/**
 * The document that a browser with scripting off would build, as cheerio: parse5's tree in cheerio's node types.
 * Contents of templates are not in it. Attributes with a namespace keep their prefix (`xlink:href`).
 * Errors: TooDeep. Cost: about 60 times the scanner.
 */
export function loadDocument(source: string): CheerioAPI {
  return load(parse(source, { scriptingEnabled: false, treeAdapter: guardedAdapter() }))
}

/** What the document of `source` says; the same as `scan` wherever that has no doubt. Errors: TooDeep. */
export function readDocument(source: string, agent: string): Findings {
  const $ = loadDocument(source)
  const findings = new Findings()
  for (const element of $('a, area, base, frame, html, iframe, link, meta, title').toArray()) {
    const attribute: Attributes = (name) => element.attribs[name]
    if (element.namespace === html.NS.SVG && element.name === 'a')
      findings.hyperlink('a', attribute('href') ?? attribute('xlink:href'), attribute('rel'))
    if (element.namespace !== html.NS.HTML) continue
    switch (element.name) {
      case 'a':
      case 'area':
        findings.hyperlink(element.name, attribute('href'), attribute('rel'))
        break
      case 'frame':
      case 'iframe':
        findings.hyperlink('frame', attribute('src'), undefined)
        break
      case 'base':
        findings.baseElement(attribute)
        break
      case 'html':
        findings.html(attribute)
        break
      case 'link':
        findings.linkElement(attribute)
        break
      case 'meta':
        findings.meta(attribute, agent)
        break
      case 'title':
        findings.titleText($(element).text())
    }
  }
  return findings
}

/** cheerio's tree adapter, with template contents kept apart as parse5 means them to be, and a limit on the work. */
function guardedAdapter(): TreeAdapter<Htmlparser2TreeAdapterMap> {
  const contents = new WeakMap<object, Htmlparser2TreeAdapterMap['documentFragment']>()
  let depth = 0
  let steps = 0
  return {
    ...domAdapter,
    createElement: (name, namespace, attributes) =>
      domAdapter.createElement(
        name,
        namespace,
        attributes.map((each) => (each.prefix ? { ...each, name: `${each.prefix}:${each.name}` } : each)),
      ),
    setTemplateContent: (template, content) => {
      contents.set(template, content)
    },
    getTemplateContent: (template) => contents.get(template) ?? domAdapter.createDocumentFragment(),
    onItemPush: () => {
      steps += ++depth
      if (steps > MAX_STEPS) throw new TooDeep('Cannot build document: its elements nest too deeply')
    },
    onItemPop: () => {
      depth--
    },
  }
}
