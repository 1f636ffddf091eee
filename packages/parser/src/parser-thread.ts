import { Worker } from 'node:worker_threads'
import type { Link, PageFacts } from '@warren/protocol'
import type { PageInput, ParsedPage } from './parse-page.ts'

export interface ThreadPage extends PageInput {
  readonly body: Uint8Array<ArrayBuffer>
}
export interface Request {
  readonly id: number
  readonly page: ThreadPage
}
export interface Ready {
  readonly ready: true
}
export interface Parsed {
  readonly facts: PageFacts
  readonly links: Link[]
  readonly reader: ParsedPage['reader']
  readonly doubt: ParsedPage['doubt']
  /** Time in the thread. */
  readonly ms: number
}
export interface Answer {
  readonly id: number
  readonly parsed: Parsed
}

/** Why a thread ended: `start` before it could take a page, `stopped` because we said so. */
export type ThreadEnd = { readonly kind: 'start' | 'memory' | 'crash' | 'stopped'; readonly error: Error | undefined }

export interface ThreadEvents {
  ready(): void
  parsed(id: number, parsed: Parsed): void
  /** Once, last. */
  ended(end: ThreadEnd): void
}

/** The worker beside this file, in the form this file has: TypeScript in a checkout, JavaScript in a package. */
const workerFile = (): URL => new URL(`./worker${import.meta.filename.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url)

/** One worker thread. It answers in the order of its requests; the oldest one without an answer is the one it works on. */
export class ParserThread {
  readonly #worker: Worker
  #ready = false
  #error: Error | undefined

  constructor(options: { readonly heapMb: number; readonly file?: URL | undefined }, events: ThreadEvents) {
    this.#worker = new Worker(options.file ?? workerFile(), {
      name: 'warren-parser',
      resourceLimits: { maxOldGenerationSizeMb: options.heapMb },
    })
    this.#worker.on('message', (message: Answer | Ready) => {
      if ('parsed' in message) return events.parsed(message.id, message.parsed)
      this.#ready = true
      events.ready()
    })
    this.#worker.on('error', (error: Error) => {
      this.#error = error
    })
    this.#worker.on('messageerror', (error: Error) => {
      this.#error = error
      void this.#worker.terminate()
    })
    this.#worker.on('exit', () => events.ended({ kind: this.#endKind(), error: this.#error }))
  }

  /** The body's memory moves to the thread: `page.body` is empty afterwards, so it must own its buffer. */
  send(id: number, page: ThreadPage): void {
    this.#worker.postMessage({ id, page } satisfies Request, [page.body.buffer])
  }

  /** Ends the thread wherever it is; resolves when it is gone. */
  async stop(): Promise<void> {
    await this.#worker.terminate()
  }

  #endKind(): ThreadEnd['kind'] {
    if (!this.#ready) return 'start'
    if (this.#error === undefined) return 'stopped'
    return 'code' in this.#error && this.#error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? 'memory' : 'crash'
  }
}
