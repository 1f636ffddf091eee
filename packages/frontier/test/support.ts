import type { Candidate, ClaimedVisit, Frontier, Settlement } from '@warren/frontier'
import { type CrawlConfig, defaultCrawlConfig } from '@warren/protocol'
import { type CanonicalUrl, fingerprint, hostKeyOf } from '@warren/web'
