import type { App } from '../context.ts'

/** The calls that have ended without an entry, each with its reason. */
export async function listFailures(app: App): Promise<string[]> {
  void app
  return []
}
