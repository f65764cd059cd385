import { defineConfig } from 'vitest/config'

/** Stops under load and moves of half-done records, with real processes: minutes, not seconds. */
export default defineConfig({
  test: {
    include: ['test/long/**/*.test.ts', 'test/system/scale-out.test.ts'],
    env: { SCALE_OUT_CALLS: '300' },
    globalSetup: ['test/support/global-setup.ts'],
    testTimeout: 300_000,
    hookTimeout: 120_000,
    pool: 'forks',
    maxWorkers: 1,
  },
})
