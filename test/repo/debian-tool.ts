import { join } from 'node:path'
import { provision } from '@warren/testkit'

/** The path of a program of Debian's prometheus package, installed or fetched. */
export async function debianTool(name: 'prometheus' | 'promtool'): Promise<string> {
  const found = await provision('prometheus')
  if (found.source !== 'local' && found.source !== 'apt') throw new Error(`Cannot run ${name}: it came as ${found.source}`)
  return join(found.root, 'usr/bin', name)
}
