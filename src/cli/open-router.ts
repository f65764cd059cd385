import { join } from 'node:path'
import type { App } from '../context.ts'
import { type Router, startRouter } from '../router/router.ts'
import { hostedSettings, readSettingsFile } from '../router/settings.ts'
import type { Sandbox } from '../sandbox/sandbox.ts'

/** The AI Router on the program's record: before what the operator's file names, else before VibeCode, else before the sandbox. */
export async function openRouter(
  { config, db, sealer, log }: Pick<App, 'config' | 'db' | 'sealer' | 'log'>,
  where: { readonly host: string; readonly port: number; readonly sandbox: Sandbox | null },
): Promise<Router> {
  const played = where.sandbox?.addPortal({ name: 'router' }).key.value
  const settings =
    (await readSettingsFile(config.router.file)) ??
    hostedSettings(where.sandbox?.url ?? config.vibecodeBaseUrl, played ?? config.secrets.apiKey)
  return await startRouter({
    db,
    sealer,
    log: log.child({ part: 'router' }),
    settings,
    host: where.host,
    port: where.port,
    tempRoot: join(config.dataDir, 'temp'),
    allowHosts: config.allowHosts,
    maxAudioBytes: config.router.maxAudioMb * 1024 * 1024,
    sandbox: config.mode !== 'live',
  })
}
