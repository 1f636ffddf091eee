import type { Transform } from 'node:stream'
import {
  brotliDecompressSync,
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  createZstdDecompress,
  gunzipSync,
  inflateRawSync,
  inflateSync,
  type ZstdOptions,
  zstdDecompressSync,
} from 'node:zlib'

export type Coding = 'gzip' | 'deflate' | 'br' | 'zstd'

/** Sent as Accept-Encoding. */
export const ACCEPT_ENCODING = 'gzip, deflate, br, zstd'

/** null: nothing to take off. */
const NAMES: ReadonlyMap<string, Coding | null> = new Map([
  ['gzip', 'gzip'],
  ['x-gzip', 'gzip'],
  ['deflate', 'deflate'],
  ['x-deflate', 'deflate'],
  ['br', 'br'],
  ['zstd', 'zstd'],
  ['identity', null],
  ['', null],
])
/** No server needs more; each costs a window of memory. */
const MAX_CODINGS = 4
/** Source: RFC 9659: a zstd content coding needs no window above 8 MiB; zstd's own default would take 128. */
const ZSTD_WINDOW_LOG = 23
const CHUNK_BYTES = 65_536

/** The codings of a Content-Encoding, in the order they have to be taken off. undefined: one that we cannot take off. */
export function codingsOf(header: string | readonly string[] | undefined): readonly Coding[] | undefined {
  if (header === undefined) return NONE
  const names = (typeof header === 'string' ? header : header.join()).split(',')
  const codings: Coding[] = []
  for (const name of names) {
    const coding = NAMES.get(name.trim().toLowerCase())
    if (coding === undefined) return undefined
    if (coding !== null) codings.push(coding)
  }
  return codings.length > MAX_CODINGS ? undefined : codings.reverse()
}
const NONE: readonly Coding[] = []

/** Takes one coding off a complete body. Errors: the library's, for broken data and for more than `maxBytes`. Cost: no thread, about 350 MB/s. */
export function decodeSync(coding: Coding, bytes: Uint8Array, maxBytes: number): Uint8Array {
  const options = { maxOutputLength: Math.max(1, maxBytes), chunkSize: CHUNK_BYTES }
  switch (coding) {
    case 'gzip':
      return gunzipSync(bytes, { ...options, chunkSize: gzipSize(bytes, maxBytes) })
    case 'deflate':
      return isZlib(bytes[0]) ? inflateSync(bytes, options) : inflateRawSync(bytes, options)
    case 'br':
      return brotliDecompressSync(bytes, options)
    case 'zstd':
      return zstdDecompressSync(bytes, { ...options, ...ZSTD })
  }
}

/** No deflated byte stands for more. */
const DEFLATE_RATIO = 1_032

/** The decoded size that a gzip file ends with: with a chunk of that size nothing is joined or copied. Only a hint; it may lie. */
function gzipSize(bytes: Uint8Array, maxBytes: number): number {
  const at = bytes.byteLength - 4
  const told = at < 0 ? 0 : new DataView(bytes.buffer, bytes.byteOffset + at, 4).getUint32(0, true)
  return Math.max(1_024, Math.min(told, maxBytes, bytes.byteLength * DEFLATE_RATIO))
}

/** A stream that takes one coding off; input that is broken or ends early is an error, after what could be decoded. */
export function decodeStream(coding: Coding, firstByte: number | undefined): Transform {
  switch (coding) {
    case 'gzip':
      return createGunzip()
    case 'deflate':
      return isZlib(firstByte) ? createInflate() : createInflateRaw()
    case 'br':
      return createBrotliDecompress()
    case 'zstd':
      return createZstdDecompress(ZSTD)
  }
}
const ZSTD: ZstdOptions = { params: { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG } }

/** `deflate` means zlib (RFC 9110, 8.4.1.2), but some servers send it raw: the low half of a zlib stream's first byte is 8. */
const isZlib = (firstByte: number | undefined): boolean => firstByte === undefined || (firstByte & 0x0f) === 8
