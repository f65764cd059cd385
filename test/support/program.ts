import { rm } from 'node:fs/promises'
import { loadConfig } from '../../src/config.ts'
import { type App, openApp } from '../../src/context.ts'
import { type Portal, savePortal } from '../../src/db/portals.ts'
import type { Registry } from '../../src/engine/registry.ts'
import { createLog } from '../../src/log.ts'
import { type Sandbox, type SandboxOptions, startSandbox } from '../../src/sandbox/sandbox.ts'
import type { CallContext } from '../../workers/call-context.ts'
import { makeDataFolder } from './data-folder.ts'

export interface Program {
  readonly app: App
  readonly sandbox: Sandbox
  readonly portal: Portal
  addPortal(name: string): Promise<Portal>
  /** Resolves when `look` returns something; rejects with the state of all runs after `withinMs`. */
  until<Value>(look: () => Promise<Value | null | undefined | false>, withinMs?: number): Promise<Value>
  close(): Promise<void>
}

/** The whole program in this process over a sandbox: embedded, or on the stores named by URL. */
export async function startProgram(
  options: {
    env?: Record<string, string>
    sandbox?: Partial<SandboxOptions>
    timings?: Record<string, unknown>
    work?: boolean
    registry?: Registry<CallContext>
  } = {},
): Promise<Program> {
  const dataDir = await makeDataFolder()
  const log = createLog(process.env['TEST_LOG'] ?? 'silent')
  const sandbox = await startSandbox({ log, limits: { scale: 100 }, ...options.sandbox })
  const config = loadConfig({
    CALLSIFT_DATA: dataDir,
    CALLSIFT_MODE: 'sandbox',
    CALLSIFT_LANGUAGE: 'auto',
    CALLSIFT_RATE_PER_MINUTE: '30000',
    CALLSIFT_RATE_PER_SECOND: '1000',
    CALLSIFT_TIMINGS: JSON.stringify(options.timings ?? {}),
    ...options.env,
  })
  const app = await openApp(config, log, options.registry)
  const addPortal = async (name: string) => {
    const made = sandbox.addPortal({ name })
    return await savePortal(app.db, app.sealer, {
      id: name,
      memberId: made.memberId,
      domain: made.domain,
      name,
      baseUrl: sandbox.url,
      apiKey: made.key.value,
      applicationToken: made.applicationToken,
      writeEnabled: true,
      sandbox: true,
    })
  }
  const portal = await addPortal('acme')
  await app.start()
  if (options.work !== false) await app.engine.work({ concurrency: () => config.concurrency })
  return {
    app,
    sandbox,
    portal,
    addPortal,
    until: async (look, withinMs = 30_000) => {
      const deadline = performance.now() + withinMs
      for (;;) {
        const seen = await look()
        if (seen !== null && seen !== undefined && seen !== false) return seen
        if (performance.now() > deadline) {
          const steps = await app.db
            .selectFrom('callsift.steps')
            .select(['run_id', 'name', 'state', 'class', 'message', 'due_at'])
            .orderBy('id')
            .execute()
          throw new Error(`not seen within ${withinMs} ms; steps: ${JSON.stringify(steps, null, 1)}`)
        }
        await new Promise((resolve) => setTimeout(resolve, 25))
      }
    },
    close: async () => {
      await app.close({ drainMs: 2_000 })
      await sandbox.close()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}
