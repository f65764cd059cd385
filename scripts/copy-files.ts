import { cp } from 'node:fs/promises'

// The compiler moves code only; the sandbox's recordings, what pages load and the rubrics lie beside it.
for (const folder of ['src/sandbox/recordings/', 'src/http/pages/client/', 'rubrics/']) {
  await cp(new URL(`../${folder}`, import.meta.url), new URL(`../dist/${folder}`, import.meta.url), { recursive: true })
}
