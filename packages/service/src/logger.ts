import { type DestinationStream, type Logger, destination as openDestination, pino, stdTimeFunctions } from 'pino'
import { redactJson } from './redact.ts'

export type { Logger } from 'pino'

export interface LoggerOptions {
  /** Which process speaks: `fetcher`, `crawl`, ... */
  readonly role: string
  /** `trace` to `fatal`, or `silent`. */
  readonly level: string
  /** Default stdout. A stream receives one line of JSON per call. */
  readonly destination?: 'stdout' | 'stderr' | DestinationStream | undefined
}

/**
 * JSON lines: level as a word, ISO time, role, pid. Every line is redacted as a whole, so that a credential in a message or
 * a stack is caught as well as one in a field. Writes are synchronous: the last line before an exit is not lost.
 * Errors: Error for an unknown level. A reader that has gone (EPIPE) silences it.
 */
export function createLogger({ role, level, destination = 'stdout' }: LoggerOptions): Logger {
  const stream = typeof destination === 'string' ? openDestination({ dest: destination === 'stdout' ? 1 : 2, sync: true }) : destination
  return pino(
    {
      level,
      base: { role, pid: process.pid },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      hooks: { streamWrite: redactJson },
    },
    stream,
  )
}
