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

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Those of minutes each, and those that need a container engine: npm run test:long, npm run test:containers, npm run fuzz.
    exclude: ['test/long/**', 'test/containers/**', 'test/fuzz/**'],
    globalSetup: ['test/support/global-setup.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    pool: 'forks',
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
  },
})
