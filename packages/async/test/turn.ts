import { getEventListeners } from 'node:events'

/** Lets every promise settle that can settle without time or I/O. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Abort listeners on a signal: 0 before and after every call of this package. */
export const listenerCount = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length
