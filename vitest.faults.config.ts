import { defineConfig } from 'vitest/config'

/** The engine's protocol under a scheduler that ends processes at any await: SIMULATION_SEEDS, 2,000 unless told. */
export default defineConfig({
  test: {
    include: ['test/faults/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    testTimeout: 3_600_000,
    hookTimeout: 120_000,
    pool: 'forks',
    maxWorkers: 1,
  },
})
