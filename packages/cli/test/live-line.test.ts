import { ManualClock } from '@warren/async'
import { expect, test } from 'vitest'
import { LiveLine } from '../src/live-line.ts'

const WIPE = '\r\u001b[2K'
// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences start with one
const colorless = (text: string) => text.replaceAll(/\u001b\[\d+m/g, '')

function fakeStream(isTTY: boolean) {
  let written = ''
  const stream = {
    isTTY,
    columns: 20,
    write: (text: string) => {
      written += text
      return true
    },
  } as unknown as NodeJS.WriteStream
  return { stream, written: () => colorless(written) }
}

test('a pipe gets a whole line every five seconds, the first when it was asked for', async () => {
  const clock = new ManualClock()
  const { stream, written } = fakeStream(false)
  let n = 0
  {
    await using line = new LiveLine({ stream, clock, firstMs: 2_000, text: async () => `line ${++n}` })
    await clock.advance(1_999)
    expect(written()).toBe('')
    await clock.advance(1)
    await clock.advance(10_000)
    line.warn('look')
  }
  expect(written()).toBe('line 1\nline 2\nline 3\nlook\n')
  expect(clock.timers).toBe(0)
})

test('a terminal has one line, cut to its width, warnings above it, and nothing of it in the end', async () => {
  const clock = new ManualClock()
  const { stream, written } = fakeStream(true)
  {
    await using line = new LiveLine({ stream, clock, text: async () => 'a text that is too long for it' })
    await clock.advance(250)
    line.warn('look')
    await clock.advance(250)
  }
  expect(written()).toBe(`${WIPE}⠋ a text that is ${WIPE}look\n${WIPE}⠙ a text that is ${WIPE}`)
})

test('a text that takes long is not overtaken, and the end waits for it', async () => {
  const clock = new ManualClock()
  const { stream, written } = fakeStream(false)
  const answers: (() => void)[] = []
  const line = new LiveLine({ stream, clock, text: () => new Promise((resolve) => answers.push(() => resolve('late'))) })
  await clock.advance(60_000)
  expect(answers).toHaveLength(1)
  let isOver = false
  const over = line[Symbol.asyncDispose]().then(() => {
    isOver = true
  })
  await clock.advance(0)
  expect(isOver).toBe(false)
  answers[0]?.()
  await over
  expect(written()).toBe('late\n')
})
