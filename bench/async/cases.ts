import type { Case } from './case.ts'
import { channelCases } from './cases/channel.ts'
import { errorCases } from './cases/errors.ts'
import { mapCases } from './cases/map.ts'
import { poolCases } from './cases/pool.ts'
import { rateLimitCases } from './cases/rate-limit.ts'
import { retryCases } from './cases/retry.ts'
import { scopeCases } from './cases/scope.ts'
import { selectCases } from './cases/select.ts'
import { semaphoreCases } from './cases/semaphore.ts'

export const cases: readonly Case[] = [
  ...channelCases,
  ...semaphoreCases,
  ...mapCases,
  ...poolCases,
  ...rateLimitCases,
  ...retryCases,
  ...selectCases,
  ...scopeCases,
  ...errorCases,
]
