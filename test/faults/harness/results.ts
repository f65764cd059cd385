import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Outcome } from './fault.ts'

/** One subject's run of one fault. */
export interface Run extends Outcome {
  readonly seconds: number
  /** It could not be carried through; the reason. */
  readonly failed: string | null
}

export interface Result {
  readonly id: string
  readonly injected: string
  readonly expected: string
  readonly at: string
  readonly scale: number
  readonly machine: string
  readonly ours: Run | null
  readonly naive: Run | string | null
  /** Why it could not run here. */
  readonly missing: string | null
}

const folder = fileURLToPath(new URL('../../../.faults', import.meta.url))

/** Rows are kept one a file, so that a long table can be made in several sittings; each says when it was run. */
export function keepResult(result: Result): void {
  mkdirSync(folder, { recursive: true })
  writeFileSync(`${folder}/${result.id}.json`, `${JSON.stringify(result, null, 2)}\n`)
}

export function readResults(): Map<string, Result> {
  mkdirSync(folder, { recursive: true })
  const names = readdirSync(folder).filter((name) => /^F\d\d\.json$/.test(name))
  return new Map(
    names.map((name) => [name.slice(0, 3), JSON.parse(readFileSync(`${folder}/${name}`, 'utf8')) as Result]),
  )
}

/** What the simulation and the soak left of themselves: when, and in sentences. */
export interface Sitting {
  readonly at: string
  readonly lines: readonly string[]
}

export function keepSitting(name: 'simulation' | 'soak', lines: readonly string[]): void {
  mkdirSync(folder, { recursive: true })
  writeFileSync(`${folder}/${name}.json`, `${JSON.stringify({ at: new Date().toISOString(), lines }, null, 2)}\n`)
}

export function readSitting(name: 'simulation' | 'soak'): Sitting | null {
  const path = `${folder}/${name}.json`
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Sitting) : null
}

export function isAsExpected(run: Run | null): boolean {
  if (run === null || run.failed !== null || run.broken.length > 0) return false
  const { verdict } = run
  return (
    verdict.lost === 0 && verdict.duplicated === 0 && Object.values(verdict.invariants).every((one) => one === null)
  )
}
