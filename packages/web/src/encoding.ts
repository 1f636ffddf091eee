/// <reference path="./html-encoding-sniffer.d.ts" />
import sniffHtmlEncoding from 'html-encoding-sniffer'
import { charsetOf, isXhtml } from './content-type.ts'

/**
 * The encoding of an HTML body as WHATWG names it (`UTF-8`, `windows-1252`, `Shift_JIS`): byte order mark, then the header's charset,
 * then the meta prescan of the first 1 024 bytes, else windows-1252. XHTML: the XML declaration instead of the prescan, else UTF-8.
 * Source: HTML Standard, 13.2.3.2 "Determining the character encoding".
 */
export function sniffEncoding(body: Uint8Array, contentType: string | null): string {
  return sniff(body, contentType, contentType !== null && isXhtml(contentType))
}

/** That of any XML: byte order mark, then the header's charset, then the XML declaration, else UTF-8. Source: RFC 7303 3.2. */
export const sniffXmlEncoding = (body: Uint8Array, contentType: string | null): string => sniff(body, contentType, true)

function sniff(body: Uint8Array, contentType: string | null, xml: boolean): string {
  const label = contentType === null ? undefined : charsetOf(contentType)
  return sniffHtmlEncoding(body, { xml, ...(label === undefined ? {} : { transportLayerEncodingLabel: label }) })
}
