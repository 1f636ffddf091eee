import { onAbort, type Waiting } from './abort.ts'
import { oneError } from './children.ts'

export type Resource = AsyncDisposable | Disposable

/** Releases `resource`, asynchronously if it can be. */
export const releaseResource = (resource: Resource): unknown =>
  Symbol.asyncDispose in resource ? resource[Symbol.asyncDispose]() : resource[Symbol.dispose]()

export interface AcquireOptions<T> extends Waiting {
  /** Ends the resource. Default: its own dispose. */
  readonly release: (resource: T) => unknown
}

/**
 * Resources that live no longer than their scope. Disposing it releases them in the reverse order of their arrival, each one
 * awaited before the next, all of them even if some fail. It needs no AsyncDisposableStack of the platform.
 * Invariant: each resource is released once, by this scope or by the one that it was moved to.
 */
export class ResourceScope implements AsyncDisposable {
  #holding: Holding | undefined = new Holding()
  #released: Promise<void> | undefined

  /** Owns `resource` from now on, and returns it. Errors: TypeError when disposed or moved; the resource is then not owned. */
  use<T extends Resource>(resource: T): T {
    return this.adopt(resource, releaseResource)
  }

  /** Owns `value`, which `release` ends, and returns it. Errors: as `use`. */
  adopt<T>(value: T, release: (value: T) => unknown): T {
    this.#held().releases.push(() => release(value))
    return value
  }

  /** Runs `release` when its turn has come. Errors: as `use`. */
  defer(release: () => unknown): void {
    this.#held().releases.push(release)
  }

  /**
   * Waits for `open`, and owns what it brings.
   * Cancel safety: yes; when `signal` aborts, `open`'s does, and the call rejects at once. A resource that comes too late is
   * released as it comes, and disposing the scope waits for that, also for an `open` that pays no heed. Disposing the scope
   * cancels what is still opening.
   * Errors: those of `open`, which are dropped when they come too late; `signal.reason`; as `use`.
   */
  acquire<T extends Resource>(open: (signal: AbortSignal) => Promise<T>, options?: Waiting): Promise<T>
  acquire<T>(open: (signal: AbortSignal) => Promise<T>, options: AcquireOptions<T>): Promise<T>
  async acquire<T>(
    open: (signal: AbortSignal) => Promise<T>,
    { signal, release = (value) => releaseResource(value as Resource) }: Waiting & Partial<AcquireOptions<T>> = {},
  ): Promise<T> {
    signal?.throwIfAborted()
    return this.#held().acquire(open, release, signal)
  }

  /** Passes everything on, also what is still opening, to a new scope; this one is then empty and disposed. Errors: as `use`. */
  move(): ResourceScope {
    const moved = new ResourceScope()
    moved.#holding = this.#held()
    this.#holding = undefined
    return moved
  }

  /**
   * Releases everything. A second call waits for the first and is silent about its failures.
   * Errors: that of a release, AggregateError for several, in the order they came.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    const holding = this.#holding
    this.#holding = undefined
    if (holding === undefined) return this.#released?.catch(() => {})
    this.#released = holding.release()
    await this.#released
  }

  #held(): Holding {
    if (this.#holding === undefined) throw new TypeError('Cannot use the scope: it is disposed or moved')
    return this.#holding
  }
}

/** What passes from a scope to the one that it is moved to. */
class Holding {
  readonly releases: (() => unknown)[] = []
  readonly #opening = new Set<Promise<void>>()
  readonly #end = new AbortController()
  readonly #failures: unknown[] = []

  acquire<T>(open: (signal: AbortSignal) => Promise<T>, release: (value: T) => unknown, signal: AbortSignal | undefined): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    const cut = new AbortController()
    const giveUp = (reason: unknown) => {
      reject(reason) // before the abort, so that the caller sees the reason and not what `open` makes of it
      cut.abort(reason)
    }
    const links = [onAbort(signal, giveUp), onAbort(this.#end.signal, giveUp)]
    const bring = async () => {
      try {
        const value = await open(cut.signal)
        if (cut.signal.aborted) return () => release(value)
        this.releases.push(() => release(value))
        resolve(value)
      } catch (error) {
        reject(error)
      } finally {
        for (const link of links) link[Symbol.dispose]()
      }
      return () => {}
    }
    const opening = bring()
      .then((releaseLate) => releaseLate())
      .catch((error) => void this.#failures.push(error))
      .then(() => void this.#opening.delete(opening))
    this.#opening.add(opening)
    return promise
  }

  async release(): Promise<void> {
    this.#end.abort(new DOMException('The scope is disposed', 'AbortError'))
    await Promise.all(this.#opening) // the latest resources, so the first to go
    for (const release of this.releases.reverse()) {
      try {
        await release()
      } catch (error) {
        this.#failures.push(error)
      }
    }
    if (this.#failures.length > 0) throw oneError(this.#failures, 'releases')
  }
}

/**
 * Builds a value out of resources: `build` opens them in its scope. If it fails half-way, what was open is released before its
 * failure is thrown; else the value owns them, and disposing it releases them.
 * Cancel safety: as `build`'s own; nothing stays open. Errors: that of `build`; an AggregateError of it and that of releasing.
 */
export async function scoped<T extends object>(
  build: (scope: ResourceScope) => Promise<T>,
  { signal }: Waiting = {},
): Promise<T & AsyncDisposable> {
  signal?.throwIfAborted()
  const scope = new ResourceScope()
  const dispose = () => scope[Symbol.asyncDispose]()
  try {
    return Object.assign(await build(scope), { [Symbol.asyncDispose]: dispose })
  } catch (failure) {
    const failures = [failure]
    await dispose().catch((error) => failures.push(error))
    throw oneError(failures, 'steps')
  }
}
