'use strict'
// The set-up step of every command of the README: `node scripts/setup.cjs <command> [args...]`.
// Plain JavaScript that Node 12 parses, because it runs on whatever Node the machine has, before anything is installed.
// It makes sure that node_modules is the tree that package-lock.json describes, then runs the command on the Node pinned in that tree.
const { existsSync } = require('fs')
const { join } = require('path')
const { pinnedNode, isCurrent, runNode } = require('../packages/cli/bin/run-node.cjs')
const { ensureInstalled } = require('./setup/install.cjs')
const { swallowedFlags } = require('./setup/swallowed-flags.cjs')

const root = join(__dirname, '..')
const OLDEST_NODE = 18 // the oldest whose npm reads this lock file

function fail(message) {
  process.stderr.write(`warren: ${message}\n`)
  process.exit(2)
}

async function main(command, args) {
  if (Number(process.versions.node.split('.')[0]) < OLDEST_NODE)
    fail(
      `Cannot set up on Node ${process.version} (${process.execPath}); it takes Node ${OLDEST_NODE} or newer, which then installs its own`,
    )
  const script = command === 'crawl' ? join(root, 'packages/cli/bin/warren.cjs') : join(root, 'scripts', `${command}.ts`)
  if (command === undefined || !existsSync(script)) fail(`Cannot run the command ${command}: there is no ${script}`)
  const swallowed = swallowedFlags(command, args, process.env)
  if (swallowed !== undefined) fail(swallowed)

  await ensureInstalled(root)

  const node = pinnedNode(root) || (isCurrent() ? process.execPath : undefined)
  if (node === undefined)
    fail(
      `Cannot run on ${process.platform} ${process.arch} with Node ${process.version}: there is no Node binary for it on npm; install Node 24 or newer`,
    )
  const separator = process.platform === 'win32' ? ';' : ':'
  const env = Object.assign({}, process.env, { PATH: `${join(root, 'node_modules', '.bin')}${separator}${process.env.PATH || ''}` })
  runNode(node, [script].concat(command === 'crawl' ? ['crawl'] : [], args), {
    env,
    underParent: process.env.npm_lifecycle_event !== undefined,
  })
}

main(process.argv[2], process.argv.slice(3)).catch((error) => {
  process.stderr.write(`warren: ${error.isExpected === true ? error.message : error.stack}\n`)
  process.exit(error.exitCode || 1)
})
