/** One grammar for every bad argument: "Cannot use <name>: <value> is not <what it must be>". */
function refuse(name: string, value: unknown, must: string): never {
  throw new RangeError(`Cannot use ${name}: ${String(value)} is not ${must}`)
}

/** Errors: RangeError unless `value` is an integer >= `min` that a number holds exactly. */
export function checkCount(name: string, value: number, min: number): void {
  if (!Number.isSafeInteger(value) || value < min) refuse(name, value, `an integer >= ${min}`)
}

/** Errors: RangeError unless `value` is a finite number >= 0. */
export function checkMs(name: string, value: number): void {
  if (!Number.isFinite(value) || value < 0) refuse(name, value, 'a finite number >= 0')
}

/** Errors: RangeError unless `value` is a finite number > 0. */
export function checkPositive(name: string, value: number): void {
  if (!Number.isFinite(value) || value <= 0) refuse(name, value, 'a finite number > 0')
}
