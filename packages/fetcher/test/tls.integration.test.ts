import { once } from 'node:events'
import { createServer, getCACertificates, type Server, setDefaultCACertificates, type TLSSocket } from 'node:tls'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { selfSigned } from './certificate.ts'
import { Harness } from './harness.ts'
import { reply } from './raw-server.ts'

const trusted = selfSigned(['secure.test', '127.0.0.1'])
const others = getCACertificates('default')
const names: (string | false | null)[] = []
const resumed: boolean[] = []
let fetcher: Harness
let server: Server
let stranger: Server
beforeAll(async () => {
  setDefaultCACertificates([trusted.cert])
  const answer = (socket: TLSSocket) => {
    names.push(socket.servername)
    resumed.push(socket.isSessionReused())
    socket.on('error', () => {})
    socket.on(
      'data',
      (chunk) =>
        void socket.end(reply(`<p>${String(chunk).split(' ', 2)[1]}`, { headers: ['content-type: text/html', 'connection: close'] })),
    )
  }
  server = createServer(trusted, answer).listen(0, '127.0.0.1')
  stranger = createServer(selfSigned(['secure.test']), answer).listen(0, '127.0.0.1')
  await Promise.all([once(server, 'listening'), once(stranger, 'listening')])
  for (const each of [server, stranger]) each.on('tlsClientError', () => {})
  fetcher = await Harness.start()
})
afterAll(async () => {
  await fetcher[Symbol.asyncDispose]()
  server.close()
  stranger.close()
  setDefaultCACertificates(others)
})
const portOf = (server: Server) => {
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}
const resolve = { 'secure.test': '127.0.0.1', 'wrong.test': '127.0.0.1' }
const fetch = async (host: string, to: Server = server) => (await fetcher.fetch(`https://${host}:${portOf(to)}/`, { resolve })).result

test('TLS is verified against the name in the URL, which the server is told', async () => {
  names.length = 0
  expect(await fetch('secure.test')).toMatchObject({ kind: 'answer', status: 200 })
  expect(names).toEqual(['secure.test'])
})

test('an address in the URL is verified too, and not told as a name', async () => {
  names.length = 0
  expect(await fetch('127.0.0.1')).toMatchObject({ kind: 'answer', status: 200 })
  expect(names).toEqual([false])
})

test('a certificate for another name, or from nobody we trust, is `tls`', async () => {
  expect(await fetch('wrong.test')).toMatchObject({
    kind: 'unreachable',
    code: 'tls',
    detail: expect.stringContaining('ERR_TLS_CERT_ALTNAME_INVALID'),
  })
  expect(await fetch('secure.test', stranger)).toMatchObject({ kind: 'unreachable', code: 'tls', detail: expect.stringContaining('CERT') })
})

test('a second connection of the same visit resumes the session', async () => {
  resumed.length = 0
  await fetch('secure.test')
  await fetch('secure.test')
  expect(resumed.at(-1)).toBe(true)
})
