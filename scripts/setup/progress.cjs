'use strict'

const PLAIN_LINE_EVERY_MS = 10000

/** Says what is going on while it goes on: a line with the elapsed time on a terminal, a plain line now and then elsewhere. On stderr. */
function progress(title) {
  const startedAt = Date.now()
  const out = process.stderr
  const live = out.isTTY === true
  const seconds = () => `${Math.round((Date.now() - startedAt) / 1000)} s`
  const line = () => out.write(live ? `\r\x1b[K${title} ... ${seconds()}` : `${title} ... ${seconds()}\n`)
  if (live) line()
  else out.write(`${title}\n`)
  const timer = setInterval(line, live ? 500 : PLAIN_LINE_EVERY_MS)
  const stop = () => {
    clearInterval(timer)
    if (live) out.write('\r\x1b[K')
  }
  return {
    stop,
    done(word) {
      stop()
      out.write(`${word} in ${seconds()}\n`)
    },
  }
}

module.exports = { progress }
