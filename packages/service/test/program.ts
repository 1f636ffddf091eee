// A command for run-main.test.ts, run as a process of its own.
import { setTimeout as wait } from 'node:timers/promises'
import { createLogger, EXIT, runMain } from '@warren/service'

await runMain(async (shutdown) => {
  switch (process.argv[2]) {
    case 'drain': {
      const keepAlive = setInterval(() => {}, 1_000)
      process.stdout.write('started\n')
      await new Promise((resolve) => shutdown.draining.addEventListener('abort', resolve))
      clearInterval(keepAlive)
      return EXIT.ok
    }
    case 'chatter': {
      const logger = createLogger({ role: 'test', level: 'info' })
      for (let i = 0; i < 50; i++) {
        process.stdout.write(`${'x'.repeat(10_000)}\n`)
        logger.info('still here')
        await wait(1)
      }
      return EXIT.ok
    }
    default:
      void Promise.reject(new Error('floating'))
      return new Promise(() => {})
  }
})
