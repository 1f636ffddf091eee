import { expect, test } from 'vitest'
import { redact, redactJson } from '../src/redact.ts'

test.each([
  ['amqp://user:pass@host:5672/vhost', 'amqp://***@host:5672/vhost'],
  ['postgres://u:p/a@ss@host/db failed', 'postgres://***@host/db failed'], // a slash and an @ that should have been encoded
  ['postgres://host/db?user=u&password=s3cret&x=1', 'postgres://host/db?user=u&password=***&x=1'],
  ['https://a:b@example.org/x', 'https://***@example.org/x'],
  ['https://token@example.org/x', 'https://***@example.org/x'],
  ['https://example.org/@user/post', 'https://example.org/@user/post'], // no credential: part of the path
  ['https://example.org/?q=a@b', 'https://example.org/?q=a@b'],
  ['https://example.org/?api_key=abc#frag', 'https://example.org/?api_key=***#frag'],
  ['mail you@example.org', 'mail you@example.org'],
])('%s', (text, expected) => expect(redact(text)).toBe(expected))

test.each([
  ['{"password":"a\\"b","hostKey":"https://example.org:443"}', '{"password":"***","hostKey":"https://example.org:443"}'],
  ['{"Set-Cookie":"a=b","authorization":"Bearer x"}', '{"Set-Cookie":"***","authorization":"***"}'],
  ['{"url":"amqp://u:p\\"q@host","n":1}', '{"url":"amqp://***@host","n":1}'],
  ['{"tokens":3,"password":""}', '{"tokens":3,"password":"***"}'],
  ['{"text":"token":"x","stack":"amqp://host\\nat x@y"}', '{"text":"token":"x","stack":"amqp://host\\nat x@y"}'],
])('%s', (line, expected) => expect(redactJson(line)).toBe(expected))

test('a line stays JSON, whatever is in its strings', () => {
  const nasty = ['"', '\\', '\\"', 'amqp://a:"b@c', 'https://x\\@y', '?token="', 'password":"', '://@', '\n']
  for (const a of nasty)
    for (const b of nasty) {
      const line = JSON.stringify({ password: a, [`token${b}`]: a, msg: `${a}${b}`, list: [a, b] })
      expect(Object.keys(JSON.parse(redactJson(line))).length).toBe(4)
    }
})

test('hostile text costs linear time', () => {
  for (const part of ['a://', '"token', '"\\', '?token=', 'http://', 'a'.repeat(10)]) {
    const text = part.repeat(20_000)
    const start = performance.now()
    redact(text)
    redactJson(JSON.stringify({ [text]: text, text }))
    expect(performance.now() - start).toBeLessThan(1_000)
  }
})
