import { mapConcurrentOrdered, Semaphore, sleep } from '@warren/async'

/** Unpacks archives, four at once, but never more than 100 MB together. */
export async function example(print: (line: string) => void): Promise<void> {
  const memory = new Semaphore(100)
  let most = 0
  const unpack = async (megabytes: number, signal: AbortSignal): Promise<string> => {
    using _share = await memory.acquire({ weight: megabytes, signal }) // given back at the end of the block
    most = Math.max(most, 100 - memory.available)
    await sleep(1, { signal })
    return `${megabytes} MB unpacked`
  }
  for await (const line of mapConcurrentOrdered([60, 30, 50, 10, 80], 4, unpack)) print(line)
  print(`at most ${most} MB at once`)
}

/* Prints:
 * 60 MB unpacked
 * 30 MB unpacked
 * 50 MB unpacked
 * 10 MB unpacked
 * 80 MB unpacked
 * at most 90 MB at once
 */
