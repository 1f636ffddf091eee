import { CrawlError, type ErrorCode } from '@warren/protocol'

/** The exit codes of every command; docs/exit-codes.md explains them. */
export const EXIT = {
  ok: 0,
  bug: 1,
  usage: 2,
  noContact: 3,
  unavailable: 4,
  schema: 5,
  output: 6,
  noSeed: 7,
  interrupted: 130,
} as const

/** How a process ends that met the error and could not go on. */
const EXIT_OF: Record<ErrorCode, keyof typeof EXIT> = {
  ERR_BROKER_DENIED: 'unavailable',
  ERR_BROKER_REFUSED: 'unavailable',
  ERR_BROKER_UNAVAILABLE: 'unavailable',
  ERR_BROKER_UNROUTABLE: 'unavailable',
  ERR_CONFIG_INVALID: 'usage',
  ERR_CONTACT_MISSING: 'noContact',
  ERR_CRAWL_CONFLICT: 'usage',
  ERR_INPUT_INVALID: 'usage',
  ERR_MESSAGE_INVALID: 'bug',
  ERR_MESSAGE_VERSION: 'schema',
  ERR_OUTPUT_BUSY: 'output',
  ERR_OUTPUT_UNUSABLE: 'output',
  ERR_SCHEMA_VERSION: 'schema',
  ERR_SEEDS_UNREACHABLE: 'noSeed',
  ERR_SERVICE_START: 'unavailable',
  ERR_STORE_CONFLICT: 'unavailable',
  ERR_STORE_DENIED: 'unavailable',
  ERR_STORE_UNAVAILABLE: 'unavailable',
}

/** The exit code for an error that ends the process: several at once count as the first, what is no CrawlError as a bug. */
export function exitCodeOf(error: unknown): number {
  const [first] = failuresIn(error)
  return first instanceof CrawlError ? EXIT[EXIT_OF[first.code]] : EXIT.bug
}

/** The single failures behind an error, the one that came first in front: of a task group, of a scope whose clean-up failed too. */
export function failuresIn(error: unknown): readonly unknown[] {
  if (error instanceof AggregateError && error.errors.length > 0) return error.errors.flatMap(failuresIn)
  if (error instanceof SuppressedError) return [...failuresIn(error.suppressed), ...failuresIn(error.error)]
  return [error]
}
