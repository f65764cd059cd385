import type { FastifyServerOptions } from 'fastify'

const refuse = () => {
  throw new Error('Routes take no JSON schema: what comes in is checked by zod, in the handler.')
}

/** What is taken in is checked by zod. Fastify would load compilers for JSON schemas all the same, and they are 0.1 s of a start's CPU. */
export const withoutJsonSchemas: NonNullable<FastifyServerOptions['schemaController']> = {
  compilersFactory: { buildValidator: refuse, buildSerializer: refuse },
}
