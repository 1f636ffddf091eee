/**
 * Preloaded (`--import`) into a role, makes its wall clock wrong by CLOCK_SKEW_MS, in its threads too, as on a machine whose clock is wrong;
 * the monotonic clock goes on as it is.
 */
const skewMs = Number(process.env['CLOCK_SKEW_MS'])
const RealDate = Date

globalThis.Date = new Proxy(RealDate, {
  construct: (target, args: [], made) => Reflect.construct(target, args.length === 0 ? [target.now() + skewMs] : args, made),
  apply: (target) => new target(target.now() + skewMs).toString(),
  get: (target, name) => (name === 'now' ? () => target.now() + skewMs : Reflect.get(target, name)),
})
