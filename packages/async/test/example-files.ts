import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** A file of `examples`. */
export interface Example {
  readonly file: string
  readonly path: string
  readonly source: string
  /** `function`: it exports `example(print)`, and ends in the lines that it prints. `program`: it is started, and has a test of its own. */
  readonly kind: 'function' | 'program'
  /** The lines that it says it prints, in the comment at its end. */
  readonly prints: readonly string[]
  /** It needs Node: `NAME.node.ts`. */
  readonly isForNode: boolean
}

const PRINTS = /\n\/\* Prints:\n((?: \*.*\n)+) \*\/\n$/

export function readExamples(): Example[] {
  const folder = join(import.meta.dirname, '../examples')
  return readdirSync(folder).map((file) => {
    const path = join(folder, file)
    const source = readFileSync(path, 'utf8')
    const prints =
      PRINTS.exec(source)?.[1]
        ?.trimEnd()
        .split('\n')
        .map((line) => line.slice(3)) ?? []
    const kind = /^export async function example\(/m.test(source) ? 'function' : 'program'
    return { file, path, source, kind, prints, isForNode: file.endsWith('.node.ts') }
  })
}
