import { canonicalize, fingerprint } from '@warren/web'
import { expect, test } from 'vitest'

test.each([
  // sha256sum of `https://example.org:443` starts with a0b768e4: these values are stored in databases and never change
  ['https://example.org/a/b?c', 'a0b768e4-68d6-bd13-dd1d-4bb6ef060de7'],
  ['https://example.org/', 'a0b768e4-8198-d1ba-c40a-1033653a78e4'],
])('the fingerprint of %s is %s', (href, expected) => {
  const url = canonicalize(href)
  expect(url && fingerprint(url)).toBe(expected)
})
