import { CancelScope, ResourceScope, scoped, shield, sleep, TaskTracker } from '@warren/async'

/** Opens a database that needs a lock, and closes both in reverse, whatever happens. */
export async function example(print: (line: string) => void): Promise<void> {
  const lock = async (): Promise<AsyncDisposable> => {
    print('lock taken')
    return { [Symbol.asyncDispose]: async () => print('lock released') }
  }
  const connect = async (isUp: boolean): Promise<{ close(): Promise<void> }> => {
    if (!isUp) throw new Error('nobody answers')
    print('connected')
    return { close: async () => print('disconnected') }
  }

  /** A construction that fails half-way closes what was open; else what it built owns it all. */
  const openDatabase = (isUp: boolean) =>
    scoped(async (scope) => {
      await scope.acquire(lock)
      const connection = await scope.acquire(() => connect(isUp), { release: (connection) => connection.close() })
      return { name: 'pages', connection }
    })
  await openDatabase(false).catch((error) => print(`failed: ${error.message}`))
  {
    await using database = await openDatabase(true)
    print(`works with ${database.name}`)
  }

  // A deadline cuts the opening: the call ends at once, and the connection that comes too late is closed all the same.
  {
    await using scope = new ResourceScope()
    using limit = new CancelScope({ deadlineMs: 1 })
    const slowly = () => sleep(5).then(() => connect(true))
    await scope.acquire(slowly, { release: (connection) => connection.close(), signal: limit.signal }).catch(({ name }) => print(name))
  }

  // Clean-up that nobody wants to wait for now goes to an owner who is awaited in the end.
  await using tracker = new TaskTracker({ onError: (error) => print(`clean-up failed: ${error}`) })
  tracker.release({
    [Symbol.asyncDispose]: async () => {
      // No cancellation reaches it, but its time is limited.
      await shield((signal) => sleep(1, { signal }), { graceMs: 1_000 })
      print('temporary files removed')
    },
  })
  print(`${tracker.size} clean-up under way`)
}

/* Prints:
 * lock taken
 * lock released
 * failed: nobody answers
 * lock taken
 * connected
 * works with pages
 * disconnected
 * lock released
 * TimeoutError
 * connected
 * disconnected
 * 1 clean-up under way
 * temporary files removed
 */
