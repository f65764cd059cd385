import { z } from 'zod'
import { callSubmit } from '../../ops/call-submit.ts'
import type { Operation } from '../../ops/operation.ts'
import { programVersion } from '../../version.ts'
import { type Endpoint, endpoints } from './endpoints.ts'

type Json = Record<string, unknown>

/** What a zod shape is in JSON Schema 2020-12, which OpenAPI 3.1 uses; what it cannot say (a refinement) is checked all the same. */
function schemaOf(shape: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _, ...schema } = z.toJSONSchema(shape, {
    io,
    unrepresentable: 'any',
    target: 'draft-2020-12',
  }) as Json
  return schema
}

const problem = {
  type: 'object',
  required: ['type', 'title', 'status', 'detail', 'mend'],
  properties: {
    type: { type: 'string', examples: ['urn:callsift:problem:unknown_call'] },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    mend: { type: 'string', description: 'What to do about it.' },
  },
}

function fieldsOf(operation: Operation): { properties: Json; required: readonly string[] } {
  const schema = schemaOf(operation.input, 'input')
  return { properties: (schema['properties'] ?? {}) as Json, required: (schema['required'] ?? []) as string[] }
}

function describe(endpoint: Endpoint): Json {
  const { operation, method, path, status } = endpoint
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? '')
  const { properties, required } = fieldsOf(operation)
  const others = Object.entries(properties).filter(([name]) => !inPath.includes(name))
  const parameters: Json[] = [
    ...inPath.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } })),
    ...(method === 'GET'
      ? others.map(([name, schema]) => ({ name, in: 'query', required: required.includes(name), schema }))
      : [{ name: 'Idempotency-Key', in: 'header', required: false, schema: { type: 'string', maxLength: 255 } }]),
  ]
  const body = {
    type: 'object',
    properties: Object.fromEntries(others),
    required: required.filter((name) => !inPath.includes(name)),
    additionalProperties: false,
  }
  const answer = operation.output === null ? { type: 'object' } : schemaOf(operation.output, 'input')
  return {
    operationId: `${method.toLowerCase()}${path.replace(/\W+(\w)/g, (_, letter: string) => letter.toUpperCase()).replace(/\W/g, '')}`,
    summary: operation.summary,
    description: `Least role: ${operation.role}.`,
    parameters,
    ...(method === 'POST' ? { requestBody: { content: { 'application/json': { schema: body } } } } : {}),
    responses: {
      [status]: { description: 'Done.', content: { 'application/json': { schema: answer } } },
      default: {
        description: 'A problem (RFC 9457).',
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    },
  }
}

/** `POST /calls` takes JSON, or the same fields as a form with a recording. */
function describeSubmit(): Json {
  const told = describe({ method: 'POST', path: '/calls', operation: callSubmit, status: 202 })
  // An upload is named by the program itself, once it has come.
  const { uploadId: _, ...properties } = fieldsOf(callSubmit).properties
  const file = { type: 'string', contentMediaType: 'application/octet-stream', description: 'The recording.' }
  const shapeOf = (fields: Json) => ({
    schema: { type: 'object', properties: fields, additionalProperties: false },
  })
  return {
    ...told,
    requestBody: {
      content: {
        'application/json': shapeOf(properties),
        'multipart/form-data': shapeOf({ ...properties, file }),
      },
    },
  }
}

/** OpenAPI 3.1 of the routes behind the dashboard, made of the very shapes that requests are checked against. */
export function openApi(): Json {
  const paths: Record<string, Json> = {}
  for (const endpoint of endpoints) {
    const place = `/api/v1${endpoint.path}`
    paths[place] = { ...paths[place], [endpoint.method.toLowerCase()]: describe(endpoint) }
  }
  paths['/api/v1/calls'] = { ...paths['/api/v1/calls'], post: describeSubmit() }
  paths['/api/v1/events'] = {
    get: {
      operationId: 'getEvents',
      summary:
        'Ids of calls and retries that change, as Server-Sent Events; Last-Event-ID goes on where a stream broke off.',
      responses: {
        200: { description: 'A stream.', content: { 'text/event-stream': { schema: { type: 'string' } } } },
      },
    },
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Callsift', version: programVersion, license: { name: 'MIT', identifier: 'MIT' } },
    security: [{ token: [] }],
    paths,
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
      schemas: { Problem: problem },
    },
  }
}
