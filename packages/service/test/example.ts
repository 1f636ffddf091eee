import { whenAborted } from '@warren/async'
import { createLogger, createMetrics, EXIT, loadConfig, runMain, serveHealth } from '@warren/service'
import { z } from 'zod'

const config = z.object({ HEALTH_PORT: z.coerce.number().int().min(0).max(65_535).default(9_464).describe('TCP port') })

await runMain(async (shutdown) => {
  const { HEALTH_PORT } = loadConfig(config, { env: process.env })
  const logger = createLogger({ role: 'example', level: 'info' })
  const metrics = createMetrics({ role: 'example' })
  const ready = () => ({ ok: !shutdown.draining.aborted, reason: 'draining' })
  await using health = await serveHealth({ host: '127.0.0.1', port: HEALTH_PORT, metrics, ready })
  logger.info({ port: health.port }, 'listening')
  await whenAborted(shutdown.draining)
  return EXIT.ok
})
