import { availableParallelism } from 'node:os'
import { z } from 'zod'
import { DEFAULT_MAX_LINKS } from './parse-page.ts'

const count = (initial: number, max: number, what: string) => z.coerce.number().int().min(1).max(max).default(initial).describe(what)

/** Every knob of the parser: name with unit, bounds, default, meaning. */
export const parserConfig = z.object({
  PARSE_THREADS: count(Math.max(1, availableParallelism() - 1), 256, 'threads that parse pages; default: one less than there are cores'),
  PARSE_SLOTS: count(32, 10_000, 'pages taken from the broker and not yet answered; each is held in memory, decoded'),
  PARSE_PAGE_MS: count(10_000, 600_000, 'time for one page; one that takes longer is stopped with its thread'),
  PARSE_HEAP_MB: z.coerce
    .number()
    .int()
    .min(256)
    .max(16_384)
    .default(512)
    .describe('heap of one thread in MiB; a page that needs more is stopped with its thread. The limits on pages are made for 256'),
  PARSE_MAX_LINKS: count(DEFAULT_MAX_LINKS, 1_000_000, 'links kept of one page; those beyond are counted'),
})
export type ParserConfig = Readonly<z.infer<typeof parserConfig>>
