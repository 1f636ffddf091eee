export {
  type CanonicalRule,
  type CrawlConfig,
  type CrawlState,
  canonicalRule,
  crawlConfig,
  crawlState,
  defaultCrawlConfig,
  type FetchPolicy,
  type ScopeKind,
  scopeKind,
} from './crawl.ts'
export { CrawlError, type Disposition, type ErrorCode, errorCodes } from './error.ts'
export type {
  Control,
  HostReport,
  Message,
  MessageOf,
  Outcome,
  Page,
  RobotsOutcome,
  UrlOutcome,
  UrlRef,
  Validators,
  Visit,
  VisitEnd,
  VisitStart,
} from './message.ts'
export { type Answer, type FetchResult, type Link, type PageFacts, type UnreachableCode, unreachableCode } from './outcome.ts'
export { decode, encode } from './wire.ts'
