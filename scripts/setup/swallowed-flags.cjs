'use strict'

/** The flags of each command, with whether they take a value; a test compares `crawl` with the commander declarations. */
const FLAGS = {
  crawl: {
    seeds: true,
    out: true,
    'max-pages': true,
    'max-depth': true,
    'max-time': true,
    'max-bytes': true,
    scope: true,
    include: true,
    exclude: true,
    canonical: true,
    delay: true,
    concurrency: true,
    'host-concurrency': true,
    rate: true,
    'allow-address': true,
    resolve: true,
    contact: true,
    'give-up': true,
    'depth-order': true,
    'max-body': true,
    'retry-delay': true,
    'user-agent': true,
    'address-slots': true,
    'address-spacing': true,
    'max-pages-per-host': true,
    'max-bytes-per-host': true,
    'max-time-per-host': true,
    priority: true,
    'keep-passes': true,
    'recrawl-every': true,
    recrawl: false,
    due: false,
    again: false,
  },
  test: { long: false },
  build: { pack: true },
  bench: {
    only: true,
    runs: true,
    out: true,
    list: false,
    write: false,
    pages: true,
    hosts: true,
    latency: true,
    mode: true,
    urls: true,
    coordinators: true,
    setup: true,
    seconds: true,
    minutes: true,
    warm: true,
    layouts: true,
    buffers: true,
    partitions: true,
    rounds: true,
  },
}

/** The first word of `npm run bench` may be one of these, which is no flag's value. */
const BENCHES = ['async', 'crawl', 'frontier', 'churn', 'layouts']

/** Settings of npm itself that a user's .npmrc or environment may well hold; only npm's own command line tells them apart from ours. */
const ALSO_OF_NPM = ['scope', 'include', 'only', 'user-agent']

/**
 * One line with the right command if npm took flags that were meant for us, because `--` was missing; else undefined.
 * npm hands such a flag down as `npm_config_<flag>`: with its value (npm up to 10), or as `true` with the value left among the arguments (npm 11).
 */
function swallowedFlags(command, args, env) {
  const known = FLAGS[command] || {}
  const taken = Object.keys(known).filter((flag) => {
    const value = env[`npm_config_${flag.replace(/-/g, '_')}`]
    return value !== undefined && value !== '' && !(flag === 'user-agent' && /^npm\//.test(value)) // npm always sets its own
  })
  if (taken.every((flag) => ALSO_OF_NPM.includes(flag))) return undefined
  const name = command === 'bench' && BENCHES.includes(args[0]) ? [args[0]] : []
  const rest = args.slice(name.length)
  const words = taken.map((flag) => {
    const value = env[`npm_config_${flag.replace(/-/g, '_')}`]
    if (!known[flag]) return `--${flag}`
    if (value !== 'true') return `--${flag} ${value.split('\n\n')[0]}`
    const loose = taken.filter((other) => known[other]).length === 1 ? rest.findIndex((word) => !/^https?:/.test(word)) : -1
    return `--${flag} ${loose < 0 ? '…' : rest.splice(loose, 1)[0]}`
  })
  const urls = rest.filter((word) => /^[a-z]+:\/\//.test(word))
  const npm = command === 'test' ? 'npm test' : `npm run ${command}`
  const many = taken.length > 1
  return `npm kept ${taken.map((flag) => `--${flag}`).join(', ')} for itself: put -- before ${many ? 'them' : 'it'}, as in \`${[npm, '--'].concat(name, urls, words).join(' ')}\``
}

module.exports = { FLAGS, swallowedFlags }
