import { cp, rm } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url))

await rm(root('dist'), { recursive: true, force: true })
// In few files: to find and read each module by itself was a fifth of the CPU of a start, and a service that was killed is away for as long.
await build({
  absWorkingDir: root('.'),
  entryPoints: [
    'src/cli.ts',
    // A thread of its own.
    'src/audio/audio-worker.ts',
    // What `npm run bench:audio` measures, as it ships.
    'src/audio/audio-thread.ts',
    'src/audio/plan.ts',
    'src/audio/probe-limits.ts',
  ],
  outbase: 'src',
  outdir: 'dist/src',
  bundle: true,
  splitting: true,
  packages: 'external',
  format: 'esm',
  platform: 'node',
  target: 'node22.22',
  sourcemap: 'linked',
  sourcesContent: false,
  logLevel: 'warning',
})
// The bundler moves code only: these lie where `shipped` looks for them.
for (const folder of ['src/sandbox/recordings/', 'src/http/pages/client/', 'rubrics/'])
  await cp(root(folder), root(`dist/${folder}`), { recursive: true })
