import { defineConfig } from 'vitest/config'

/** Bytes that nobody meant, into everything that reads bytes of strangers. FUZZ_SECONDS for all parsers together, 60 unless told. */
export default defineConfig({
  test: {
    include: ['test/fuzz/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    testTimeout: 3_600_000,
    hookTimeout: 120_000,
    pool: 'forks',
    maxWorkers: 1,
  },
})
