import { expect, test } from 'vitest'
import { folderFault, serviceFault } from '../src/fault.ts'
import { configuration } from '../src/settings.ts'

const errno = (code: string): Error => Object.assign(new Error(code), { code })

test('folderFault: what the file system said becomes one line with the path and the remedy', () => {
  expect(folderFault('/out', errno('ENOSPC'))).toMatchObject({
    code: 'ERR_OUTPUT_UNUSABLE',
    message: expect.stringMatching(/^Cannot use \/out: the disk is full; free/),
  })
  expect(folderFault('/out', errno('EACCES'))).toMatchObject({ message: expect.stringContaining('permission denied; choose') })
  const bug = new TypeError('x is not a function')
  expect(folderFault('/out', bug)).toBe(bug)
})

test('serviceFault: a full disk is told from damage, and the last lines are kept', () => {
  const full = serviceFault('create a database', '/out', 'initdb: error: could not write file: No space left on device')
  expect(full).toMatchObject({ code: 'ERR_OUTPUT_UNUSABLE', message: expect.stringContaining('the disk is full') })
  const said = Array.from({ length: 20 }, (_, line) => `line ${line}`).join('\n')
  const unknown = serviceFault('start Postgres', '/out', said)
  expect(unknown.code).toBe('ERR_SERVICE_START')
  expect(unknown.message).toContain('line 19')
  expect(unknown.message).not.toContain('line 10')
})

test('configuration: values are quoted, names are checked', () => {
  expect(configuration({ search_path: "it's" })).toContain("search_path = 'it''s'")
  expect(() => configuration({ 'x = 1\nfsync': 'off' })).toThrow(RangeError)
})
