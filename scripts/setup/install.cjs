'use strict'
const { spawn } = require('child_process')
const { createHash } = require('crypto')
const fs = require('fs')
const { join } = require('path')
const { hasPinnedNode, pinnedNode } = require('../../packages/cli/bin/run-node.cjs')
const { withLock } = require('./lock.cjs')
const { progress } = require('./progress.cjs')

/** An error that is told to the user in one line, without a stack. */
function expected(message, exitCode) {
  return Object.assign(new Error(message), { isExpected: true, exitCode: exitCode || 4 })
}

/** What the tree was made from: another lock file, system or processor needs another tree. */
function wantedStamp(root) {
  const lock = createHash('sha256')
    .update(fs.readFileSync(join(root, 'package-lock.json')))
    .digest('hex')
  return JSON.stringify({ lock, platform: process.platform, arch: process.arch })
}

function readIfThere(file) {
  try {
    return fs.readFileSync(file, 'utf8')
  } catch (error) {
    if (error.code === 'ENOENT') return undefined
    throw error
  }
}

/**
 * True if a plain `npm ci` or `npm install` already made the full tree: npm writes node_modules/.package-lock.json last, so it tells what is there.
 * Packages for other systems are in the lock file only.
 */
function isCompleteTree(root) {
  const written = readIfThere(join(root, 'node_modules', '.package-lock.json'))
  if (written === undefined || !hasItsNode(root)) return false
  const there = JSON.parse(written).packages
  const wanted = JSON.parse(fs.readFileSync(join(root, 'package-lock.json'), 'utf8')).packages
  const isOurs = (list, value) => list === undefined || list.includes(value)
  return Object.keys(wanted).every((path) => {
    const entry = wanted[path]
    if (!path.includes('node_modules/') || entry.libc !== undefined) return true
    if (entry.optional === true && !(entry.os && isOurs(entry.os, process.platform) && isOurs(entry.cpu, process.arch))) return true
    return there[path] !== undefined && there[path].version === entry.version && fs.existsSync(join(root, path))
  })
}

/** False if the Node binary for this machine should be in the tree and is not. */
const hasItsNode = (root) => !hasPinnedNode() || pinnedNode(root) !== undefined

/** Makes node_modules the full tree of package-lock.json, once, however many commands start at the same time. */
async function ensureInstalled(root) {
  const stampFile = join(root, 'node_modules', '.warren-stamp')
  const wanted = wantedStamp(root)
  const isReady = () => readIfThere(stampFile) === wanted && hasItsNode(root)
  if (isReady()) return
  try {
    await withLock(root, async (holdAlso) => {
      if (isReady()) return
      if (!isCompleteTree(root)) await install(root, holdAlso)
      fs.writeFileSync(stampFile, wanted)
    })
  } catch (error) {
    if (['EACCES', 'EPERM', 'EROFS'].includes(error.code))
      throw expected(`Cannot write ${error.path}: ${error.code}; set-up needs a writable ${root}`)
    throw error
  }
}

async function install(root, holdAlso) {
  const report = progress('Installing the packages of package-lock.json (about 600 MB, half a minute)')
  const { code, signal, output } = await npmCi(root, holdAlso)
  if (code === 0) {
    report.done('Installed')
    return
  }
  report.stop()
  if (signal !== null) throw expected(`Set-up was stopped by ${signal}; the same command starts it again`, 130)
  throw expected(explain(output))
}

/** Runs `npm ci` for the whole tree, whatever the user's settings leave out. Scripts are not needed and not run: the same tree for everybody. */
function npmCi(root, holdAlso) {
  const flags = [
    'ci',
    '--ignore-scripts',
    '--include=dev',
    '--include=optional',
    '--no-audit',
    '--no-fund',
    '--no-engine-strict',
    '--loglevel=error',
  ]
  const underNpm = process.env.npm_execpath !== undefined && /npm-cli\.[cm]?js$/.test(process.env.npm_execpath)
  const command = underNpm ? process.env.npm_node_execpath || process.execPath : 'npm'
  const env = Object.assign({}, process.env)
  for (const name of Object.keys(env))
    if (/^npm_config_(workspaces?|global|omit|only|production|dry_run|package_lock_only)$/.test(name)) delete env[name]
  const child = spawn(command, (underNpm ? [process.env.npm_execpath] : []).concat(flags), {
    cwd: root,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    shell: !underNpm && process.platform === 'win32',
  })
  if (child.pid !== undefined) holdAlso(child.pid)
  let output = ''
  const keep = (chunk) => {
    output = (output + chunk).slice(-20000)
  }
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  let stopped = null
  const stop = (signal) => {
    stopped = stopped || signal
    child.kill('SIGTERM')
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, stop)
  return new Promise((resolve) => {
    const end = (code) => {
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.removeListener(signal, stop)
      resolve({ code, signal: stopped, output })
    }
    child.on('error', (error) => {
      output += error.code === 'ENOENT' ? 'npm ERR! code ENONPM' : error.message
      end(1)
    })
    child.on('close', end)
  })
}

/** npm's pages of output in one line: what is wrong, which value, what to do. */
function explain(output) {
  const found = /npm (?:error|ERR!) code (\S+)/.exec(output)
  const code = found === null ? 'unknown' : found[1]
  const host = /(?:request to|GET) (https?:\/\/[^/\s]+)/.exec(output)
  const registry = `the npm registry${host === null ? '' : ` ${host[1]}`}`
  switch (code) {
    case 'ENONPM':
      return 'Cannot install packages: there is no npm beside this Node; install npm 9 or newer'
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'ECONNREFUSED':
    case 'ECONNRESET':
    case 'ENETUNREACH':
    case 'EHOSTUNREACH':
    case 'ETIMEDOUT':
    case 'ERR_SOCKET_TIMEOUT':
    case 'ENOTCACHED':
      return `Cannot reach ${registry} (${code}); connect to the network, or set another one with \`npm config set registry\`, and run the command again`
    case 'E401':
    case 'E403':
    case 'E404':
    case 'E500':
    case 'E502':
    case 'E503':
      return `Cannot get a package from ${registry} (${code}); see \`npm config get registry\``
    case 'ENOSPC':
      return 'Cannot install packages: the disk is full; about 1 GB is needed'
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return `Cannot write node_modules (${code}); make the checkout writable for this user`
    case 'EUSAGE':
      return 'Cannot install packages: package-lock.json does not fit package.json; run `npm install`'
    case 'EINTEGRITY':
      return `Cannot install packages: a download differs from its checksum in package-lock.json (${code}); run \`npm cache verify\` and try again`
    default: {
      const lines = output.split('\n').filter((line) => /npm (?:error|ERR!)/.test(line) && !/A complete log|code /.test(line))
      const first = lines.length === 0 ? output.trim().split('\n').pop() : lines[0].replace(/npm (?:error|ERR!)\s*/, '')
      return `Cannot install packages: ${first || 'npm said nothing'} (${code}); run \`npm ci\` to see all of it`
    }
  }
}

module.exports = { ensureInstalled, explain, isCompleteTree }
