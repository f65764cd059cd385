import { existsSync, readdirSync } from 'node:fs'
import { findBinary } from './processes.ts'
import { tellMissing } from './tell-missing.ts'

/**
 * The paths of programs that a suite needs beside Node; null where one is missing, which the end of the run then says in capitals. With
 * CI or CALLSIFT_TEST_FULL set, a missing program is a failure.
 */
export async function needsPrograms<Name extends string>(
  what: string,
  names: readonly Name[],
): Promise<Record<Name, string> | null> {
  const found = names.map((name) => [name, name === 'asterisk-prompts' ? findPrompts() : findBinary(name)] as const)
  const missing = found.filter(([, path]) => path === undefined).map(([name]) => name)
  if (missing.length === 0) return Object.fromEntries(found) as Record<Name, string>
  await tellMissing(what, `${missing.join(' and ')} cannot be had`)
  return null
}

/** Sounds of people, which Debian's asterisk-core-sounds-ru-wav brings. */
function findPrompts(): string | undefined {
  const root = '/usr/share/asterisk/sounds'
  const voice = existsSync(root) ? readdirSync(root).find((name) => name.startsWith('ru')) : undefined
  return voice === undefined ? undefined : `${root}/${voice}`
}
