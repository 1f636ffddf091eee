import { sniffEncoding } from '@warren/web'

/**
 * Bytes of a body that are read; three times the default limit on bodies. Text takes up to two bytes a character in the heap of the thread,
 * and one allocation that does not fit into it ends the whole process, not just the thread.
 */
const MAX_BYTES = 33_554_432

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
