// A command for run-main.test.ts, run as a process of its own.
import { select, sleep } from '@warren/async'
import { createLogger, EXIT, runMain } from '@warren/service'

await runMain(async (shutdown) => {
  switch (process.argv[2]) {
    case 'drain': {
      process.stdout.write('started\n')
      await select({ drain: shutdown.draining, work: (signal) => sleep(60_000, { signal }) })
      return EXIT.ok
    }
    case 'chatter': {
      const logger = createLogger({ role: 'test', level: 'info' })
      for (let i = 0; i < 50; i++) {
        process.stdout.write(`${'x'.repeat(10_000)}\n`)
        logger.info('still here')
        await sleep(1)
      }
      return EXIT.ok
    }
    default:
      void Promise.reject(new Error('floating'))
      return new Promise(() => {})
  }
})
