import { z } from 'zod'
import { resealPortals } from '../db/reseal.ts'
import { forgetPreviousKey, renewSecretKey } from '../seal.ts'
import { defineOperation, OperationError } from './operation.ts'

/**
 * Seals every stored secret with the key in force. A key of the data folder is made anew first; one from the environment has been
 * changed by the operator, and the one before stands in CALLSIFT_SECRET_KEY_PREVIOUS until this has run.
 */
export const keyRotate = defineOperation({
  name: 'key.rotate',
  role: 'admin',
  summary: 'Seals the stored API keys with a new secret key, while everything goes on.',
  input: z.strictObject({}),
  audit: () => ({ subject: 'secret key' }),
  run: async (app) => {
    const { secretKey } = app.config.secrets
    const ofFolder = secretKey === undefined
    if (ofFolder && app.config.hasDatabase) {
      throw new OperationError(
        'key_not_shared',
        409,
        'Several processes may work on this database, and the secret key stands in the data folder of one of them.',
        'Give all of them the key in CALLSIFT_SECRET_KEY and the one before in CALLSIFT_SECRET_KEY_PREVIOUS, then run this again.',
      )
    }
    if (ofFolder) app.sealer.adopt(await renewSecretKey(app.config.dataDir))
    const report = await resealPortals(app.db, app.sealer)
    if (ofFolder) await forgetPreviousKey(app.config.dataDir)
    return { ...report, key: ofFolder ? 'secret.key' : 'CALLSIFT_SECRET_KEY' }
  },
})
