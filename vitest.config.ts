import { defineConfig } from 'vitest/config'

/** Starting a private Postgres or RabbitMQ, on a machine that fetches it first. */
const SERVICE_START_MS = 120_000

/** The kinds of tests by suffix, in the order of their cost. Groups run one after the other, so that a crawl's timing is not a unit test's. */
export default defineConfig({
  test: {
    globalSetup: ['./packages/testkit/src/vitest-setup.ts'],
    projects: [
      {
        test: {
          name: 'unit',
          include: ['packages/*/test/**/*.test.ts'],
          exclude: ['**/*.integration.test.ts', '**/*.e2e.test.ts'],
          testTimeout: 30_000, // threads and child processes start slowly on a machine that runs other checks
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'integration',
          include: ['packages/*/test/**/*.integration.test.ts'],
          testTimeout: 30_000,
          hookTimeout: SERVICE_START_MS,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'repo',
          include: ['test/repo/**/*.test.ts'],
          exclude: ['**/*.e2e.test.ts'],
          testTimeout: 60_000,
          hookTimeout: SERVICE_START_MS,
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/**/*.e2e.test.ts', 'packages/*/test/**/*.e2e.test.ts'],
          exclude: ['test/long/**', '**/node_modules/**'],
          testTimeout: 180_000,
          hookTimeout: SERVICE_START_MS,
          maxWorkers: 2,
          sequence: { groupOrder: 3 },
        },
      },
      {
        test: {
          name: 'long',
          include: ['test/long/**/*.test.ts'],
          testTimeout: 3_600_000,
          hookTimeout: SERVICE_START_MS,
          maxWorkers: 1,
          sequence: { groupOrder: 4 },
        },
      },
    ],
  },
})
