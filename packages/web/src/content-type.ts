/** The lower-case essence of a Content-Type header: `text/html` of `Text/HTML; charset=x`. */
const essence = (contentType: string): string => (contentType.split(';', 1)[0] ?? '').trim().toLowerCase()

/** Whether the header says HTML or XHTML, so that the body goes to a parser. A missing header says nothing: false. */
export function isHtml(contentType: string | null): boolean {
  return contentType !== null && (essence(contentType) === 'text/html' || isXhtml(contentType))
}

/** XHTML is HTML to a crawler, but its encoding is found by XML's rules. */
export const isXhtml = (contentType: string): boolean => essence(contentType) === 'application/xhtml+xml'

/**
 * The first `charset` parameter, unquoted; undefined when absent. Not yet a known encoding.
 * Source: WHATWG MIME Sniffing, parse a MIME type (parameter names are case-insensitive, a value may be a quoted string).
 */
export function charsetOf(contentType: string): string | undefined {
  const match = /;[\t\n\r ]*charset=(?:"((?:[^"\\]|\\.)*)"?|([^;]*))/i.exec(contentType)
  if (match === null) return undefined
  const value = match[1] === undefined ? match[2] : match[1].replace(/\\(.)/g, '$1')
  return value?.trim() || undefined
}
