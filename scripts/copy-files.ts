import { cp } from 'node:fs/promises'

// The compiler moves code only; the sandbox's recordings and what pages load lie beside it.
await cp(
  new URL('../src/sandbox/recordings/', import.meta.url),
  new URL('../dist/src/sandbox/recordings/', import.meta.url),
  { recursive: true },
)
await cp(
  new URL('../src/http/pages/client/', import.meta.url),
  new URL('../dist/src/http/pages/client/', import.meta.url),
  { recursive: true },
)
