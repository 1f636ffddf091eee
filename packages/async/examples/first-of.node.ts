import { channel, select, sleep } from '@warren/async'

/** A message, three seconds, or Ctrl-C, whichever comes first. */
const interrupted = new AbortController()
process.once('SIGINT', () => interrupted.abort())
const { sender, receiver } = channel<string>(1)
process.stdin.on('data', (line) => sender.trySend(String(line).trim()))

console.log('Say something within three seconds, or press Ctrl-C.')
const first = await select({
  interrupt: interrupted.signal,
  message: receiver,
  quiet: (signal) => sleep(3_000, { signal }),
})
process.stdin.destroy() // nothing else is left open: the process ends by itself

switch (first.branch) {
  case 'interrupt':
    console.log('Interrupted.')
    process.exitCode = 130
    break
  case 'message':
    console.log(`You said: ${first.value}`)
    break
  case 'quiet':
    console.log('Silence.')
    process.exitCode = 1
    break
}
