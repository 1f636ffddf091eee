/**
 * The URL of a meta refresh or Refresh header as written: '' when it only names a time (the page itself),
 * undefined when the time is not valid. Cost: linear. Source: HTML Standard, shared declarative refresh steps (4.2.5.3).
 */
export function parseRefresh(content: string): string | undefined {
  const time = /^[\t\n\f\r ]*(?:\d+|(?=\.))[\d.]*/.exec(content)
  if (time === null) return undefined
  const rest = content.slice(time[0].length)
  if (rest === '') return ''
  if (!/^[;,\t\n\f\r ]/.test(rest)) return undefined
  const target = rest.replace(/^[\t\n\f\r ]*[;,]?[\t\n\f\r ]*/, '')
  return unquote(target.replace(/^url[\t\n\f\r ]*=[\t\n\f\r ]*/i, ''))
}

/** Up to the closing quote, when it starts with one; a missing closing quote means the rest. */
function unquote(target: string): string {
  const quote = target[0]
  if (quote !== '"' && quote !== "'") return target
  const close = target.indexOf(quote, 1)
  return target.slice(1, close === -1 ? undefined : close)
}
