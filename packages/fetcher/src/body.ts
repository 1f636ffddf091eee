import { oneshot } from '@warren/async'
import { type Coding, decodeSync } from './coding.ts'
import { DecodeChain } from './decode-chain.ts'

/** Why a body is not whole, by its own doing or by our limits. */
export type Cut = 'body-limit' | 'ratio-limit' | 'decode'

export interface BodyLimits {
  /** Decoded bytes; the body is cut there. */
  readonly maxBytes: number
  /** Decoded bytes per wire byte, measured against what has arrived so far. */
  readonly maxRatio: number
}

/** How a body holds its exchange back. `pause` and `resume` alternate; after `stop` no more bytes are wanted. */
export interface Flow {
  pause(): void
  resume(): void
  stop(): void
}

export interface Body {
  /** An array buffer of its own, exactly as long: it can be transferred, and keeps nothing else alive. */
  readonly bytes: Uint8Array
  readonly cut: Cut | null
}

/** Compressed bodies up to this are decoded in one call when they are complete; longer ones while they arrive. */
const WHOLE_BYTES = 262_144
/** What such a call may bring forth: about 6 ms of work. */
const WHOLE_DECODED_BYTES = 2_097_152
/** A body below this is no bomb, whatever its ratio: a page of one repeated line compresses a thousandfold. */
const RATIO_FREE_BYTES = 65_536

/**
 * Collects one body, takes its codings off and keeps the limits, in memory of at most the decoded limit plus WHOLE_BYTES.
 * Cost: small bodies are kept as they come and copied once; a compressed one costs one synchronous call.
 */
export class BodyReader {
  readonly #codings: readonly Coding[]
  readonly #limits: BodyLimits
  readonly #flow: Flow
  /** Wire bytes until a chain is started, decoded ones from then on; of an identity body these are the same. */
  #chunks: Uint8Array[] = []
  #bytes = 0
  #wireBytes = 0
  #keepBytes: number
  #cut: Cut | null = null
  #paused = false
  #chain: DecodeChain | undefined
  readonly #chainEnded = oneshot<true>()
  /** Bytes that came out of each stage but the last. */
  readonly #between: number[] = []

  constructor(codings: readonly Coding[], limits: BodyLimits, flow: Flow) {
    this.#codings = codings
    this.#limits = limits
    this.#flow = flow
    this.#keepBytes = limits.maxBytes
  }

  /** Takes the next bytes of the wire; they are kept, not copied. */
  push(chunk: Uint8Array): void {
    if (this.#cut !== null) return
    this.#wireBytes += chunk.byteLength
    if (this.#chain !== undefined) {
      this.#feed(this.#chain, chunk)
      return
    }
    this.#chunks.push(chunk)
    this.#bytes += chunk.byteLength
    if (this.#codings.length === 0) {
      if (this.#bytes > this.#limits.maxBytes) this.#stop('body-limit', this.#limits.maxBytes)
    } else if (this.#bytes > WHOLE_BYTES) this.#startChain()
  }

  /** The body, when no more bytes come. A fault of the transport is the caller's to tell; here the rest is simply missing. */
  async finish(): Promise<Body> {
    if (this.#codings.length > 0 && this.#wireBytes > 0) {
      const whole = this.#chain === undefined ? this.#decodeWhole() : undefined
      if (whole !== undefined) return { bytes: whole, cut: null }
      this.#startChain().end()
      await this.#chainEnded.receiver.recv()
    }
    return { bytes: joined(this.#chunks, Math.min(this.#bytes, this.#keepBytes)), cut: this.#cut }
  }

  /** Forgets everything, also a decoder that is still at work. */
  destroy(): void {
    this.#chain?.destroy()
    this.#chainEnded.sender.send(true)
    this.#chunks = []
    this.#bytes = 0
  }

  /** undefined: broken, or more than the limits allow; streaming finds out which, and keeps what there is. */
  #decodeWhole(): Uint8Array | undefined {
    const maxBytes = Math.min(WHOLE_DECODED_BYTES, this.#limits.maxBytes, this.#allowance())
    try {
      let bytes: Uint8Array = this.#chunks.length === 1 && this.#chunks[0] !== undefined ? this.#chunks[0] : Buffer.concat(this.#chunks)
      for (const coding of this.#codings) bytes = decodeSync(coding, bytes, maxBytes)
      return joined([bytes], bytes.byteLength)
    } catch {
      return undefined
    }
  }

  #startChain(): DecodeChain {
    if (this.#chain !== undefined) return this.#chain
    const arrived = this.#chunks
    this.#chunks = []
    this.#bytes = 0
    this.#chain = new DecodeChain(this.#codings, {
      output: (stage, chunk, last) => this.#take(stage, chunk, last),
      drained: () => this.#resume(),
      ended: (error) => {
        if (error !== undefined) this.#stop('decode', this.#bytes)
        this.#chainEnded.sender.send(true)
      },
    })
    for (const chunk of arrived) this.#feed(this.#chain, chunk)
    return this.#chain
  }

  #feed(chain: DecodeChain, chunk: Uint8Array): void {
    if (chain.write(chunk) || this.#paused) return
    this.#paused = true
    this.#flow.pause()
  }

  #take(stage: number, chunk: Buffer, last: boolean): void {
    let produced: number
    if (last) {
      this.#chunks.push(chunk)
      produced = this.#bytes += chunk.byteLength
    } else produced = this.#between[stage] = (this.#between[stage] ?? 0) + chunk.byteLength
    const allowance = this.#allowance()
    if (produced > this.#limits.maxBytes) this.#stop('body-limit', this.#limits.maxBytes)
    else if (produced > allowance) this.#stop('ratio-limit', allowance)
  }

  #allowance(): number {
    return Math.max(RATIO_FREE_BYTES, Math.floor(this.#wireBytes * this.#limits.maxRatio))
  }

  #stop(cut: Cut, keepBytes: number): void {
    this.#cut = cut
    this.#keepBytes = keepBytes
    this.#chain?.destroy()
    this.#resume()
    this.#chainEnded.sender.send(true)
    this.#flow.stop()
  }

  #resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#flow.resume()
  }
}

/** The first `bytes` of `chunks` in memory of their own, not from the pool that Buffer.concat takes small ones from. */
function joined(chunks: readonly Uint8Array[], bytes: number): Uint8Array {
  const only = chunks.length === 1 ? chunks[0] : undefined
  if (only !== undefined && only.byteLength === bytes && only.buffer.byteLength === bytes) return only
  const out = Buffer.allocUnsafeSlow(bytes)
  let at = 0
  for (const chunk of chunks) {
    if (at >= bytes) break
    const part = chunk.byteLength > bytes - at ? chunk.subarray(0, bytes - at) : chunk
    out.set(part, at)
    at += part.byteLength
  }
  return out
}
