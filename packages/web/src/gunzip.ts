import { constants, gunzipSync } from 'node:zlib'

/** Fine enough for a body of 10 MiB: its 256th part unpacks to at most 41 MiB, as deflate makes no more than 1 032 bytes of one. */
const SEARCH_STEPS = 8

/** By its magic number and the one method there is. Source: RFC 1952 2.3.1. */
export const isGzip = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b && bytes[2] === 8

/**
 * What gzip data unpacks to. `cut`: it does not end there, because it passes `limitBytes` (then at least half of them are given, if the data
 * is spread evenly) or is broken (then most of what comes before). Data that just ends early gives all that it has, and is not cut.
 * Never throws. Cost: one pass; up to eight more when cut, of at most `limitBytes` each, because zlib keeps what it has when it stops: it
 * gets other prefixes of the data until it gets through with one.
 */
export function gunzip(bytes: Uint8Array, limitBytes: number): { bytes: Uint8Array; cut: boolean } {
  const whole = unpack(bytes, limitBytes)
  if (whole !== undefined) return { bytes: whole, cut: false }
  let best: Uint8Array = new Uint8Array()
  let [good, bad] = [0, bytes.length]
  for (let step = 0; step < SEARCH_STEPS && best.length < limitBytes / 2; step++) {
    const middle = (good + bad) >>> 1
    const prefix = unpack(bytes.subarray(0, middle), limitBytes)
    if (prefix === undefined) bad = middle
    else [good, best] = [middle, prefix]
  }
  return { bytes: best, cut: true }
}

/** Undefined when it is broken or too long. The flush makes data that ends early give what it has. */
function unpack(bytes: Uint8Array, limitBytes: number): Uint8Array | undefined {
  try {
    return gunzipSync(bytes, { maxOutputLength: limitBytes, finishFlush: constants.Z_SYNC_FLUSH })
  } catch {
    return undefined
  }
}
