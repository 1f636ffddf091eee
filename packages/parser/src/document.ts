import { type CheerioAPI, load } from 'cheerio/slim'
import type { TreeAdapter } from 'parse5'
import { html, parse } from 'parse5'
import { adapter as domAdapter, type Htmlparser2TreeAdapterMap } from 'parse5-htmlparser2-tree-adapter'
import { type Attributes, Findings } from './findings.ts'

/**
 * Most nodes and attributes of a document, which then takes about 200 MB. Documents of real pages stay far below this. But a tree builder
 * may make many more elements than a page has tags: 20 000 times `<p><font id=n>` opens every earlier font again in each paragraph,
 * which makes 200 million. A count, not a clock: the same page always ends the same way.
 */
const MAX_PARTS = 300_000

type ParentNode = Htmlparser2TreeAdapterMap['parentNode']
type Node = Htmlparser2TreeAdapterMap['childNode']

/** The document of the page would have more than `MAX_PARTS` nodes and attributes. */
export class TooLarge extends Error {
  override readonly name = 'TooLarge'
}

/**
 * The document that a browser with scripting off would build, as cheerio: parse5's tree in cheerio's node types.
 * Contents of templates are not in it. Attributes with a namespace keep their prefix (`xlink:href`).
 * Errors: TooLarge. Cost: about 60 times the scanner.
 */
export function loadDocument(source: string): CheerioAPI {
  return load(parse(source, { scriptingEnabled: false, treeAdapter: guardedAdapter() }))
}

/** What the document of `source` says; the same as `scan` wherever that has no doubt. Errors: TooLarge. */
export function readDocument(source: string, agent: string): Findings {
  const $ = loadDocument(source)
  const findings = new Findings()
  for (const node of inOrder($.root()[0])) {
    if (!domAdapter.isElementNode(node)) continue
    const attribute: Attributes = (name) => node.attribs[name]
    if (node.namespace === html.NS.SVG && node.name === 'a')
      findings.hyperlink('a', attribute('href') ?? attribute('xlink:href'), attribute('rel'))
    if (node.namespace !== html.NS.HTML) continue
    switch (node.name) {
      case 'a':
      case 'area':
        findings.hyperlink(node.name, attribute('href'), attribute('rel'))
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
        findings.titleText($(node).text())
    }
  }
  return findings
}

/** All nodes below `root` in document order. Neither recursion nor selectors: both mind 100 000 nested elements. */
function* inOrder(root: Node | undefined): Generator<Node> {
  const waiting = root && 'children' in root ? root.children.toReversed() : []
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    yield node
    if ('children' in node) for (let i = node.children.length - 1; i >= 0; i--) waiting.push(node.children[i] as Node)
  }
}

/** cheerio's tree adapter, with template contents kept apart as parse5 means them to be, and with a limit. */
function guardedAdapter(): TreeAdapter<Htmlparser2TreeAdapterMap> {
  const contents = new WeakMap<object, Htmlparser2TreeAdapterMap['documentFragment']>()
  let parts = 0
  const count = (more: number): void => {
    parts += more
    if (parts > MAX_PARTS) throw new TooLarge(`Cannot build document: more than ${MAX_PARTS} nodes and attributes`)
  }
  return {
    ...domAdapter,
    createElement: (name, namespace, attributes) => {
      count(1 + attributes.length)
      const named = attributes.map((each) => (each.prefix ? { ...each, name: `${each.prefix}:${each.name}` } : each))
      return domAdapter.createElement(name, namespace, named)
    },
    createCommentNode: (text) => {
      count(1)
      return domAdapter.createCommentNode(text)
    },
    insertText: (parent, text) => {
      count(1)
      domAdapter.insertText(parent, text)
    },
    insertBefore,
    setTemplateContent: (template, content) => {
      contents.set(template, content)
    },
    getTemplateContent: (template) => contents.get(template) ?? domAdapter.createDocumentFragment(),
  }
}

/** As the adapter's own, but it looks for the reference from the end, where a table stands while things are moved in front of it. */
function insertBefore(parent: ParentNode, node: Node, reference: Node): void {
  node.parent = parent
  node.next = reference
  node.prev = reference.prev
  if (reference.prev) reference.prev.next = node
  reference.prev = node
  parent.children.splice(parent.children.lastIndexOf(reference), 0, node)
}
