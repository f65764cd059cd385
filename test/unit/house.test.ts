import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../', import.meta.url))
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<string, Record<string, string>>

function filesUnder(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
}

const sources = [...filesUnder('src'), ...filesUnder('workers')].map((path) => ({
  path,
  text: readFileSync(join(root, path), 'utf8'),
}))
const tests = filesUnder('test').map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }))

/** What a file imports, static and dynamic: own files as paths from the root, packages by name. */
function importsOf(file: { path: string; text: string }): string[] {
  const found = [
    ...file.text.matchAll(
      /(?:^|\s)(?:import|export)\s[^'"]*?from\s+'([^']+)'|^import\s+'([^']+)'|import\('([^']+)'\)/gm,
    ),
  ]
  return found.map((match) => {
    const name = match[1] ?? match[2] ?? match[3] ?? ''
    return name.startsWith('.') ? relative(root, join(root, file.path, '..', name)) : name
  })
}

const layerOf = (path: string) =>
  path.startsWith('workers/') ? 'workers' : (/^src\/([a-z]+)\//.exec(path)?.[1] ?? path)

/** Which folders each may look into, besides itself and the ground (errors, log, config, version and the like in src itself). */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  wire: [],
  db: ['wire'],
  audio: ['db', 'wire'],
  vibecode: ['db', 'wire'],
  engine: ['db', 'wire'],
  intake: ['engine', 'vibecode', 'db', 'wire'],
  ops: ['intake', 'engine', 'vibecode', 'audio', 'db', 'wire'],
  http: ['ops', 'intake', 'engine', 'vibecode', 'audio', 'db', 'wire'],
  workers: ['ops', 'intake', 'engine', 'vibecode', 'audio', 'db', 'wire'],
  sandbox: ['wire', 'audio'],
  router: ['vibecode', 'audio', 'db', 'wire'],
  cli: ['router', 'http', 'workers', 'sandbox', 'ops', 'intake', 'engine', 'vibecode', 'audio', 'db', 'wire'],
}
/** Builds the program out of its parts, and so knows them all; the others get it handed down. */
const composer = 'src/context.ts'
const ground = /^src\/[a-z-]+\.ts$/

describe('the house', () => {
  test('imports point one way', () => {
    const wrong: string[] = []
    for (const file of sources) {
      if (file.path === composer || file.path === 'src/cli.ts') continue
      const layer = layerOf(file.path)
      for (const target of importsOf(file)) {
        if (!target.startsWith('src/') && !target.startsWith('workers/')) continue
        if (layerOf(target) === layer || ground.test(target)) continue
        if (!(mayImport[layer] ?? []).includes(layerOf(target))) wrong.push(`${file.path} imports ${target}`)
      }
    }
    expect(wrong).toEqual([])
  })

  test('the composer is known above the engine only', () => {
    const low = ['wire', 'db', 'audio', 'vibecode', 'engine', 'intake', 'sandbox']
    const wrong = sources.filter((file) => low.includes(layerOf(file.path)) && importsOf(file).includes(composer))
    expect(wrong.map((file) => file.path)).toEqual([])
  })

  test('the environment is read in one place', () => {
    const readers = sources.filter((file) => file.text.includes('process.env')).map((file) => file.path)
    expect(readers).toEqual(['src/config.ts'])
  })

  test('bullmq stays behind the queues, SQL behind the stores', () => {
    const users = (name: RegExp) =>
      sources.filter((file) => importsOf(file).some((one) => name.test(one))).map((file) => file.path)
    expect(users(/^bullmq(\/|$)/).filter((path) => !/^src\/engine\/queues[a-z-]*\.ts$/.test(path))).toEqual([])
    expect(
      users(/^(kysely|pg|@electric-sql\/pglite)(\/|$)/).filter((path) => !/^src\/(db|engine|intake|ops)\//.test(path)),
    ).toEqual([])
  })

  test('files are small, named in kebab-case, and export by name', () => {
    const wrong = sources.flatMap(({ path, text }) => [
      ...(text.split('\n').length - 1 > 350 ? [`${path} is longer than 350 lines`] : []),
      ...(/(^|\/)[a-z0-9]+(-[a-z0-9]+)*\.ts$/.test(path) ? [] : [`${path} is not kebab-case`]),
      ...(/^export default/m.test(text) ? [`${path} has a default export`] : []),
      ...(/^\s*(export )?(const )?enum\s/m.test(text) ? [`${path} has an enum`] : []),
      ...(/^export \* from/m.test(text) ? [`${path} is a barrel`] : []),
    ])
    expect(wrong).toEqual([])
  })

  test.each(['bullmq', 'ioredis', 'undici', 'zod', 'pino', 'p-retry', 'vitest', 'nock', 'testcontainers'])(
    '%s is a direct dependency, and used',
    (name) => {
      expect({ ...manifest['dependencies'], ...manifest['devDependencies'] }).toHaveProperty([name])
      expect(
        [...sources, ...tests].some((file) =>
          importsOf(file).some((one) => one === name || one.startsWith(`${name}/`)),
        ),
      ).toBe(true)
    },
  )

  test('no runtime dependency runs a script when it is installed', () => {
    const wrong = Object.keys(manifest['dependencies'] ?? {}).filter((name) => {
      const { scripts } = JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8')) as {
        scripts?: Record<string, string>
      }
      return ['preinstall', 'install', 'postinstall'].some((event) => scripts?.[event] !== undefined)
    })
    expect(wrong).toEqual([])
  })

  test('the commands that people are told of exist', () => {
    for (const script of ['demo', 'start', 'test', 'check', 'build']) expect(manifest['scripts']).toHaveProperty(script)
    for (const script of ['.ci/run', 'scripts/setup-machine.sh'])
      expect(statSync(join(root, script)).mode & 0o100).not.toBe(0)
  })

  test('the lockfile names the optional packages of every platform, so that npm ci works on all of them', () => {
    const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, { optionalDependencies?: Record<string, string> }>
    }
    const missing = Object.values(lock.packages)
      .flatMap((entry) => Object.keys(entry.optionalDependencies ?? {}))
      .filter((name) => !Object.keys(lock.packages).some((path) => path.endsWith(`node_modules/${name}`)))
    expect(missing).toEqual([])
  })

  test('the README can be read in one sitting', () => {
    expect(readFileSync(join(root, 'README.md'), 'utf8').split('\n').length).toBeLessThanOrEqual(151)
  })
})
