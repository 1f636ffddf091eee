/** What a consumer does with the message it was handling when the error came up. */
export type Disposition = 'retry' | 'dead-letter' | 'shutdown'

/** Every error code of Warren with the fate of the message that met it. One row here is all a new code needs. */
const DISPOSITIONS = {
  ERR_BROKER_DENIED: 'shutdown',
  ERR_BROKER_REFUSED: 'retry',
  ERR_BROKER_UNAVAILABLE: 'retry',
  ERR_BROKER_UNROUTABLE: 'retry',
  ERR_CONFIG_INVALID: 'shutdown',
  ERR_CONTACT_MISSING: 'shutdown',
  ERR_CRAWL_CONFLICT: 'shutdown',
  ERR_INPUT_INVALID: 'shutdown',
  ERR_MESSAGE_INVALID: 'dead-letter',
  ERR_MESSAGE_VERSION: 'dead-letter',
  ERR_OUTPUT_BUSY: 'shutdown',
  ERR_OUTPUT_UNUSABLE: 'shutdown',
  ERR_SCHEMA_VERSION: 'shutdown',
  ERR_SEEDS_UNREACHABLE: 'shutdown',
  ERR_SERVICE_START: 'shutdown',
  ERR_STORE_CONFLICT: 'retry',
  ERR_STORE_DENIED: 'shutdown',
  ERR_STORE_UNAVAILABLE: 'retry',
} as const satisfies Record<`ERR_${string}`, Disposition>

export type ErrorCode = keyof typeof DISPOSITIONS

/** The codes in alphabetical order, for documentation and for tests that want to see all of them. */
export const errorCodes = Object.keys(DISPOSITIONS) as readonly ErrorCode[]

/**
 * The one error that Warren throws for what can go wrong outside the program.
 * Messages read "Cannot <verb> <what>: <current value>; <remedy>". `cause` keeps the original, never copied into the message.
 */
export class CrawlError extends Error {
  override readonly name = 'CrawlError'
  readonly code: ErrorCode
  readonly disposition: Disposition

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.disposition = DISPOSITIONS[code]
  }
}
