import { isHtml } from '@warren/web'

/** What is done with a body: kept for a parser or a digest, or read past so that its connection can be used again. */
export type BodyUse = 'keep' | 'discard'

const TEXT_LIKE = /^(?:text\/|application\/(?:xml|json|xhtml\+xml|javascript|x-ndjson|(?!.*\b(?:zip|octet)).+\+(?:xml|json))\s*(?:;|$))/i

/**
 * Which bodies are worth their bytes: of 2xx and 4xx (429 apart), when they are HTML, other text, XML, JSON, or of no stated type.
 * Redirects and server errors have their say in the headers; images, video and archives are recorded by their headers.
 */
export function bodyUse(status: number, contentType: string | null): BodyUse {
  const worth = (status >= 200 && status < 300) || (status >= 400 && status < 500 && status !== 429)
  return worth && (contentType === null || isHtml(contentType) || TEXT_LIKE.test(contentType)) ? 'keep' : 'discard'
}

/** Whether an answer goes to a parser: 2xx with an HTML or XHTML body, stated or, without a statement, as it looks. */
export function isPage(status: number, contentType: string | null, body: Uint8Array): boolean {
  if (status < 200 || status >= 300) return false
  return contentType === null ? looksLikeHtml(body) : isHtml(contentType)
}

const HTML_TAGS = 'html|head|script|iframe|h1|div|font|table|a|style|title|b|body|br|p'
const HTML_START = new RegExp(`^(?:\\xEF\\xBB\\xBF)?[\\t\\n\\f\\r ]*(?:<!doctype html[ >]|<(?:${HTML_TAGS})[ >]|<!--)`, 'i')
/** Source: WHATWG MIME Sniffing, 5.2: at most so many bytes are looked at. */
const SNIFF_BYTES = 1_445

/** Source: WHATWG MIME Sniffing, 7.1, the rows for text/html. */
export function looksLikeHtml(body: Uint8Array): boolean {
  return HTML_START.test(Buffer.from(body.buffer, body.byteOffset, Math.min(body.byteLength, SNIFF_BYTES)).toString('latin1'))
}
