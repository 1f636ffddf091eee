export { onAbort, type Waiting, whenAborted } from './abort.ts'
export { Batcher, type BatcherOptions } from './batcher.ts'
export { type BroadcastReceiver, type BroadcastSender, broadcast, type Received } from './broadcast.ts'
export { CancelScope, type CancelScopeOptions, shield } from './cancel-scope.ts'
export { causes, codeOf } from './causes.ts'
export { ChannelClosedError, channel, type Receiver, type Sender } from './channel.ts'
export {
  type BreakerState,
  type BreakerStep,
  breakerSteps,
  CircuitBreaker,
  type CircuitBreakerOptions,
  CircuitOpenError,
} from './circuit-breaker.ts'
export { type Clock, ManualClock, sleep, systemClock } from './clock.ts'
export { mapAll, mapAllOrAggregate, mapAllSettled } from './collect.ts'
export { type Interval, type IntervalOptions, interval, type MissedTicks } from './interval.ts'
export { join, race, tryJoin } from './join.ts'
export { KeyedRateLimiter, type KeyedRateLimiterOptions } from './keyed-rate-limiter.ts'
export type { Passage } from './line.ts'
export { type ConcurrentMap, mapConcurrent, mapConcurrentOrdered } from './map-concurrent.ts'
export { type OneshotReceiver, type OneshotSender, oneshot } from './oneshot.ts'
export { Pacer, type PacerOptions } from './pacer.ts'
export { type AcquireOptions, ResourceScope, scoped } from './resource-scope.ts'
export { attempt, err, ok, type Result, unwrap } from './result.ts'
export { type BackoffOptions, backoffMs, type RetryOptions, retry } from './retry.ts'
export { RetryBudget, type RetryBudgetOptions } from './retry-budget.ts'
export { type Branch, type Picked, type Returnable, type SelectOptions, type Start, select } from './select.ts'
export { type Permit, Semaphore } from './semaphore.ts'
export { type ShutdownLinks, type ShutdownOptions, ShutdownScope } from './shutdown.ts'
export {
  type EventOf,
  IllegalStepError,
  type PayloadsOf,
  StateMachine,
  type StateOf,
  type StepArgs,
  type StepOf,
  step,
  type TransitionTable,
  toMermaid,
} from './state-machine.ts'
export { TaskGroup } from './task-group.ts'
export { TaskTracker, type TaskTrackerOptions } from './task-tracker.ts'
export { withTimeout } from './timeout.ts'
export { type RateLimit, TokenBucket, type TokenBucketOptions } from './token-bucket.ts'
export { type WatchReceiver, type WatchSender, watch } from './watch.ts'
export { WorkerPool, type WorkerPoolOptions } from './worker-pool.ts'
export { chunked, yieldIfDue, yieldNow } from './yield.ts'
