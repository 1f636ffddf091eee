import { relative } from 'node:path'
import { describe, expect, test } from 'vitest'
import { root } from '../../scripts/checks.ts'
import { listMutants, tryMutant, tryUnchanged } from '../../scripts/mutants.ts'

const mutants = await listMutants()
const testFiles = [...new Set(mutants.map(({ testFile }) => testFile))]

test.each(testFiles.map((file, id) => [relative(root, file), file, id] as const))('%s passes in an unchanged copy', async (_, file, id) => {
  expect(await tryUnchanged(file, id)).toMatchObject({ fate: 'survived' })
})

describe('each seeded bug fails the tests that list it', () => {
  test.each(mutants.map((mutant, id) => [`${relative(root, mutant.testFile)}: ${mutant.words}`, mutant, id] as const))(
    '%s',
    async (_, mutant, id) => {
      expect(await tryMutant(mutant, testFiles.length + id)).toMatchObject({ fate: 'killed' })
    },
  )
})
