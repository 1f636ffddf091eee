import { type DefaultTreeAdapterTypes, html, parse } from 'parse5'

/** What a page says, read plainly from parse5's own tree: raw, before any base. The scanner has to say the same. */
export interface Reference {
  title: string | undefined
  lang: string | undefined
  base: string | undefined
  canonical: string | undefined
  /** kind, href, nofollow; in document order. */
  links: string[]
  robots: string[]
}

type Node = DefaultTreeAdapterTypes.Node
type Element = DefaultTreeAdapterTypes.Element

export function reference(source: string, agent: string): Reference {
  const out: Reference = { title: undefined, lang: undefined, base: undefined, canonical: undefined, links: [], robots: [] }
  const waiting: Node[] = [parse(source, { scriptingEnabled: false })]
  let refreshed = false
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    if ('tagName' in node) refreshed = element(node, out, agent, refreshed) || refreshed
    if ('childNodes' in node) waiting.push(...node.childNodes.toReversed()) // a template's content is not among its children
  }
  return out
}

function element(node: Element, out: Reference, agent: string, refreshed: boolean): boolean {
  const attribute = (name: string) => node.attrs.find((each) => each.name === name && !each.prefix)?.value
  const rel = (attribute('rel') ?? '').toLowerCase().split(/[\t\n\f\r ]+/)
  const link = (kind: string, href: string | undefined) => {
    if (href !== undefined) out.links.push(`${kind} ${kind !== 'frame' && rel.includes('nofollow')} ${href}`)
  }
  if (node.namespaceURI === html.NS.SVG && node.tagName === 'a')
    link('a', attribute('href') ?? node.attrs.find((each) => each.name === 'href' && each.prefix === 'xlink')?.value)
  if (node.namespaceURI !== html.NS.HTML) return false
  const content = attribute('content')
  switch (node.tagName) {
    case 'html':
      out.lang ??= attribute('lang') ?? attribute('xml:lang')
      break
    case 'title':
      out.title ??= node.childNodes.map((child) => ('value' in child ? child.value : '')).join('')
      break
    case 'base':
      out.base ??= attribute('href')
      break
    case 'a':
    case 'area':
      link(node.tagName, attribute('href'))
      break
    case 'frame':
    case 'iframe':
      link('frame', attribute('src'))
      break
    case 'link':
      if (rel.includes('canonical')) out.canonical ??= attribute('href')
      if (rel.some((each) => ['next', 'prev', 'previous', 'canonical'].includes(each))) link('link', attribute('href'))
      break
    case 'meta':
      if (content === undefined) break
      if (['robots', agent].includes((attribute('name') ?? '').trim().toLowerCase())) out.robots.push(content)
      if (attribute('http-equiv')?.toLowerCase() === 'refresh' && !refreshed) {
        const match = /^\s*(?:\d+|(?=\.))[\d.]*(?:$|[;,\s]\s*[;,]?\s*(?:url\s*=\s*)?(.*)$)/is.exec(content)
        if (match === null) break
        const target = (match[1] ?? '').replace(/^(["'])(.*?)(?:\1.*|$)/s, '$2')
        if (target !== '') out.links.push(`refresh false ${target}`)
        return true
      }
  }
  return false
}
