import { z } from 'zod'
import { defineOperation, OperationError } from './operation.ts'

export const gateOpen = defineOperation({
  name: 'gate.open',
  summary: '"Fixed it": opens the gates that a person\'s matter has closed; all behind them goes on.',
  input: z.strictObject({
    /** The key's id as `status` shows it, or its beginning; all keys when left out. */
    keyId: z
      .string()
      .regex(/^[0-9a-f]{4,64}$/)
      .optional(),
    /** `key`, `ai`, `ai:<model>`, `crm`, `portal`, `bot` or `im`; must be named to open one that only waits for its time. */
    name: z.string().min(1).max(200).optional(),
  }),
  audit: (input) => ({ subject: `gate ${input.name ?? '(all)'} ${input.keyId ?? ''}`.trim() }),
  run: async (app, input) => {
    const closed = (await app.gates.list()).filter(
      (gate) =>
        (input.keyId === undefined || gate.keyId.startsWith(input.keyId)) &&
        (input.name === undefined ? gate.opensInMs === null : gate.name === input.name),
    )
    if (closed.length === 0) {
      throw new OperationError(
        'no_closed_gate',
        404,
        'No such gate is closed.',
        '`callsift status` lists the closed gates.',
      )
    }
    for (const gate of closed) await app.gates.open(gate.keyId, gate.name)
    app.engine.kick()
    return { opened: closed.map((gate) => ({ keyId: gate.keyId, name: gate.name })) }
  },
})
