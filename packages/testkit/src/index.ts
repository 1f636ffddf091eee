export { testAnswer } from './answer.ts'
export { measureTurns } from './event-loop.ts'
export { type MadeError, madeErrors, socketCodes } from './foreign-errors.ts'
export { type OwnPostgres, ownPostgres } from './own-postgres.ts'
export { freePorts } from './ports.ts'
export { type RabbitMq, type RabbitOptions, startRabbitMq } from './rabbit.ts'
export { SERVICES_VARIABLE, serveServices } from './services.ts'
export { type TcpProxy, tcpProxy } from './tcp-proxy.ts'
export { type TestDatabase, type TestDatabaseOptions, testDatabase } from './test-database.ts'
export { type TestVhost, testVhost } from './test-vhost.ts'
export { libraryPath, type Provisioned, type ProvisionOptions, provision, TOOLS, type ToolName } from './tools.ts'
export type { Expected, ExpectedOptions } from './web/expected.ts'
export {
  answeredUrls,
  checkConcurrency,
  checkDelays,
  checkRetryAfter,
  checkRobotsFetches,
  checkRobotsFirst,
  checkSpacing,
  type DelayViolation,
  disallowed,
  duplicates,
  type RequestRecord,
  type SpacingViolation,
} from './web/log.ts'
export { startWebProcess } from './web/process.ts'
export { benchWeb, type WebOptions, type WebSpec } from './web/spec.ts'
export { startWeb, type Web, type WebChange } from './web/web.ts'
