import { sniffEncoding } from '@warren/web'

/** Far above any limit on bodies, and below what a string can hold in every encoding. */
const MAX_BYTES = 268_435_456

/** One decoder per encoding that was met; decoding without `stream` leaves no state behind. */
const decoders = new Map<string, TextDecoder>()

/**
 * The text of a body and the WHATWG name of the encoding it was read in. Never throws: an encoding that this runtime
 * cannot decode is read as windows-1252, whose decoder knows every byte.
 */
export function decodeBody(body: Uint8Array, contentType: string | null): { text: string; encoding: string } {
  const encoding = sniffEncoding(body, contentType)
  // The replacement encoding stands for those too dangerous to decode: one U+FFFD, whatever the bytes (Encoding Standard 14.1).
  if (encoding.toLowerCase() === 'replacement') return { text: body.byteLength === 0 ? '' : '\ufffd', encoding }
  return { text: decoderOf(encoding).decode(body.subarray(0, MAX_BYTES)), encoding }
}

function decoderOf(encoding: string): TextDecoder {
  let decoder = decoders.get(encoding)
  if (decoder === undefined) {
    try {
      decoder = new TextDecoder(encoding)
    } catch {
      decoder = new TextDecoder('windows-1252')
    }
    decoders.set(encoding, decoder)
  }
  return decoder
}
