import { openPagesFile } from '@warren/output'
import { expect, test, vi } from 'vitest'

const errno = vi.hoisted(() => ({ error: new Error('unset') }))
vi.mock('node:fs/promises', async (original) => ({
  ...(await original<typeof import('node:fs/promises')>()),
  mkdir: () => Promise.reject(errno.error),
}))

const failing = (code: string): Error => Object.assign(new Error(`${code}: in the system's words`), { code, errno: -1, syscall: 'mkdir' })

test.each([
  ['EACCES', 'permission denied; choose a folder that you may write to'],
  ['EDQUOT', 'the disk quota is used up; free some space, then run the same command again'],
  ['ENOSPC', 'no space left on the disk; free some, then run the same command again'],
  ['EPERM', 'operation not permitted; choose a folder that you may write to'],
  ['EROFS', 'the file system is read-only; choose another folder'],
  ['EIO', 'EIO'],
])('%s is ERR_OUTPUT_UNUSABLE that says what to do', async (code, words) => {
  errno.error = failing(code)
  await expect(openPagesFile('/out')).rejects.toMatchObject({
    code: 'ERR_OUTPUT_UNUSABLE',
    message: `Cannot make /out: ${words}`,
    cause: errno.error,
  })
})

test('what the file system did not raise is a bug and passes as it is', async () => {
  errno.error = new TypeError('a bug')
  await expect(openPagesFile('/out')).rejects.toBe(errno.error)
})
