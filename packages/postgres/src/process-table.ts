import { execFile } from 'node:child_process'
import { readFile, stat } from 'node:fs/promises'
import { promisify } from 'node:util'
import { errnoOf } from './fault.ts'

/** Whether a process of that id exists; one that we may not signal exists too. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return errnoOf(error) === 'EPERM'
  }
}

/** Signals a process that may have gone meanwhile. */
export function signalIfAlive(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw error
  }
}

/** Owner and command line (arguments joined by spaces) of a process; undefined when it is gone, or a zombie. */
export async function inspectProcess(pid: number): Promise<{ uid: number; command: string } | undefined> {
  try {
    if (process.platform === 'linux') {
      const command = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ').trim()
      return command === '' ? undefined : { uid: (await stat(`/proc/${pid}`)).uid, command }
    }
    const { stdout } = await promisify(execFile)('/bin/ps', ['-ww', '-o', 'uid=,command=', '-p', String(pid)])
    const match = /^\s*(\d+)\s+(.*)$/m.exec(stdout)
    return match === null ? undefined : { uid: Number(match[1]), command: match[2] ?? '' }
  } catch {
    return undefined // gone between two looks
  }
}
