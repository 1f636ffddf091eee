#!/usr/bin/env node
'use strict'
// The `warren` command. Plain JavaScript that Node 12 parses, so that an old Node can say what is missing instead of a syntax error.
const { existsSync } = require('fs')
const { join } = require('path')
const { pathToFileURL } = require('url')
const { NEEDED_MAJOR, isCurrent, pinnedNode, runNode } = require('./run-node.cjs')

const checkout = join(__dirname, '..', 'src', 'main.ts')
const main = existsSync(checkout) ? checkout : join(__dirname, '..', 'lib', 'main.js')
const pinned = isCurrent() ? undefined : pinnedNode(__dirname)

if (isCurrent()) {
  import(pathToFileURL(main).href).catch((error) => {
    process.stderr.write(`${(error && error.stack) || error}\n`)
    process.exitCode = 1
  })
} else if (pinned !== undefined) {
  runNode(pinned, [__filename].concat(process.argv.slice(2)))
} else {
  process.stderr.write(
    `warren: Cannot run on Node ${process.version} (${process.execPath}); it needs Node ${NEEDED_MAJOR} or newer: https://nodejs.org/en/download\n`,
  )
  process.exitCode = 2
}
