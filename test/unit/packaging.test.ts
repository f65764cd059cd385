import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { z } from 'zod'
import { loadConfig } from '../../src/config.ts'
import { nodeOptions } from '../support/node-options.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const manifest = JSON.parse(read('package.json')) as {
  version: string
  bin: { callsift: string }
  scripts: { start: string; build: string }
}

const Service = z.looseObject({
  image: z.string().optional(),
  user: z.string().optional(),
  command: z.array(z.string()).optional(),
  read_only: z.boolean().optional(),
  init: z.boolean().optional(),
  restart: z.string().optional(),
  cap_drop: z.array(z.string()).optional(),
  cap_add: z.array(z.string()).optional(),
  security_opt: z.array(z.string()).optional(),
  ports: z.array(z.string()).optional(),
  privileged: z.boolean().optional(),
  mem_limit: z.string().optional(),
  pids_limit: z.number().optional(),
  stop_grace_period: z.string().optional(),
  healthcheck: z.looseObject({ disable: z.boolean().optional() }).optional(),
  environment: z.record(z.string(), z.string()).optional(),
  deploy: z.looseObject({ replicas: z.number() }).optional(),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).optional(),
  volumes: z.array(z.string()).optional(),
  networks: z.array(z.string()).optional(),
})
const Compose = z.object({
  services: z.record(z.string(), Service),
  networks: z.record(z.string(), z.looseObject({ internal: z.boolean().optional() })),
  volumes: z.record(z.string(), z.unknown()),
})
const compose = Compose.parse(parse(read('docker-compose.yml'), { merge: true }))
const services = Object.entries(compose.services)
const service = (name: string) => {
  const found = compose.services[name]
  if (found === undefined) throw new Error(`docker-compose.yml has no service ${name}`)
  return found
}

describe('E5 the image', () => {
  const stages = read('Dockerfile')
    .split(/^(?=FROM )/m)
    .slice(1)
  const last = stages.at(-1) ?? ''

  test('is built in stages, and the last one has nothing to build with', () => {
    expect(stages.length).toBeGreaterThanOrEqual(4)
    for (const stage of stages) expect(stage).toMatch(/^FROM node:24-bookworm-slim\b/)
    expect(last).not.toMatch(/npm (ci|install|run)|apt-get|COPY \.|--from=build \/app\/node_modules/)
    expect(last).toContain('rm -rf /usr/local/lib/node_modules')
    expect(stages[0]).toContain('npm ci --omit=dev --omit=optional --ignore-scripts')
  })

  test('runs as an account without rights, ends on SIGTERM, and tells its health', () => {
    expect(last).toMatch(/^USER 10001:10001$/m)
    expect(last).toMatch(/^STOPSIGNAL SIGTERM$/m)
    expect(last).toMatch(/^HEALTHCHECK .*\\\n {2}CMD \["node", "dist\/src\/cli\.js", "health"\]$/m)
    const entry = ['node', ...nodeOptions, 'dist/src/cli.js'].map((word) => `"${word}"`).join(', ')
    expect(last).toContain(`\nENTRYPOINT [${entry}]\n`)
    expect(manifest.scripts.start).toContain(`node ${nodeOptions.join(' ')} `)
    expect(last).toMatch(/^CMD \["serve"\]$/m)
    expect(last).not.toMatch(/COPY --chown/)
    expect(manifest.bin.callsift).toBe('dist/src/cli.js')
    // What Node has compiled is good only for the same options, and in the image only for the same account.
    const firstRun = `node ${nodeOptions.join(' ')} dist/src/cli.js demo --once`
    expect(manifest.scripts.build).toContain(firstRun)
    expect(stages.at(-2)).toMatch(/^USER 10001:10001$/m)
    expect(stages.at(-2)).toContain(firstRun)
    expect(stages.at(-2)).toContain('chown -R 0:0 dist/code-cache && chmod -R a+rX,go-w dist/code-cache')
  })

  test('carries the version of the package', () => {
    expect(/^ARG VERSION=(.+)$/m.exec(last)?.[1]).toBe(manifest.version)
  })

  test('copies what exists, out of a context that holds nothing else', () => {
    const [everything, ...allowed] = read('.dockerignore')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
    expect(everything).toBe('*')
    const names = allowed.map((line) => line.replace(/^!/, ''))
    expect(names.filter((name) => !existsSync(join(root, name)))).toEqual([])
    const copied = stages.flatMap((stage) =>
      [...stage.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap((match) => (match[1] ?? '').split(' ')),
    )
    expect(copied.length).toBeGreaterThan(5)
    expect(copied.map((name) => name.replace(/^\.\//, '')).filter((name) => !names.includes(name))).toEqual([])
    expect(names.filter((name) => /env|key|\.callsift|node_modules/.test(name))).toEqual([])
  })
})

describe('E5 docker-compose.yml', () => {
  test('has the parts of a whole installation', () => {
    expect(Object.keys(compose.services).sort()).toEqual(
      ['migrate', 'postgres', 'redis', 'sandbox', 'secrets', 'serve', 'work'].sort(),
    )
    expect(service('work').deploy?.replicas).toBe(2)
    expect(service('serve').command).toEqual(['serve', '--http-only'])
  })

  test.each(services)('%s has no rights, and bounds', (name, one) => {
    expect(one.privileged).toBeUndefined()
    expect(one.read_only).toBe(true)
    expect(one.init).toBe(true)
    expect(one.cap_drop).toEqual(['ALL'])
    expect(one.cap_add ?? []).toEqual(name === 'secrets' ? ['CHOWN'] : [])
    expect(one.security_opt).toContain('no-new-privileges:true')
    expect(one.mem_limit).toMatch(/^\d+[mg]$/)
    expect(one.pids_limit).toBeGreaterThan(0)
    if (name !== 'secrets') expect(one.user ?? '10001').not.toMatch(/^(0|root)\b/)
    if (one.restart !== 'no' && one.image !== 'callsift:local') expect(one.healthcheck?.disable).not.toBe(true)
  })

  test('publishes one port, of serve, to this machine only', () => {
    const published = services.flatMap(([name, one]) => (one.ports ?? []).map((port) => `${name} ${port}`))
    expect(published).toEqual([expect.stringMatching(/^serve 127\.0\.0\.1:.*:8787$/)])
  })

  test('keeps the stores on a network without a way out', () => {
    expect(compose.networks['stores']?.internal).toBe(true)
    for (const store of ['postgres', 'redis']) expect(service(store).networks).toEqual(['stores'])
    expect(service('sandbox').networks).not.toContain('stores')
  })

  test('has no password in it', () => {
    const text = read('docker-compose.yml')
    expect(text).not.toMatch(/TRUST|trust\b/)
    expect(text).not.toMatch(/^\s*\w*(PASSWORD|SECRET_KEY|API_KEY|APP_TOKEN): (?!\$\{\w+:-\}$)/m)
    for (const [, one] of services) {
      const files = Object.entries(one.environment ?? {}).filter(([name]) => name.endsWith('_FILE'))
      for (const [, path] of files) expect(path).toMatch(/^\/run\//)
    }
  })

  test('gives Redis a memory that lasts, and takes no more than its container has', () => {
    const command = service('redis').command?.join(' ') ?? ''
    expect(command).toContain('--appendonly yes')
    expect(command).toContain('--maxmemory-policy noeviction')
    expect(Number(/--maxmemory (\d+)mb/.exec(command)?.[1])).toBeLessThan(
      Number.parseInt(service('redis').mem_limit ?? '', 10),
    )
  })

  test('lets what runs drain before it kills', () => {
    for (const name of ['serve', 'work']) {
      const drain = Number(/:-(\d+)\}/.exec(service(name).environment?.['CALLSIFT_DRAIN_SECONDS'] ?? '')?.[1])
      expect(drain).toBeGreaterThan(0)
      expect(Number.parseInt(service(name).stop_grace_period ?? '', 10)).toBeGreaterThanOrEqual(drain + 10)
    }
  })

  test('starts each part after what it needs', () => {
    expect(service('postgres').depends_on?.['secrets']?.condition).toBe('service_completed_successfully')
    expect(service('redis').depends_on?.['secrets']?.condition).toBe('service_completed_successfully')
    expect(service('migrate').depends_on?.['postgres']?.condition).toBe('service_healthy')
    for (const name of ['serve', 'work']) {
      expect(service(name).depends_on).toMatchObject({
        migrate: { condition: 'service_completed_successfully' },
        redis: { condition: 'service_healthy' },
      })
    }
  })

  test('sets what the program knows', () => {
    const known = new Set(
      [...read('src/config.ts').matchAll(/^ {2}([A-Z][A-Z0-9_]+): z|^ {2}([A-Z][A-Z0-9_]+): /gm)].map(
        (match) => match[1] ?? match[2],
      ),
    )
    const named = services
      .filter(([, one]) => one.image === 'callsift:local')
      .flatMap(([, one]) => Object.keys(one.environment ?? {}))
    expect(named.length).toBeGreaterThan(10)
    expect(named.filter((name) => !known.has(name.replace(/_FILE$/, '')))).toEqual([])
  })

  test('with its settings and no key the program plays, with a key it does not', () => {
    const given = service('serve').environment ?? {}
    // biome-ignore lint/suspicious/noTemplateCurlyInString: compose fills it in, not JavaScript.
    expect(given['CALLSIFT_MODE']).toBe('${CALLSIFT_MODE:-${VIBECODE_API_KEY:+live}}')
    const url = { CALLSIFT_SANDBOX_URL: given['CALLSIFT_SANDBOX_URL'] }
    expect(loadConfig({ ...url, CALLSIFT_MODE: '' }).mode).toBe('sandbox')
    expect(loadConfig({ ...url, CALLSIFT_MODE: 'live' }).mode).toBe('live')
    expect(loadConfig({}).mode).toBe('live')
  })

  test('the override for machines whose containers have no way out names every service that is built', () => {
    const override = z
      .object({ services: z.record(z.string(), z.object({ build: z.object({ network: z.literal('host') }) })) })
      .parse(parse(read('compose.ci.yml')))
    const built = services.filter(([, one]) => one['build'] !== undefined).map(([name]) => name)
    expect(Object.keys(override.services).sort()).toEqual(built.sort())
  })
})

const Pod = z.looseObject({
  terminationGracePeriodSeconds: z.number().optional(),
  automountServiceAccountToken: z.literal(false),
  securityContext: z.looseObject({ runAsNonRoot: z.literal(true), runAsUser: z.literal(10001) }),
  containers: z.array(
    z.looseObject({
      name: z.string(),
      image: z.string(),
      args: z.array(z.string()),
      ports: z.array(z.object({ name: z.string(), containerPort: z.number() })).optional(),
      livenessProbe: z.looseObject({ httpGet: z.object({ path: z.string(), port: z.string() }) }).optional(),
      readinessProbe: z.looseObject({ httpGet: z.object({ path: z.string(), port: z.string() }) }).optional(),
      securityContext: z.object({
        allowPrivilegeEscalation: z.literal(false),
        readOnlyRootFilesystem: z.literal(true),
        capabilities: z.object({ drop: z.tuple([z.literal('ALL')]) }),
      }),
      resources: z.object({
        requests: z.looseObject({ memory: z.string() }),
        limits: z.looseObject({ memory: z.string() }),
      }),
      // Settings come by reference; a value here would be the place where a key is put one day.
      env: z.undefined().optional(),
      volumeMounts: z.array(z.looseObject({ name: z.string(), mountPath: z.string() })),
    }),
  ),
  volumes: z.array(z.looseObject({ name: z.string() })),
})
const Resource = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({
    namespace: z.literal('callsift'),
    name: z.string().optional(),
    generateName: z.string().optional(),
  }),
  spec: z.looseObject({}).optional(),
  data: z.record(z.string(), z.string()).optional(),
})

describe('the Kubernetes example', () => {
  const folder = join(root, 'deploy/kubernetes')
  const files = readdirSync(folder).filter((name) => name.endsWith('.yaml'))
  const resources = files.flatMap((name) =>
    parseAllDocuments(readFileSync(join(folder, name), 'utf8')).map((document) => {
      expect(document.errors, name).toEqual([])
      return Resource.parse(document.toJS())
    }),
  )
  const ofKind = (kind: string) => resources.filter((one) => one.kind === kind)
  const pods = [...ofKind('Deployment'), ...ofKind('Job')].map((one) =>
    Pod.parse((one.spec?.['template'] as { spec: unknown } | undefined)?.spec),
  )
  const Labelled = z.object({ metadata: z.object({ labels: z.record(z.string(), z.string()) }) })
  const labelsOf = (name: string) =>
    Labelled.parse(ofKind('Deployment').find((one) => one.metadata.name === name)?.spec?.['template']).metadata.labels

  test('has every part, and no secret in it', () => {
    expect(new Set(resources.map((one) => one.kind))).toEqual(
      new Set([
        'ConfigMap',
        'Deployment',
        'HorizontalPodAutoscaler',
        'Ingress',
        'Job',
        'NetworkPolicy',
        'PodDisruptionBudget',
        'Service',
        'ServiceAccount',
      ]),
    )
    expect(pods).toHaveLength(3)
    for (const pod of pods) expect(JSON.stringify(pod.volumes)).toContain('"secretName":"callsift"')
  })

  test('pods run the released image, mount what they name, and have a probe on a port that they open', () => {
    for (const pod of pods) {
      for (const container of pod.containers) {
        expect(container.image).toBe(`callsift:${manifest.version}`)
        const volumes = pod.volumes.map((volume) => volume.name)
        expect(container.volumeMounts.map((mount) => mount.name).filter((name) => !volumes.includes(name))).toEqual([])
        if (container.name === 'migrate') continue
        expect(container.livenessProbe?.httpGet.path).toBe('/livez')
        const ports = container.ports?.map((port) => port.name)
        expect(ports).toContain(container.livenessProbe?.httpGet.port)
        expect(ports).toContain(container.readinessProbe?.httpGet.port)
      }
    }
  })

  test('selectors find the pods', () => {
    const serve = labelsOf('callsift-serve')
    const work = labelsOf('callsift-work')
    expect(serve).not.toEqual(work)
    expect(ofKind('Service')[0]?.spec?.['selector']).toEqual(serve)
    expect(ofKind('PodDisruptionBudget').map((one) => one.spec?.['selector'])).toEqual([
      { matchLabels: serve },
      { matchLabels: work },
    ])
    expect(ofKind('HorizontalPodAutoscaler')[0]?.spec?.['scaleTargetRef']).toMatchObject({ name: 'callsift-work' })
    // The autoscaler and a number of replicas would take turns at each apply.
    expect(
      ofKind('Deployment').find((one) => one.metadata.name === 'callsift-work')?.spec?.['replicas'],
    ).toBeUndefined()
  })

  test('settings are known, and the time to end is longer than the drain', () => {
    const settings = ofKind('ConfigMap')[0]?.data ?? {}
    const known = read('docs/configuration.md')
    expect(Object.keys(settings).filter((name) => !known.includes(name.replace(/_FILE$/, '')))).toEqual([])
    for (const pod of pods.filter((one) => one.terminationGracePeriodSeconds !== undefined)) {
      expect(pod.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(Number(settings['CALLSIFT_DRAIN_SECONDS']) + 10)
    }
  })

  test('scales by a figure that the program gives', () => {
    const text = JSON.stringify(ofKind('HorizontalPodAutoscaler'))
    const metric = /"name":"callsift_([a-z_]+)"/.exec(text)?.[1] ?? ''
    expect(metric).toBe('steps_ready')
    expect(read('src/http/metrics.ts')).toContain(`'${metric}'`)
  })
})
