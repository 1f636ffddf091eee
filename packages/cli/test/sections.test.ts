import pc from 'picocolors'
import { expect, test } from 'vitest'
import { showSections } from '../src/sections.ts'

const plain = pc.createColors(false)

test('columns line up within a section, the last one is as long as it is, empty sections are left out', () => {
  const text = showSections(
    [
      { title: 'One', rows: [['a', 'bb', 'end'], ['aaa', 'b', 'a longer end'], ['only']] },
      { title: 'None', rows: [] },
      { title: 'Two', rows: [['x', '']] },
    ],
    plain,
  )
  expect(text).toBe('One\n  a    bb  end\n  aaa  b   a longer end\n  only\n\nTwo\n  x\n')
})
test('colours take no room', () => {
  const color = pc.createColors(true)
  const rows = [
    [color.red('ab'), 'x'],
    ['abc', 'y'],
  ]
  expect(showSections([{ title: 't', rows }], plain)).toBe(`t\n  ${color.red('ab')}   x\n  abc  y\n`)
})
