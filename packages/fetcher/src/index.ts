export { type FetcherConfig, fetcherConfig } from './config.ts'
export { type FetcherParts, runFetcher } from './run-fetcher.ts'
