/** A field or variable whose value is nobody's business. */
const SECRET_FIELD =
  /"((?:[^"\\]|\\.)*(?:password|passwd|token|secret|authorization|cookie|api[-_]?key|private[-_]?key)(?:[^"\\]|\\.)*)":"(?:[^"\\]|\\.)*"/gi
/** User and password in a URL end at the last @ of the authority; */
const HTTP_CREDENTIALS = /\b(https?:\/\/)(?:[^\s"\\/?#]|\\.)*@/gi
/** in other schemes people forget to encode a slash in the password, so there it is the last @ of all. */
const OTHER_CREDENTIALS = /\b(?!https?:)([a-z][a-z0-9+.-]*:\/\/)(?:[^\s"\\]|\\.)*@/gi
/** libpq and many HTTP APIs take them as parameters too. */
const SECRET_PARAMETER = /([?&](?:[\w.-]*(?:password|passwd|token|secret|api[-_]?key|signature))=)[^&\s"#\\]+/gi

/** `text` (plain or a line of JSON) without passwords, tokens and the credentials of URLs. Cost: linear, four passes. */
export function redact(text: string): string {
  return text
    .replace(SECRET_FIELD, '"$1":"***"')
    .replace(HTTP_CREDENTIALS, '$1***@')
    .replace(OTHER_CREDENTIALS, '$1***@')
    .replace(SECRET_PARAMETER, '$1***')
}
