import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildSync } from 'esbuild'

/** The module as JavaScript in a file of its own: a process that is timed must not load a compiler for what watches it, 75 ms of its start. */
export function asJavaScript(module: URL): string {
  const folder = mkdtempSync(join(tmpdir(), 'callsift-js-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const outfile = join(folder, 'module.mjs')
  buildSync({ entryPoints: [fileURLToPath(module)], outfile, platform: 'node', format: 'esm', logLevel: 'warning' })
  return outfile
}
