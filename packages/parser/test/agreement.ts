import { readDocument } from '../src/document.ts'
import type { Findings } from '../src/findings.ts'
import { scan } from '../src/scan.ts'
import { reference } from './reference.ts'

/**
 * References as a set: misnested links are opened again by the tree builder, as copies that say nothing new,
 * and what is misplaced in a table moves in front of it. The first of each kind has to be the same nevertheless.
 */
const asSet = (references: string[]): string[] => [...new Set(references)].sort()

/** A page in comparable form, as parse5 shows it, as the scanner sees it (undefined: it has a doubt), and as the document shows it. */
export function threeViews(source: string): { parse5: string; scanned: string | undefined; document: string } {
  const { title, lang, base, canonical, links, robots } = reference(source, 'warren')
  const scanned = scan(source, { agent: 'warren' })
  return {
    parse5: JSON.stringify({ title, lang, base, canonical, links: asSet(links), robots: asSet(robots) }),
    scanned: scanned.doubt === undefined ? show(scanned.findings) : undefined,
    document: show(readDocument(source, 'warren')),
  }
}

const show = ({ title, lang, base, canonical, references, robots }: Findings): string =>
  JSON.stringify({
    title,
    lang,
    base,
    canonical,
    links: asSet(references.map(({ kind, nofollow, href }) => `${kind} ${nofollow} ${href}`)),
    robots: asSet(robots.map(({ content }) => content)),
  })
