export { EMBEDDED_SETTINGS } from './settings.ts'
export { type PostgresLogger, type PostgresOptions, type PrivatePostgres, removePostgres, startPostgres } from './start.ts'
