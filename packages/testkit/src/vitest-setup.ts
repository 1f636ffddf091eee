import { SERVICES_VARIABLE, serveServices } from './services.ts'

/**
 * Vitest's global setup: lets the tests of this run ask for services, and ends those that were started.
 * Running twice in one process (a workspace of projects) is harmless: the second run uses the first one's.
 */
export default async function setup(): Promise<() => Promise<void>> {
  if (process.env[SERVICES_VARIABLE]) return () => Promise.resolve()
  const services = await serveServices()
  return async () => {
    await services[Symbol.asyncDispose]()
  }
}
