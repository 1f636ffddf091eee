/**
 * What the cases use of the libraries, and no more: so types are checked without installing them. They are not the libraries' own
 * types, which are wider; that the calls are right is proven by the check of each case's result.
 */
declare module 'p-limit' {
  interface Limit {
    <R>(fn: () => Promise<R> | R): Promise<R>
    map<T, R>(items: Iterable<T>, fn: (item: T) => Promise<R>): Promise<R[]>
  }
  export default function pLimit(concurrency: number): Limit
}

declare module 'p-map' {
  interface Options {
    readonly concurrency: number
    readonly signal?: AbortSignal
    readonly preserveOrder?: boolean
  }
  export default function pMap<T, R>(items: Iterable<T>, fn: (item: T) => Promise<R>, options: Options): Promise<R[]>
  export function pMapIterable<T, R>(items: Iterable<T>, fn: (item: T) => Promise<R>, options: Options): AsyncIterable<R>
}

declare module 'p-queue' {
  export default class PQueue {
    constructor(options: { readonly concurrency: number })
    add<R>(fn: () => Promise<R> | R, options?: { readonly priority?: number; readonly signal?: AbortSignal }): Promise<R>
    onIdle(): Promise<void>
    onSizeLessThan(limit: number): Promise<void>
  }
}

declare module 'fastq' {
  interface Queue<T, R> {
    push(item: T): Promise<R>
    drained(): Promise<void>
  }
  const fastq: { readonly promise: <T, R>(worker: (item: T) => Promise<R>, concurrency: number) => Queue<T, R> }
  export default fastq
}

declare module 'async-sema' {
  export class Sema {
    constructor(permits: number, options?: { readonly capacity?: number })
    acquire(): Promise<unknown>
    release(): void
  }
}

declare module 'async-mutex' {
  export class Semaphore {
    constructor(permits: number)
    acquire(weight?: number, priority?: number): Promise<[value: number, release: () => void]>
  }
}

declare module 'p-retry' {
  interface Options {
    readonly retries: number
    readonly minTimeout: number
    readonly randomize?: boolean
    readonly signal?: AbortSignal
  }
  export default function pRetry<R>(fn: (attempt: number) => Promise<R>, options: Options): Promise<R>
}

declare module 'p-timeout' {
  export default function pTimeout<R>(
    promise: Promise<R>,
    options: { readonly milliseconds: number; readonly signal?: AbortSignal },
  ): Promise<R>
}

declare module 'limiter' {
  export class RateLimiter {
    constructor(options: { readonly tokensPerInterval: number; readonly interval: number })
    removeTokens(count: number): Promise<number>
  }
}

declare module 'bottleneck' {
  interface Options {
    readonly minTime?: number
    readonly maxConcurrent?: number
    readonly reservoir?: number
    readonly reservoirIncreaseAmount?: number
    readonly reservoirIncreaseInterval?: number
    readonly reservoirIncreaseMaximum?: number
  }
  export default class Bottleneck {
    constructor(options: Options)
    schedule<R>(fn: () => Promise<R>): Promise<R>
    static readonly Group: new (
      options: Options & { readonly timeout?: number },
    ) => { key(name: string): Bottleneck; disconnect(): Promise<void> }
  }
}

declare module 'effect/Effect' {
  export interface Effect<A> {
    [Symbol.iterator](): Iterator<Effect<unknown>, A, unknown>
  }
  interface Many {
    readonly concurrency: number | 'unbounded'
    readonly discard?: boolean
  }
  export function gen<A>(body: () => Generator<Effect<unknown>, A, unknown>): Effect<A>
  export function succeed<A>(value: A): Effect<A>
  export function fail(error: unknown): Effect<never>
  export function sync<A>(fn: () => A): Effect<A>
  export function promise<A>(fn: () => Promise<A>): Effect<A>
  export function tryPromise<A>(fn: () => Promise<A>): Effect<A>
  export function forEach<T, A>(items: Iterable<T>, fn: (item: T) => Effect<A>, options: Many): Effect<A[]>
  export function forkChild<A>(effect: Effect<A>): Effect<import('effect/Fiber').Fiber<A>>
  export function flatMap<A, B>(effect: Effect<A>, fn: (value: A) => Effect<B>): Effect<B>
  export function map<A, B>(effect: Effect<A>, fn: (value: A) => B): Effect<B>
  export function retry<A>(effect: Effect<A>, options: { readonly times: number }): Effect<A>
  export function orElseSucceed<A>(effect: Effect<A>, fn: () => A): Effect<A>
  export function race<A, B>(a: Effect<A>, b: Effect<B>): Effect<A | B>
  export function raceFirst<A, B>(a: Effect<A>, b: Effect<B>): Effect<A | B>
  export function timeout<A>(effect: Effect<A>, duration: number): Effect<A>
  export function provide<A>(effect: Effect<A>, layer: object): Effect<A>
  export function runPromise<A>(effect: Effect<A>, options?: { readonly signal?: AbortSignal }): Promise<A>
  export const yieldNow: Effect<void>
}

declare module 'effect/Fiber' {
  export interface Fiber<A> {
    readonly value?: A
  }
  export function join<A>(fiber: Fiber<A>): import('effect/Effect').Effect<A>
}

declare module 'effect/Deferred' {
  type Effect<A> = import('effect/Effect').Effect<A>
  export interface Deferred<A> {
    readonly value?: A
  }
  export function make<A>(): Effect<Deferred<A>>
  export function succeed<A>(deferred: Deferred<A>, value: A): Effect<boolean>
  function awaitDeferred<A>(deferred: Deferred<A>): Effect<A>

  export { awaitDeferred as await }
}

declare module 'effect/Queue' {
  type Effect<A> = import('effect/Effect').Effect<A>
  export interface Queue<T> {
    readonly value?: T
  }
  export function bounded<T>(capacity: number): Effect<Queue<T>>
  export function unbounded<T>(): Effect<Queue<T>>
  export function offer<T>(queue: Queue<T>, value: T): Effect<boolean>
  export function take<T>(queue: Queue<T>): Effect<T>
  export function takeAll<T>(queue: Queue<T>): Effect<T[]>
  export function end<T>(queue: Queue<T>): Effect<boolean>
}

declare module 'effect/persistence/RateLimiter' {
  type Effect<A> = import('effect/Effect').Effect<A>
  export interface RateLimiter {
    readonly consume: unknown
  }
  interface Options {
    readonly key: string
    readonly limit: number
    readonly window: number
    readonly algorithm: 'fixed-window' | 'token-bucket'
  }
  export function sleep(limiter: RateLimiter, options: Options): Effect<unknown>
  export const make: Effect<RateLimiter>
  export const layerStoreMemory: object
}

declare module 'effect/Semaphore' {
  type Effect<A> = import('effect/Effect').Effect<A>
  export interface Semaphore {
    withPermit<A>(effect: Effect<A>): Effect<A>
  }
  export function makeUnsafe(permits: number): Semaphore
}

declare module 'effect/Stream' {
  export interface Stream<T> {
    readonly value?: T
  }
  export function fromQueue<T>(queue: import('effect/Queue').Queue<T>): Stream<T>
  export function fromIterable<T>(items: Iterable<T>): Stream<T>
  export function mapEffect<T, A>(
    stream: Stream<T>,
    fn: (item: T) => import('effect/Effect').Effect<A>,
    options: { readonly concurrency: number },
  ): Stream<A>
  export function runFold<T, A>(stream: Stream<T>, initial: () => A, fn: (sum: A, value: T) => A): import('effect/Effect').Effect<A>
}
