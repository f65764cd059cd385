import { cp } from 'node:fs/promises'

// The compiler moves code only; the sandbox's recordings lie beside it.
await cp(
  new URL('../src/sandbox/recordings/', import.meta.url),
  new URL('../dist/src/sandbox/recordings/', import.meta.url),
  { recursive: true },
)
