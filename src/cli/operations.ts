import { createReadStream, openAsBlob } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename } from 'node:path'
import type { z } from 'zod'
import type { Config } from '../config.ts'
import type { App } from '../context.ts'
import { UsageError } from '../errors.ts'
import type { Log } from '../log.ts'
import { askService, type RunningService, sendFile } from './service-client.ts'

/** The operations as a verb sees them, wherever they run. */
export interface Operations {
  /** Runs one and reads of its answer what `shape` names. Throws what the operation threw. */
  ask<Shape extends z.ZodType>(name: string, input: Record<string, unknown>, shape: Shape): Promise<z.output<Shape>>
  /** Sends a recording and takes it in as a call; `fields` are those of `call.submit`. */
  submitFile<Shape extends z.ZodType>(
    path: string,
    fields: Record<string, unknown>,
    shape: Shape,
  ): Promise<z.output<Shape>>
  /** Set where no other process owns the record, so that whoever wants work done may do it here. */
  readonly app: App | null
  /** Of the running service, where one is asked. */
  readonly url: string | null
}

const caller = { actor: 'command line', role: 'admin' } as const

function readAnswer<Shape extends z.ZodType>(name: string, shape: Shape, answer: unknown): z.output<Shape> {
  const read = shape.safeParse(answer)
  if (read.success) return read.data
  throw new Error(
    `${name} answered in a shape this program does not know: ${read.error.issues[0]?.path.join('.')} ${read.error.issues[0]?.message}`,
  )
}

/** How long it is, in bytes. */
async function assertFile(path: string): Promise<number> {
  const facts = await stat(path).catch(() => null)
  if (facts?.isFile() !== true)
    throw new UsageError(`There is no file ${path}.`, { hint: 'Give the path of a recording.' })
  return facts.size
}

function throughService(service: RunningService): Operations {
  return {
    app: null,
    url: service.url,
    ask: async (name, input, shape) => readAnswer(name, shape, await askService(service, name, input)),
    submitFile: async (path, fields, shape) => {
      await assertFile(path)
      return readAnswer(
        'call.submit',
        shape,
        await sendFile(service, { name: basename(path), blob: await openAsBlob(path) }, fields),
      )
    },
  }
}

async function inThisProcess(app: App): Promise<Operations> {
  const [{ findOperation }, { runOperation }] = await Promise.all([
    import('../ops/index.ts'),
    import('../ops/operation.ts'),
  ])
  const ask: Operations['ask'] = async (name, input, shape) => {
    const operation = findOperation(name)
    if (operation === undefined) throw new Error(`there is no operation ${name}`)
    return readAnswer(name, shape, await runOperation(app, operation, input, caller))
  }
  return {
    app,
    url: null,
    ask,
    submitFile: async (path, fields, shape) => {
      const bytes = await assertFile(path)
      const [{ choosePortal }, { storeUpload }, { reserveUpload }, { uploadLimits }] = await Promise.all([
        import('../ops/call-submit.ts'),
        import('../db/uploads.ts'),
        import('../db/reserve-upload.ts'),
        import('../ops/upload-limits.ts'),
      ])
      const { maxBytes, quotaBytes } = uploadLimits(app.config, app.connection.kind)
      if (bytes > maxBytes) throw new UsageError(`${path} is longer than ${maxBytes} bytes.`)
      const named = fields['portalId']
      const portal = await choosePortal(app, typeof named === 'string' ? named : undefined)
      const id = await reserveUpload(app.db, { portalId: portal.id, contentType: null, bytes }, quotaBytes)
      const upload = await storeUpload(app.db, id, createReadStream(path))
      return await ask('call.submit', { ...fields, portalId: portal.id, uploadId: upload.id }, shape)
    },
  }
}

/** The token travels in every request's head: only over TLS, or on this very machine. */
function serviceElsewhere({ serviceUrl, secrets }: Config): RunningService | null {
  if (serviceUrl === undefined) return null
  const { protocol, hostname } = new URL(serviceUrl)
  if (protocol !== 'https:' && !/^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname))
    throw new UsageError(`CALLSIFT_URL is ${serviceUrl}: the token would travel in clear text.`, {
      hint: 'Use https; plain http is for this machine.',
      exitCode: 78,
    })
  if (secrets.serviceToken === undefined)
    throw new UsageError('CALLSIFT_URL is set, but CALLSIFT_TOKEN is not.', {
      hint: 'Make a token on the page Users, or there: callsift token create NAME',
      exitCode: 78,
    })
  return { url: serviceUrl, token: secrets.serviceToken }
}

/**
 * Gives a verb the operations. A service that CALLSIFT_URL names is asked over HTTP. A database server is opened directly. An embedded record has one owner: a running `serve` or
 * `demo` is asked over HTTP; a record that nobody owns is opened here, and let go of at the end.
 */
export async function withOperations<Value>(
  config: Config,
  log: Log,
  run: (operations: Operations) => Promise<Value>,
): Promise<Value> {
  const elsewhere = serviceElsewhere(config)
  if (elsewhere !== null) return await run(throughService(elsewhere))
  const { holdFolder } = await import('../db/owner-lock.ts')
  const held = config.hasDatabase ? null : await holdFolder(config.dataDir)
  if (held?.kind === 'held') return await run(throughService(held))
  try {
    const { openApp } = await import('../context.ts')
    const app = await openApp(config, log)
    try {
      return await run(await inThisProcess(app))
    } finally {
      await app.close({ drainMs: config.drainMs })
    }
  } finally {
    await held?.release()
  }
}
