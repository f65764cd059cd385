import { cp, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inject } from 'vitest'

/** A CALLSIFT_DATA folder of the test's own, its embedded record already made and still empty of tables. */
export async function makeDataFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'callsift-data-'))
  const response = await fetch(`${inject('storesUrl')}/record`)
  const { url } = (await response.json()) as { url: string }
  await cp(url, join(folder, 'pglite'), { recursive: true })
  return folder
}
