import { isNavigational, tokens } from './findings.ts'

export interface HeaderLink {
  readonly href: string
  readonly relations: readonly string[]
}

const TARGET = /[\t ,]*<([^>]*)>/y
const PARAMETER = /[\t ]*;[\t ;]*([^\t =;,"<>]+)(?:[\t ]*=[\t ]*(?:"((?:[^"\\]|\\.)*)"|([^\t ;,"]*)))?/y

/**
 * Navigational links (next, prev, canonical) of Link header lines, in order; links about another resource (`anchor`) are left out.
 * What is malformed ends its line. Cost: linear. Source: RFC 8288, 3 and B.2.
 */
export function parseLinkHeaders(lines: readonly string[]): HeaderLink[] {
  return lines.flatMap(parseLine).filter(({ relations }) => isNavigational(relations))
}

function parseLine(line: string): HeaderLink[] {
  const links: HeaderLink[] = []
  let at = 0
  while (at < line.length) {
    TARGET.lastIndex = at
    const target = TARGET.exec(line)
    if (target === null) break
    at = TARGET.lastIndex
    let relations: string[] | undefined
    let elsewhere = false
    for (;;) {
      PARAMETER.lastIndex = at
      const parameter = PARAMETER.exec(line)
      if (parameter === null) break
      at = PARAMETER.lastIndex
      const name = parameter[1]?.toLowerCase()
      const value = parameter[2]?.replace(/\\(.)/g, '$1') ?? parameter[3] ?? ''
      if (name === 'rel') relations ??= tokens(value) // a second rel is ignored (3.3)
      if (name === 'anchor') elsewhere = true
    }
    if (!elsewhere) links.push({ href: target[1]?.trim() ?? '', relations: relations ?? [] })
    at = skipEmptyParameters(line, at)
  }
  return links
}

/** `;` without a parameter is common and harmless. */
function skipEmptyParameters(line: string, from: number): number {
  let p = from
  while (line[p] === ';' || line[p] === ' ' || line[p] === '\t') p++
  return p
}
