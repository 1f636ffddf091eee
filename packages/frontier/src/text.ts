const NUL = /\0/g

/**
 * Text from the web as Postgres can hold it: U+0000 is dropped, lone surrogates become U+FFFD.
 * Cost: one scan when there is nothing to do.
 */
export function storable(text: string): string {
  const whole = text.isWellFormed() ? text : text.toWellFormed()
  return whole.includes('\0') ? whole.replace(NUL, '') : whole
}

/** `storable` for every string in `value`; for JSON arguments, where an escaped U+0000 or surrogate is refused too. */
export function storableJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => (typeof inner === 'string' ? storable(inner) : inner))
}
