import { FormData, request } from 'undici'
import { z } from 'zod'
import { exitCodes } from './exit-codes.ts'
import { OperationFailed } from './print-failure.ts'

/** A process that owns an embedded record, and how to ask it. */
export interface RunningService {
  readonly url: string
  readonly token: string
}

/** How the service tells of a failure (RFC 9457), with the mend beside it. */
const Problem = z.object({ detail: z.string(), mend: z.string().nullish() })

/** Operations wait for upstream calls (`portal.check`, `reconcile.run`), so this is longer than any of those. */
const answerMs = 120_000

/** Runs an operation in the process that owns the record. Throws `OperationFailed` with what that process said. */
export async function askService(
  service: RunningService,
  name: string,
  input: Record<string, unknown>,
): Promise<unknown> {
  return await post(service, `/api/v1/ops/${encodeURIComponent(name)}`, JSON.stringify(input), {
    'content-type': 'application/json',
  })
}

/** Sends a recording with the fields of `call.submit`. */
export async function sendFile(
  service: RunningService,
  file: { name: string; blob: Blob },
  fields: Record<string, unknown>,
): Promise<unknown> {
  const form = new FormData()
  // Fields first: the file is stored while it comes in, and must know its portal by then.
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) form.append(name, String(value))
  form.append('file', file.blob, file.name)
  return await post(service, '/api/v1/calls', form, {})
}

async function post(
  service: RunningService,
  path: string,
  body: string | FormData,
  headers: Record<string, string>,
): Promise<unknown> {
  const answer = await request(`${service.url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${service.token}`, ...headers },
    body,
    headersTimeout: answerMs,
    bodyTimeout: answerMs,
  })
  const text = await answer.body.text()
  const parsed = readJson(text)
  if (answer.statusCode < 300) return parsed
  const problem = Problem.safeParse(parsed)
  if (!problem.success) {
    throw new OperationFailed(`The service at ${service.url} answered ${path} with ${answer.statusCode}.`, {
      hint: 'Look at the log of the running service.',
      exitCode: exitCodes.unavailable,
    })
  }
  const { detail, mend } = problem.data
  throw new OperationFailed(detail, { hint: mend ?? undefined, exitCode: exitCodeOf(answer.statusCode) })
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

function exitCodeOf(status: number): number {
  if (status === 404) return exitCodes.notFound
  if (status === 429 || status === 503 || status === 507) return exitCodes.tryLater
  if (status === 401 || status === 403) return exitCodes.configuration
  if (status === 400 || status === 409 || status === 413 || status === 422) return exitCodes.usage
  return status >= 500 ? exitCodes.unavailable : exitCodes.failed
}
