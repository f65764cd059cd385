import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Files under a folder that hold one of the texts, in UTF-8, with the texts found; folders that vanish meanwhile hold nothing. */
export async function scanBytes(folder: string, texts: readonly string[]): Promise<string[]> {
  const found: string[] = []
  const entries = await readdir(folder, { withFileTypes: true, recursive: true }).catch(() => [])
  for (const entry of entries) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    const bytes = await readFile(path).catch(() => Buffer.alloc(0))
    for (const text of texts) if (bytes.includes(text)) found.push(`${path}: ${text}`)
  }
  return found
}
