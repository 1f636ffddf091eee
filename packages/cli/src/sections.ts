import type { colorsOf } from './colors.ts'

type Colors = ReturnType<typeof colorsOf>

/** Rows of cells under a title. The cells of a column are as wide as its widest; the last one is not padded. */
export interface Section {
  readonly title: string
  readonly rows: readonly (readonly string[])[]
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences start with one
const ESCAPES = /\u001b\[[\d;]*m/g
const widthOf = (text: string): number => text.replace(ESCAPES, '').length
const pad = (text: string, width: number): string => text + ' '.repeat(Math.max(0, width - widthOf(text)))

/** The sections that have rows, each with its title above and a line between them. */
export function showSections(sections: readonly Section[], colors: Colors): string {
  return sections
    .filter(({ rows }) => rows.length > 0)
    .map(({ title, rows }) => `${colors.bold(title)}\n${alignRows(rows).join('\n')}\n`)
    .join('\n')
}

function alignRows(rows: Section['rows']): string[] {
  const widths: number[] = []
  for (const row of rows)
    row.forEach((cell, column) => {
      if (column < row.length - 1) widths[column] = Math.max(widths[column] ?? 0, widthOf(cell))
    })
  return rows.map((row) =>
    `  ${row.map((cell, column) => (column < row.length - 1 ? pad(cell, widths[column] ?? 0) : cell)).join('  ')}`.trimEnd(),
  )
}
