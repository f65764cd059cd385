import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { describe, expect, test } from 'vitest'
import { openTerminal } from '../../src/cli/terminal.ts'
import { verbs } from '../../src/cli/verbs.ts'
import { loadConfig } from '../../src/config.ts'
import { operations } from '../../src/ops/index.ts'
import { registry } from '../../workers/index.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const pages = [
  ...readdirSync(root).filter((name) => name.endsWith('.md')),
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
]
const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }

function program(): Command {
  const built = new Command('callsift')
  const terminal = openTerminal(process.stdout, process.stderr, process.stdin)
  for (const add of verbs) add(built, terminal)
  return built
}

describe('the documents', () => {
  test('are all there, and link to what exists', () => {
    expect(pages.length).toBeGreaterThan(15)
    const broken = pages.flatMap((page) =>
      [...read(page).matchAll(/\]\((?!https?:)([^)#]+)/g)]
        .map((match) => match[1] ?? '')
        .filter((target) => !existsSync(join(root, dirname(page), target)))
        .map((target) => `${page}: ${target}`),
    )
    expect(broken).toEqual([])
  })

  test('the README is short', () => {
    expect(read('README.md').split('\n').length - 1).toBeLessThanOrEqual(150)
  })

  test('name npm scripts that exist', () => {
    const named = pages.flatMap((page) =>
      [...read(page).matchAll(/\bnpm run ([a-z-]+)/g)].map((match) => match[1] ?? ''),
    )
    expect(named.length).toBeGreaterThan(5)
    expect(named.filter((name) => scripts[name] === undefined)).toEqual([])
  })

  test('name verbs that exist', () => {
    const known = program().commands
    const missing = pages.flatMap((page) =>
      [...read(page).matchAll(/`(?:[A-Z_0-9]+=\S+ )*callsift ([a-z][a-z-]*)(?: ([a-z][a-z-]+))?/g)]
        .filter(([, verb = '', second]) => {
          const found = known.find((one) => one.name() === verb)
          const takesArguments = (found?.registeredArguments.length ?? 0) > 0
          const isKnown = second === undefined || found?.commands.some((one) => one.name() === second) === true
          return found === undefined || !(isKnown || takesArguments)
        })
        .map((match) => `${page}: ${match[0]}`),
    )
    expect(missing).toEqual([])
  })

  test('tell of every setting and every duration, and of none that is not there', () => {
    const page = read('docs/configuration.md')
    const settings = new Set(
      [...read('src/config.ts').matchAll(/^ {2}([A-Z][A-Z0-9_]+): /gm)].map((match) => match[1] ?? ''),
    )
    expect(settings.size).toBeGreaterThan(20)
    expect([...settings].filter((name) => !page.includes(`\`${name}\``))).toEqual([])
    const told = pages.flatMap((one) =>
      [...read(one).matchAll(/\b(?:CALLSIFT|VIBECODE|BITRIX24)_[A-Z0-9_]+/g)].map(String),
    )
    expect(told.filter((name) => !settings.has(name.replace(/_FILE$/, '')) && name !== 'CALLSIFT_TEST_FULL')).toEqual(
      [],
    )
    expect(Object.keys(loadConfig({}).timings).filter((name) => !page.includes(`\`${name}\``))).toEqual([])
  })

  test('tell of every operation and of every step', () => {
    const page = read('docs/api.md')
    expect(operations.map((one) => one.name).filter((name) => !page.includes(`| \`${name}\` |`))).toEqual([])
    const steps = registry.workflow('call').steps.map((placed) => placed.step.name)
    expect(steps.filter((name) => !page.includes(`\`${name}\``))).toEqual([])
  })

  test('give each direct dependency its reason', () => {
    const { dependencies } = JSON.parse(read('package.json')) as { dependencies: Record<string, string> }
    const page = read('docs/decisions/0002-chosen-parts.md')
    expect(Object.keys(dependencies).filter((name) => !page.includes(`\`${name}\``))).toEqual([])
  })
})
