import type { Waiting } from '@warren/async'
import type { Crawl, Frontier } from '@warren/frontier'
import { admitSeeds, type SeedReport } from './admit-seeds.ts'
import { LiveLine } from './live-line.ts'
import { type Seeds, type Survey, type SurveyOptions, surveySeeds } from './seeds.ts'
import { showCount } from './units.ts'

/** An import that is over by then says nothing. */
const QUIET_MS = 2_000

/** As `surveySeeds`, and tells how far it is when that takes long. */
export async function surveyWithLine(seeds: Seeds, options: Omit<SurveyOptions, 'onBatch'>): Promise<Survey> {
  let read = 0
  await using _line = new LiveLine({ stream: process.stderr, firstMs: QUIET_MS, text: async () => `Reading seeds: ${showCount(read)}` })
  const onBatch = (count: number) => {
    read = count
  }
  return await surveySeeds(seeds, { ...options, onBatch })
}

/**
 * As `admitSeeds`, and tells how far it is when that takes long, which seeds --exclude refuses, and where it was when a signal ended it.
 * `count`: how many seeds there are; `priority`: as that of AdmitOptions.
 */
export async function importWithLine(
  frontier: Frontier,
  crawl: Crawl,
  seeds: Seeds,
  { count, priority, signal }: Waiting & { readonly count: number; readonly priority?: number | undefined },
): Promise<SeedReport> {
  let report: SeedReport = { admitted: 0, known: 0, excludedCount: 0, excluded: [] }
  const soFar = () => `${showCount(report.admitted + report.known + report.excludedCount)} of ${showCount(count)}`
  await using line = new LiveLine({ stream: process.stderr, firstMs: QUIET_MS, text: async () => `Admitting seeds: ${soFar()}` })
  const onBatch = (now: SeedReport) => {
    report = now
  }
  try {
    await admitSeeds(frontier, crawl, seeds, { signal, onBatch, priority })
  } catch (error) {
    if (signal?.aborted && error === signal.reason) line.warn(`Interrupted: ${soFar()} seeds are in. The same command goes on.`)
    throw error
  }
  const { excluded, excludedCount } = report
  for (const seed of excluded) line.warn(`Seed ${seed} is refused by --exclude`)
  if (excludedCount > excluded.length) line.warn(`and ${showCount(excludedCount - excluded.length)} more`)
  return report
}
