import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { CrawlError } from '@warren/protocol'
import { madeErrors, socketCodes } from '@warren/testkit'
import { IllegalOperationError } from 'amqplib'
import { describe, expect, test } from 'vitest'
import { asBrokerError, brokerMeaning } from '../src/broker-error.ts'

const require = createRequire(import.meta.url)
const LIB = join(dirname(require.resolve('amqplib')), 'lib')

const coded = (code: string | number, message = 'words') => Object.assign(new Error(message), { code })
const caller = { where: 'rabbit:5672', username: 'crawler', vhost: 'web' }
const said = (error: unknown, what = 'connect to RabbitMQ') => (asBrokerError(error, what, caller) as Error).message

describe('broker error: the table is total', () => {
  test('it knows every reply code of AMQP that the driver knows', () => {
    const { constants } = require(join(LIB, 'defs.js')) as { constants: Record<string, number> }
    const FRAMING = ['FRAME_METHOD', 'FRAME_HEADER', 'FRAME_BODY', 'FRAME_HEARTBEAT', 'FRAME_MIN_SIZE', 'FRAME_END']
    const replies = Object.entries(constants).filter(([name]) => !FRAMING.includes(name))
    expect(replies.length).toBeGreaterThanOrEqual(19)
    for (const [name, code] of replies) expect(brokerMeaning(coded(code)), name).toBeDefined()
  })

  test('it knows every errno of a socket and of the resolver, and all that Node says of TLS', () => {
    for (const code of socketCodes()) expect(brokerMeaning(coded(code)), code).toBeDefined()
  })

  test("it knows all of the driver's words", () => {
    // Where the code does not say how a message begins, or not enough of it: what it can be, when it carries no reply code.
    const COMPUTED: Readonly<Record<string, readonly string[]>> = {
      'channel.js: msg': ['Expected BasicDeliver or BasicReturn; got'], // thrown as a string, and found there
      'channel.js: msg.toString(': [], // neither a string nor an Error: nobody throws that
      'channel.js: emsg': [],
      'channel.js: e': [],
      'connection.js: Handshake terminated by server: ': ['Handshake terminated by server: 403 (', 'Handshake terminated by server: 541 ('],
      'connection.js: emsg': [],
      'connection.js: info': ['Connection closed (by client)'],
      'connection.js: msg': [], // what invalidOp is given
      'error.js: ': [], // for its stack
      'recovery.js: err ? String(err': [], // `recovery` is not asked for
    }
    const made = madeErrors(LIB, [/\binvalidOp\((?=['"`])/g, /\binvalidateSend\(\w+, (?=['"`])/g])
    expect(made.length).toBeGreaterThan(200)
    const found = new Set(made.map(({ file, words, code }) => `${file}: ${words ?? code}`))
    for (const place of found)
      for (const words of COMPUTED[place] ?? [place.slice(place.indexOf(' ') + 1)])
        expect(brokerMeaning(new Error(words)), place).toBeDefined()
    for (const place of Object.keys(COMPUTED)) expect(found, 'the driver has it no more').toContain(place)
  })

  test('what it does not know is a bug, and is given back as it came', () => {
    const errors = [
      coded('E_NEW'),
      coded(599),
      new Error('new words'),
      new TypeError('no'),
      new DOMException('x', 'AbortError'),
      'text',
      undefined,
    ]
    for (const error of errors) {
      expect(brokerMeaning(error)).toBeUndefined()
      expect(asBrokerError(error, 'x', caller)).toBe(error)
    }
  })
})

test.each([
  [320, 'ERR_BROKER_UNAVAILABLE'],
  [402, 'ERR_BROKER_DENIED'],
  [403, 'ERR_BROKER_DENIED'],
  [404, 'ERR_BROKER_UNAVAILABLE'],
  [405, 'ERR_BROKER_UNAVAILABLE'],
  [406, 'ERR_BROKER_UNAVAILABLE'],
  [503, 'bug'],
  [504, 'bug'],
  [530, 'ERR_BROKER_DENIED'],
  [540, 'ERR_CONFIG_INVALID'],
  [541, 'ERR_BROKER_UNAVAILABLE'],
  ['ECONNREFUSED', 'ERR_BROKER_UNAVAILABLE'],
  ['EAI_AGAIN', 'ERR_BROKER_UNAVAILABLE'],
  ['CERT_HAS_EXPIRED', 'ERR_BROKER_UNAVAILABLE'],
  ['ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_BROKER_UNAVAILABLE'],
])('broker error: %s is %s', (code, meaning) => {
  expect(brokerMeaning(coded(code))).toBe(meaning)
})

describe('broker error: what the words tell', () => {
  const failed = (code: number, words: string) =>
    coded(code, `Operation failed: QueueDeclare; ${code} (PRECONDITION-FAILED) with message "${words}"`)

  test('a misuse of ours is a bug and stays as it came', () => {
    for (const bug of [
      coded(503, 'Channel closed by server: 503 (COMMAND-INVALID) with message "COMMAND_INVALID - unimplemented method"'),
      failed(406, 'PRECONDITION_FAILED - unknown delivery tag 3'),
      new TypeError("Field 'queue' is the wrong type; must be a string (up to 255 chars)"),
    ])
      expect(asBrokerError(bug, 'x', caller)).toBe(bug)
  })

  test('a failed precondition is settings that differ, a message that is too large, or something that passes', () => {
    const inequivalent = failed(406, "PRECONDITION_FAILED - inequivalent arg 'x-message-ttl' for queue 'visits'")
    expect(asBrokerError(inequivalent, 'declare the queues', caller)).toMatchObject({
      code: 'ERR_CONFIG_INVALID',
      cause: inequivalent,
      message:
        "Cannot declare the queues at rabbit:5672: inequivalent arg 'x-message-ttl' for queue 'visits'; " +
        'use the settings it was made with (all roles the same VISIT_QUEUE_MS), or empty and delete it',
    })
    expect(brokerMeaning(failed(406, "PRECONDITION_FAILED - invalid arg 'x-overflow' for queue 'pages'"))).toBe('ERR_CONFIG_INVALID')
    expect(brokerMeaning(failed(406, 'PRECONDITION_FAILED - message size 9 is larger than configured max size 1'))).toBe(
      'ERR_CONFIG_INVALID',
    )
    expect(brokerMeaning(failed(406, 'PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed out'))).toBe(
      'ERR_BROKER_UNAVAILABLE',
    )
  })

  test('a refusal in the handshake is a wrong login, one later a missing permission', () => {
    const words = '403 (ACCESS-REFUSED) with message "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN."'
    expect(said(new Error(`Handshake terminated by server: ${words}`))).toBe(
      'Cannot connect to RabbitMQ at rabbit:5672: user "crawler" is refused; correct user and password in AMQP_URL',
    )
    expect(said(failed(403, "ACCESS_REFUSED - configure access to queue 'x' refused"), 'declare the queues')).toBe(
      `Cannot declare the queues at rabbit:5672: configure access to queue 'x' refused; give user "crawler" the permission`,
    )
    expect(brokerMeaning(new Error('Handshake terminated by server: 320 (CONNECTION-FORCED) with message "x"'))).toBe(
      'ERR_BROKER_UNAVAILABLE',
    )
  })

  test('a virtual host that is refused, although the driver hides why', () => {
    expect(said(new Error('Expected ConnectionOpenOk; got <ConnectionClose channel:0>'))).toContain(
      'virtual host "web" does not exist or user',
    )
  })

  test('a connection or channel that is over is away, also to a call that comes too late', () => {
    for (const words of ['Channel closed', 'Channel closing', 'Connection closing', 'Connection closed (Error: Unexpected close)'])
      expect(brokerMeaning(new IllegalOperationError(words))).toBe('ERR_BROKER_UNAVAILABLE')
  })
})

test('broker error: of several addresses the first error counts, and an error without words shows its code', () => {
  expect(said(new AggregateError([coded('ECONNREFUSED'), coded('ENETUNREACH')]))).toContain('connection refused; start RabbitMQ there')
  expect(said(new AggregateError([coded('EIO', '')]))).toBe('Cannot connect to RabbitMQ at rabbit:5672: EIO')
})

test('broker error: ours stays ours', () => {
  const ours = new CrawlError('ERR_BROKER_REFUSED', 'full')
  expect(asBrokerError(ours, 'x', caller)).toBe(ours)
})
