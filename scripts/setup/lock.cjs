'use strict'
// One set-up at a time. Each process that wants the lock puts down a file named after itself, then looks for files of others that live:
// of two that do so at the same time at least the later one sees the other, so never two hold it. A file whose process is dead is passed
// over and removed; since its name holds the start time of its process, nobody can remove the file of a living one by mistake.
const fs = require('fs')
const { join } = require('path')

const PREFIX = '.setup-lock.'
const LOOK_AGAIN_MS = 200

/** When a process started, in clock ticks since boot (Linux), so that a reused pid is another process; '0' where that cannot be known, null if it is dead. */
function startOf(pid) {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'latin1')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? null : fields[19]
  } catch {
    if (process.platform === 'linux') return null
  }
  try {
    process.kill(pid, 0)
    return '0'
  } catch (error) {
    return error.code === 'EPERM' ? '0' : null
  }
}

/** The pid of a living process that wants or holds the lock, or undefined. Removes what dead ones left. */
function otherHolder(root, mine) {
  for (const name of fs.readdirSync(root)) {
    if (!name.startsWith(PREFIX) || name === mine) continue
    const [pid, start] = name.slice(PREFIX.length).split('-')
    if (startOf(Number(pid)) === start) return pid
    fs.rmSync(join(root, name), { force: true })
  }
  return undefined
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

/**
 * Runs `action` while no other process runs one under the lock of the folder `root`; waits for it, and says so.
 * `action` gets a function that makes a child a holder too: if we are killed, the lock lasts until that child has ended.
 */
async function withLock(root, action) {
  const nameFor = (pid) => `${PREFIX}${pid}-${startOf(pid)}`
  const mine = nameFor(process.pid)
  const file = join(root, mine)
  let told
  for (;;) {
    let other = otherHolder(root, mine)
    if (other === undefined) {
      fs.writeFileSync(file, '')
      other = otherHolder(root, mine)
      if (other === undefined) break
      fs.rmSync(file, { force: true }) // both saw each other: both step back, for different times
    }
    if (told !== other) process.stderr.write(`Waiting for the set-up of process ${other} to end\n`)
    told = other
    await pause(LOOK_AGAIN_MS * (0.5 + Math.random()))
  }
  const held = [file]
  const holdAlso = (pid) => {
    held.push(join(root, nameFor(pid)))
    fs.writeFileSync(held[held.length - 1], '')
  }
  try {
    return await action(holdAlso)
  } finally {
    for (const name of held) fs.rmSync(name, { force: true })
  }
}

module.exports = { withLock }
