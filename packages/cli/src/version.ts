import { readFileSync } from 'node:fs'

/** The version in this package's package.json, from the checkout and from an installed package alike. */
export const version: string = (JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string })
  .version
