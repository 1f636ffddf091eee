import { readFileSync } from 'node:fs'
import { CrawlError } from '@warren/protocol'
import { z } from 'zod'
import { redact } from './redact.ts'

/** Names whose values are never shown, wherever they come from. */
const SECRET_NAME = /PASSWORD|TOKEN|SECRET|KEY/i

export interface ConfigSources {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Path of a JSON object with the same names; the environment wins over it. */
  readonly file?: string | undefined
  /** Names that the file may hold for other processes that read it too. */
  readonly alsoInFile?: readonly string[] | undefined
}

/**
 * The values of `schema` from the environment and a file, checked once, at start. An empty or blank variable counts as
 * not set, since coercion would make a 0 of it; variables that the schema does not know belong to others.
 * Errors: ERR_CONFIG_INVALID with every problem in one line: name, value (secrets masked), bounds, where it came from.
 */
export function loadConfig<S extends z.ZodObject>(schema: S, { env, file, alsoInFile = [] }: ConfigSources): z.infer<S> {
  const names = Object.keys(schema.shape)
  const allNames = [...names, ...alsoInFile]
  const inFile = file === undefined ? {} : readObject(file)
  const fromFile = Object.fromEntries(Object.entries(inFile).filter(([name]) => names.includes(name)))
  const fromEnv = Object.fromEntries(names.filter((name) => (env[name] ?? '').trim() !== '').map((name) => [name, env[name]]))
  const problems = Object.keys(inFile)
    .filter((name) => !allNames.includes(name))
    .map((name) => `${name} in ${file} is unknown${suggestion(name, allNames)}`)
  const values = { ...fromFile, ...fromEnv }
  const parsed = schema.safeParse(values)
  if (!parsed.success) problems.push(...parsed.error.issues.map((issue) => describe(schema, values, fromEnv, file, issue)))
  if (parsed.success && problems.length === 0) return parsed.data
  throw new CrawlError('ERR_CONFIG_INVALID', `Cannot use the configuration: ${problems.join('; ')}`)
}

function readObject(file: string): Record<string, unknown> {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unreadable'
    throw new CrawlError('ERR_CONFIG_INVALID', `Cannot read the configuration file ${file}: ${code}; give the path of a JSON file`, {
      cause,
    })
  }
  const value = parseJson(file, text)
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new CrawlError('ERR_CONFIG_INVALID', `Cannot read the configuration file ${file}: it is no JSON object; write {"NAME": value, ...}`)
}

function parseJson(file: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // neither message nor cause: V8 quotes the text around the fault, which may hold a password
    throw new CrawlError('ERR_CONFIG_INVALID', `Cannot read the configuration file ${file}: it is no JSON; correct it`)
  }
}

function describe(
  schema: z.ZodObject,
  values: Record<string, unknown>,
  fromEnv: Record<string, unknown>,
  file: string | undefined,
  issue: z.core.$ZodIssue,
): string {
  const [name] = issue.path
  if (typeof name !== 'string') return issue.message
  const path = issue.path.map(String)
  const field = schema.shape[name]
  const known = path.length === 1 && field !== undefined ? bounds(field as z.ZodType, issue) : undefined
  if (!(name in values)) return `${name} is missing${known === undefined ? '' : `, it must be ${known}`}`
  const value = path.reduce<unknown>((inner, key) => (inner as Record<string, unknown> | undefined)?.[key], values)
  const origin = Object.hasOwn(fromEnv, name) ? 'the environment' : file
  return `${path.join('.')}=${show(path, value)} (from ${origin})${known === undefined ? `: ${issue.message}` : ` must be ${known}`}`
}

function show(path: readonly string[], value: unknown): string {
  if (path.some((part) => SECRET_NAME.test(part))) return '***'
  const shown = redact(JSON.stringify(value) ?? 'undefined')
  return shown.length > 200 ? `${shown.slice(0, 200)}...` : shown
}

/** What a field accepts, in words; undefined where JSON Schema has none for it. */
function bounds(field: z.ZodType, issue: z.core.$ZodIssue): string | undefined {
  const json = z.toJSONSchema(field, { io: 'output', unrepresentable: 'any' })
  const fallback = json.default === undefined ? '' : ` (default ${JSON.stringify(json.default)})`
  if (json.enum !== undefined) return `one of ${json.enum.join(', ')}${fallback}`
  if (json.format === 'uri')
    return `a URL${'note' in issue && 'pattern' in issue ? ` with a scheme that matches ${issue.pattern}` : ''}${fallback}`
  if (json.type === 'integer' || json.type === 'number')
    return `${json.type === 'integer' ? 'an integer' : 'a number'}${range(json)}${fallback}`
  if (json.type === 'boolean') return `true or false${fallback}`
  if (json.minLength !== undefined) return `a text of ${json.minLength} characters or more${fallback}`
  return undefined
}

function range({ minimum, exclusiveMinimum, maximum, exclusiveMaximum }: z.core.JSONSchema.BaseSchema): string {
  const least =
    minimum !== undefined && minimum > Number.MIN_SAFE_INTEGER
      ? `>= ${minimum}`
      : exclusiveMinimum !== undefined
        ? `> ${exclusiveMinimum}`
        : ''
  const most =
    maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER
      ? `<= ${maximum}`
      : exclusiveMaximum !== undefined
        ? `< ${exclusiveMaximum}`
        : ''
  return [least, most]
    .filter((bound) => bound !== '')
    .map((bound) => ` ${bound}`)
    .join(' and')
}

function suggestion(name: string, names: readonly string[]): string {
  const plain = (text: string) => text.replace(/[^a-z0-9]/gi, '').toUpperCase()
  const meant = names.find((known) => plain(known) === plain(name))
  return meant === undefined ? '' : ` (${meant} is meant?)`
}
