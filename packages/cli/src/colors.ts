import pc from 'picocolors'

/**
 * Colours for what is written to `stream`: on a terminal only, each stream for itself, since either may be a file.
 * NO_COLOR and FORCE_COLOR overrule. Source: https://no-color.org.
 */
export function colorsOf(stream: NodeJS.WriteStream): ReturnType<typeof pc.createColors> {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env
  return pc.createColors(!NO_COLOR && (Boolean(FORCE_COLOR) || (stream.isTTY === true && TERM !== 'dumb')))
}
