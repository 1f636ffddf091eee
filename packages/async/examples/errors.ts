import { attempt, causes, err, ok, type Result } from '@warren/async'

type PortError = { readonly kind: 'not a number'; readonly text: string } | { readonly kind: 'out of range'; readonly port: number }
type AddressError = PortError | { readonly kind: 'no host' }

const parsePort = (text: string): Result<number, PortError> => {
  const port = Number(text)
  if (!Number.isInteger(port)) return err({ kind: 'not a number', text })
  return port > 0 && port < 65_536 ? ok(port) : err({ kind: 'out of range', port })
}

function parseAddress(text: string): Result<{ readonly host: string; readonly port: number }, AddressError> {
  const [host = '', rest = '80'] = text.split(':')
  if (host === '') return err({ kind: 'no host' })
  const port = parsePort(rest)
  if (!port.ok) return port // Rust's `?`: the error goes on as it is, and its type with it
  return ok({ host, port: port.value })
}

/** Leaving one case out does not compile. */
function explain(error: AddressError): string {
  switch (error.kind) {
    case 'no host':
      return 'there is no host'
    case 'not a number':
      return `${error.text} is not a number`
    case 'out of range':
      return `${error.port} is not a port`
    default:
      return error satisfies never
  }
}

/** Failures as values, foreign exceptions converted at one edge, and the chain behind an error. */
export async function example(print: (line: string) => void): Promise<void> {
  for (const text of ['example.org:8080', ':80', 'example.org:x', 'example.org:70000']) {
    const address = parseAddress(text)
    print(address.ok ? `${address.value.host} at ${address.value.port}` : explain(address.error))
  }

  const convert = (error: unknown) => (error instanceof SyntaxError ? ('no JSON' as const) : undefined)
  const parsed = await attempt(() => JSON.parse('{'), convert) // what `convert` does not know is thrown as it came
  print(parsed.ok ? 'parsed' : parsed.error)

  const refused = new Error('connection refused')
  const error = new Error('cannot store', { cause: new AggregateError([refused, new Error('no route')], 'all addresses failed') })
  for (const each of causes(error)) print(each instanceof Error ? each.message : String(each))
}

/* Prints:
 * example.org at 8080
 * there is no host
 * x is not a number
 * 70000 is not a port
 * no JSON
 * cannot store
 * all addresses failed
 * connection refused
 * no route
 */
