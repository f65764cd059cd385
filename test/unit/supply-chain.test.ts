import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'

const root = fileURLToPath(new URL('../../', import.meta.url))
const read = (path: string) => readFileSync(join(root, path), 'utf8')

const Entry = z.looseObject({
  version: z.string().optional(),
  integrity: z.string().optional(),
  resolved: z.string().optional(),
  license: z.string().optional(),
  dev: z.boolean().optional(),
  devOptional: z.boolean().optional(),
  optional: z.boolean().optional(),
  os: z.array(z.string()).optional(),
  hasInstallScript: z.boolean().optional(),
})
const lock = z
  .object({ lockfileVersion: z.literal(3), packages: z.record(z.string(), Entry) })
  .parse(JSON.parse(read('package-lock.json')))
const packages = Object.entries(lock.packages).filter(([path]) => path !== '')
const production = packages.filter(([, entry]) => entry.dev !== true && entry.devOptional !== true)

describe('E4 the lockfile', () => {
  test('names every package by its version and the hash of its bytes', () => {
    expect(packages.filter(([, entry]) => entry.version === undefined)).toEqual([])
    const unhashed = packages.filter(([, entry]) => !/^sha512-[A-Za-z0-9+/]{86}==$/.test(entry.integrity ?? ''))
    // Builds for other systems than the one the lockfile was written on: they are optional, and npm takes their hash from the registry.
    expect(
      unhashed.filter(([, entry]) => entry.optional !== true || entry.os === undefined).map(([path]) => path),
    ).toEqual([])
    expect(
      unhashed.filter(([, entry]) => entry.os?.includes('linux') && /linux-x64(-gnu)?$/.test(String(entry['name']))),
    ).toEqual([])
  })

  test('takes nothing from anywhere but a registry', () => {
    const elsewhere = packages.filter(
      ([, { resolved }]) => resolved !== undefined && !/^https:\/\/registry\.npmjs\.org\//.test(resolved),
    )
    expect(elsewhere).toEqual([])
    const manifest = JSON.parse(read('package.json')) as Record<string, Record<string, string>>
    const ranges = Object.values({ ...manifest['dependencies'], ...manifest['devDependencies'] })
    expect(ranges.filter((range) => /^(git|http|file|link|github)|\//.test(range))).toEqual([])
  })
})

describe('what runs in production', () => {
  test('E4 runs no script when it is installed, but one that may be left out', () => {
    const scripts = production.filter(([, entry]) => entry.hasInstallScript === true)
    expect(scripts.map(([path, entry]) => [path, entry.optional])).toEqual([['node_modules/msgpackr-extract', true]])
    const { allowScripts } = JSON.parse(read('package.json')) as { allowScripts: Record<string, boolean> }
    expect(Object.keys(allowScripts).sort()).toEqual(['esbuild', 'node'])
    expect(read('Dockerfile')).toContain('npm ci --omit=dev --omit=optional --ignore-scripts')
  })

  test('is under licences that allow it', () => {
    const allowed = new Set([
      'MIT',
      'Apache-2.0',
      'BSD-2-Clause',
      'BSD-3-Clause',
      'ISC',
      '0BSD',
      'MPL-2.0',
      'BlueOak-1.0.0',
      'Unlicense',
      'CC0-1.0',
    ])
    const others = production.filter(([, { license }]) => {
      const choices = (license ?? 'none').replace(/[()]/g, '').split(' OR ')
      return !choices.some((choice) => allowed.has(choice))
    })
    expect(others.map(([path, { license }]) => `${path} ${license}`)).toEqual([])
    // Those whose changes would have to be published are used as they are.
    expect(production.filter(([, { license }]) => license === 'MPL-2.0').map(([path]) => path)).toEqual([
      'node_modules/@mediabunny/mp3-encoder',
      'node_modules/mediabunny',
    ])
  })

  test('E4 is few packages', () => {
    const installed = production.filter(([path]) => existsSync(join(root, path)))
    expect(installed.length).toBeLessThanOrEqual(123)
    // The image leaves out what is optional, and with it all native code and every script at install.
    const inImage = installed.filter(([, entry]) => entry.optional !== true)
    expect(inImage.length).toBeLessThanOrEqual(119)
    expect(inImage.filter(([, entry]) => entry.hasInstallScript === true || entry.os !== undefined)).toEqual([])
  })

  test('E4 has a bill of materials that names every part', () => {
    const made = execFileSync('npm', ['run', '--silent', 'sbom'], { cwd: root, encoding: 'utf8', maxBuffer: 64e6 })
    const { bomFormat, components } = JSON.parse(made) as {
      bomFormat: string
      components: { name: string; version: string }[]
    }
    expect(bomFormat).toBe('CycloneDX')
    const names = new Set(components.map((component) => component.name))
    // All, with those of development marked: with `--omit dev` npm 11 leaves out what development needs as well (undici, zod).
    const named = production.map(([path, { name }]) => String(name ?? path.replace(/^.*node_modules\//, '')))
    expect(named.filter((name) => !names.has(name))).toEqual([])
  })
})

describe('the public workflow', () => {
  const files = readdirSync(join(root, '.github/workflows')).filter((name) => name.endsWith('.yml'))
  test.each(files)('%s may read and nothing else, and runs actions by their commit', (name) => {
    const text = read(`.github/workflows/${name}`)
    const workflow = z
      .looseObject({
        permissions: z.object({ contents: z.literal('read') }),
        jobs: z.record(z.string(), z.looseObject({ permissions: z.undefined().optional() })),
      })
      .parse(parse(text))
    expect(Object.keys(workflow.jobs).length).toBeGreaterThan(0)
    const uses = [...text.matchAll(/uses: (\S+)( # v\d+\.\d+\.\d+)?/g)]
    expect(uses.length).toBeGreaterThan(0)
    for (const [line, action, version] of uses) {
      expect(action, line).toMatch(/^actions\/[a-z-]+@[0-9a-f]{40}$/)
      expect(version, line).toBeDefined()
    }
    expect(text).not.toMatch(
      /pull_request_target|secrets\.|\$\{\{ *github\.(event\.(issue|pull_request|comment|head_commit)|head_ref)/,
    )
  })
})

test('SECURITY.md says how to report, and what may not be in a report', () => {
  const text = read('SECURITY.md')
  expect(text).toMatch(/Report a vulnerability/)
  expect(text).toMatch(/do not belong in a report/)
})
