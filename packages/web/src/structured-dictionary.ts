import { isUtf8 } from 'node:buffer'

const KEY = /[a-z*][a-z0-9_.*-]*/y
const SPACES = / */y
const OPTIONAL_SPACE = /[ \t]*/y
/** Bare items of RFC 9651 3.3, each known by its first character. What may not follow one is refused by whoever reads on. */
const BARE_ITEM = new RegExp(
  [
    String.raw`-?(?:\d{1,12}\.\d{1,3}|\d{1,15})`, // Decimal, Integer
    String.raw`"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*"`, // String
    String.raw`[A-Za-z*][\w!#$%&'*+.^|~:/\x60-]*`, // Token
    ':(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==?)?|[A-Za-z0-9+/]{3}=?)?:', // Byte Sequence, its padding optional
    String.raw`\?[01]`, // Boolean
    String.raw`@-?\d{1,15}`, // Date
    String.raw`%"(?:[\x20\x21\x23\x24\x26-\x7e]|%[0-9a-f]{2})*"`, // Display String
  ].join('|'),
  'y',
)

/**
 * The members of a Structured Fields dictionary: each key with its value as it is written, without parameters. A Token is its own text, so
 * that `y` can be told from the String `"y"`; a key alone is `?1`, an inner list `()` whatever is in it; of equal keys the last one counts.
 * Undefined for what is no dictionary; never throws. Several lines of one field are joined by commas before. Cost: linear.
 * Source: RFC 9651 3.2 and 4.2.2.
 */
export function parseDictionary(value: string): ReadonlyMap<string, string> | undefined {
  const members = new Map<string, string>()
  let at = 0
  const take = (form: RegExp): string | undefined => {
    form.lastIndex = at
    const found = form.exec(value)?.[0]
    at += found?.length ?? 0
    return found
  }
  const takeBareItem = (): string | undefined => {
    const item = take(BARE_ITEM)
    return item?.startsWith('%') && !isDisplayString(item) ? undefined : item
  }
  const takeParameters = (): boolean => {
    while (value[at] === ';') {
      at++
      take(SPACES)
      if (take(KEY) === undefined) return false
      if (value[at] !== '=') continue
      at++
      if (takeBareItem() === undefined) return false
    }
    return true
  }
  const takeInnerList = (): string | undefined => {
    for (at++; ; ) {
      take(SPACES)
      if (value[at] === ')') break
      if (takeBareItem() === undefined || !takeParameters()) return undefined
      if (value[at] !== ' ' && value[at] !== ')') return undefined
    }
    at++
    return '()'
  }

  take(SPACES)
  while (at < value.length) {
    const key = take(KEY)
    if (key === undefined) return undefined
    const given = value[at] === '='
    if (given) at++
    const member = !given ? '?1' : value[at] === '(' ? takeInnerList() : takeBareItem()
    if (member === undefined || !takeParameters()) return undefined
    members.set(key, member)
    take(OPTIONAL_SPACE)
    if (at === value.length) break
    if (value[at++] !== ',') return undefined
    take(OPTIONAL_SPACE)
    if (at === value.length) return undefined // a comma that nothing follows
  }
  return members
}

/** RFC 9651 4.2.10: the octets that it escapes are UTF-8. */
const isDisplayString = (item: string): boolean =>
  isUtf8(
    Buffer.from(
      item.replace(/%([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
      'latin1',
    ),
  )
