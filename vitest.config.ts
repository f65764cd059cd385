import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** What takes longest goes first, so that no worker is left alone with it at the end. */
const order = ['scale-out', 'embedded', 'test/system/', 'test/contract/']

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const place = order.findIndex((part) => moduleId.includes(part))
      return place < 0 ? order.length : place
    }
    return [...files].sort((a, b) => rank(a) - rank(b))
  }
}

/** They say how long something takes, which says nothing while the suite's other files take the cores: they come last, one by one. */
const timed = [
  'test/system/cli-demo.test.ts',
  'test/system/http-slow-clients.test.ts',
  'test/system/dashboard-many.test.ts',
  'test/browser/**',
]

const common = { testTimeout: 60_000, hookTimeout: 120_000, pool: 'forks' } as const

export default defineConfig({
  test: {
    globalSetup: ['test/support/global-setup.ts'],
    // The short forms: npm run test:long rings more, npm run simulate tries 2,000 seeds, and so does CI.
    env: { SCALE_OUT_CALLS: '100', SIMULATION_SEEDS: process.env['CI'] === undefined ? '300' : '2000' },
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        extends: true,
        test: {
          ...common,
          name: 'together',
          include: ['test/**/*.test.ts'],
          // Those of minutes each, and those that need a container engine: npm run test:long, test:containers, fuzz, simulate.
          exclude: ['test/long/**', 'test/containers/**', 'test/fuzz/**', ...timed],
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: { ...common, name: 'timed', include: timed, maxWorkers: 1, sequence: { groupOrder: 1 } },
      },
    ],
  },
})
