/** A URL in plain text or inside a JSON string, where it may hold escapes but no line break. */
const URL_TEXT = /\b([a-z][a-z0-9+.-]{0,30}:\/\/)((?:[^\s"\\]|\\[^nrt])*)/gi
/** libpq and many HTTP APIs take credentials as parameters. */
const SECRET_PARAMETER = /([?&][\w.-]{0,40}?(?:password|passwd|token|secret|api[-_]?key|signature)=)[^&\s"#\\]+/gi
/** A string of a line of JSON, with its value if it is the key of another string. */
const JSON_STRING = /"((?:[^"\\]|\\.)*)"(:"(?:[^"\\]|\\.)*")?/g
const SECRET_KEY = /password|passwd|token|secret|authorization|cookie|api[-_]?key|private[-_]?key/i

/** `text` without the credentials in its URLs. Cost: linear, also for hostile text. */
export function redact(text: string): string {
  return text.replace(URL_TEXT, withoutCredentials).replace(SECRET_PARAMETER, '$1***')
}

/** As `redact` for one line of JSON, which stays JSON; fields with secret names lose their value as well. */
export function redactJson(line: string): string {
  return redact(line.replace(JSON_STRING, (pair, key: string, value?: string) => (value && SECRET_KEY.test(key) ? `"${key}":"***"` : pair)))
}

/**
 * User and password end at the last @ of the authority. In schemes other than HTTP people forget to encode a slash in a
 * password, so there the last @ of all ends them; an HTTP path may well have an @ of its own.
 */
function withoutCredentials(url: string, scheme: string, rest: string): string {
  const authorityEnd = /^https?:/i.test(scheme) ? rest.search(/[/?#]|\\\\/) : -1
  const at = (authorityEnd < 0 ? rest : rest.slice(0, authorityEnd)).lastIndexOf('@')
  return at < 0 ? url : `${scheme}***${rest.slice(at)}`
}
