import type { Transform } from 'node:stream'
import { type Coding, decodeStream } from './coding.ts'

export interface ChainEvents {
  /** What came out of a stage; `last`: decoded bytes. A limit kept here is a limit on every intermediate form as well. */
  output(stage: number, chunk: Buffer, last: boolean): void
  /** A `write` that returned false may be followed by the next one. */
  drained(): void
  /** All that can be decoded was handed to `output`; `error` when the data is broken or ends early. */
  ended(error: Error | undefined): void
}

/**
 * Takes a chain of codings off, streaming, each stage holding back the one before it.
 * Invariant: `ended` is called once, unless `destroy` came first; nothing is called after it.
 */
export class DecodeChain {
  readonly #stages: Stage[]
  readonly #events: ChainEvents
  #over = false
  #broken: Error | undefined

  constructor(codings: readonly Coding[], events: ChainEvents) {
    this.#events = events
    this.#stages = codings.map((coding, index) => new Stage(coding, this, index))
  }

  /** False: wait for `drained` before the next one. */
  write(chunk: Uint8Array): boolean {
    return this.#over || this.#stages[0]?.write(chunk) !== false
  }

  end(): void {
    if (!this.#over) this.#stages[0]?.end()
  }

  /** Stops at once; frees the decoders' memory. */
  destroy(): void {
    this.#over = true
    for (const stage of this.#stages) stage.destroy()
  }

  /** False: the stage has to wait for its successor. */
  passOn(index: number, chunk: Buffer): boolean {
    if (this.#over) return true
    const next = this.#stages[index + 1]
    this.#events.output(index, chunk, next === undefined)
    return this.#over || next === undefined || next.write(chunk) // over: that chunk passed a limit
  }

  stageDrained(index: number): void {
    if (this.#over) return
    if (index === 0) this.#events.drained()
    else this.#stages[index - 1]?.resume()
  }

  stageEnded(index: number, error: Error | undefined): void {
    if (this.#over) return
    const next = this.#stages[index + 1]
    this.#broken ??= error
    if (next !== undefined) {
      next.end() // what came before the fault is still decoded
      return
    }
    this.#over = true
    for (const stage of this.#stages) stage.destroy()
    this.#events.ended(this.#broken)
  }
}

/** One decoder; made at its first byte, because that byte tells the two kinds of deflate apart. */
class Stage {
  readonly #coding: Coding
  readonly #chain: DecodeChain
  readonly #index: number
  #transform: Transform | undefined

  constructor(coding: Coding, chain: DecodeChain, index: number) {
    this.#coding = coding
    this.#chain = chain
    this.#index = index
  }

  write(chunk: Uint8Array): boolean {
    this.#transform ??= this.#open(chunk[0])
    return this.#transform.write(chunk)
  }

  end(): void {
    if (this.#transform === undefined) this.#chain.stageEnded(this.#index, undefined)
    else this.#transform.end()
  }

  resume(): void {
    this.#transform?.resume()
  }

  destroy(): void {
    this.#transform?.destroy()
  }

  #open(firstByte: number | undefined): Transform {
    const chain = this.#chain
    const index = this.#index
    const transform = decodeStream(this.#coding, firstByte)
    transform.on('data', (chunk: Buffer) => {
      if (!chain.passOn(index, chunk)) transform.pause()
    })
    transform.on('drain', () => chain.stageDrained(index))
    transform.on('end', () => chain.stageEnded(index, undefined))
    transform.on('error', (error) => {
      chain.stageEnded(index, error)
      chain.stageDrained(index) // it takes nothing more, so whoever waits for it would wait for ever
    })
    return transform
  }
}
