import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { type TcpProxy, tcpProxy } from '@warren/testkit'
import { afterEach, beforeEach, expect, test } from 'vitest'

let echo: Server
let proxy: TcpProxy
const clients: Socket[] = []

beforeEach(async () => {
  echo = createServer((socket) => socket.on('error', () => {}).pipe(socket))
  echo.listen(0, '127.0.0.1')
  await once(echo, 'listening')
  proxy = await tcpProxy({ target: { host: '127.0.0.1', port: (echo.address() as AddressInfo).port } })
})
afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy()
  await proxy[Symbol.asyncDispose]()
  echo.close()
})

async function client(): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port: proxy.port })
  clients.push(socket)
  await once(socket, 'connect')
  return socket
}

async function roundTrip(socket: Socket, text: string): Promise<string> {
  const answer = once(socket, 'data')
  socket.write(text)
  return String((await answer)[0])
}

test('TcpProxy: bytes pass in both directions, and the end of one side reaches the other', async () => {
  const socket = await client()
  expect(await roundTrip(socket, 'hello')).toBe('hello')
  socket.end()
  await once(socket, 'close')
  expect(proxy.connections).toBe(0)
})

test('TcpProxy: a stall loses nothing: what was sent meanwhile arrives after resume', async () => {
  const socket = await client()
  await roundTrip(socket, 'a')
  proxy.stall()
  let heard = ''
  socket.on('data', (bytes) => (heard += String(bytes)))
  socket.write('held')
  const other = await client() // a new connection is taken, and stalls too
  other.write('x')
  expect(heard).toBe('')
  const answer = once(socket, 'data')
  proxy.resume()
  await answer
  expect(heard).toBe('held')
})

test('TcpProxy: cut resets the connection, refuse the next ones, accept takes them again', async () => {
  const socket = await client()
  await roundTrip(socket, 'a')
  const reset = once(socket, 'error')
  proxy.cut()
  expect((await reset)[0]).toMatchObject({ code: 'ECONNRESET' })
  proxy.refuse()
  const refused = connect({ host: '127.0.0.1', port: proxy.port })
  expect((await once(refused, 'error'))[0]).toMatchObject({ code: 'ECONNRESET' })
  proxy.accept()
  expect(await roundTrip(await client(), 'b')).toBe('b')
})

test('TcpProxy: delayMs holds each answer back', async () => {
  const socket = await client()
  proxy.delayMs = 40
  const start = performance.now()
  expect(await roundTrip(socket, 'slow')).toBe('slow')
  expect(performance.now() - start).toBeGreaterThan(75) // 40 in each direction, less a timer's rounding
})
