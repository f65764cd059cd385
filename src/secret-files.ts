import { readFileSync } from 'node:fs'

/** Settings that may come from a file named by `<NAME>_FILE`, as Docker and Kubernetes hand out secrets: an environment is seen by more eyes. */
export const secretNames = [
  'DATABASE_URL',
  'REDIS_URL',
  'VIBECODE_API_KEY',
  'BITRIX24_APP_TOKEN',
  'CALLSIFT_SECRET_KEY',
  'CALLSIFT_SECRET_KEY_PREVIOUS',
  'CALLSIFT_TOKEN',
] as const

/**
 * Puts the contents of the named files in the place of the names. A value that is given itself goes before its file, so that one
 * of them can be set apart from a set of files. `problems` has a line for each file that can't be used.
 */
export function readSecretFiles(given: Readonly<Record<string, string>>): {
  settings: Record<string, string>
  problems: string[]
} {
  const settings = { ...given }
  const problems: string[] = []
  for (const name of secretNames) {
    const path = given[`${name}_FILE`]
    if (path === undefined || given[name] !== undefined) continue
    try {
      const content = readFileSync(path, 'utf8').trim()
      if (content === '') problems.push(`${name}_FILE: ${path} is empty`)
      else settings[name] = content
    } catch (error) {
      problems.push(`${name}_FILE: ${path} can't be read (${(error as NodeJS.ErrnoException).code ?? String(error)})`)
    }
  }
  return { settings, problems }
}
