import { defineConfig } from 'vitest/config'

/** What needs a container engine: the image and the compose file as they ship. `npm test` does not run it. */
export default defineConfig({
  test: { include: ['test/containers/**/*.test.ts'], fileParallelism: false, bail: 1 },
})
