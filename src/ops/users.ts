import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import type { App } from '../context.ts'
import { addLoginLink, listUsers, removeUser, saveUser } from '../db/users.ts'
import { defineOperation, OperationError, RoleInput, RowId } from './operation.ts'

const linkMinutes = 24 * 60

/** The path of a link that logs one person in, once. */
async function makeLink(app: App, userId: string): Promise<string> {
  const secret = randomBytes(32).toString('base64url')
  await addLoginLink(app.db, userId, secret, linkMinutes)
  return `/login/${secret}`
}

/** While there is no user yet: makes the first administrator and a link to begin with. Null once there is one. */
export async function firstLoginPath(app: App): Promise<string | null> {
  const users = await listUsers(app.db)
  const [only] = users
  if (only === undefined) return await makeLink(app, (await saveUser(app.db, 'admin', 'admin')).id)
  // Nobody has come in by the first link: it may have been lost with the terminal.
  const isWaiting = users.length === 1 && only.lastLoginAt === null && !only.hasPassword
  return isWaiting ? await makeLink(app, only.id) : null
}

export const userSave = defineOperation({
  name: 'user.save',
  role: 'admin',
  summary: 'Adds a user of the pages, or changes a role, and makes a link for one login.',
  input: z.strictObject({
    name: z
      .string()
      .trim()
      .min(1)
      .max(100)
      .regex(/^[^\p{Cc}]+$/u, 'must be one line'),
    role: RoleInput,
  }),
  audit: (input) => ({ subject: `user ${input.name}`, detail: { role: input.role } }),
  run: async (app, input) => {
    if (input.role !== 'admin') await refuseTheLast(app, input.name)
    const { id } = await saveUser(app.db, input.name, input.role)
    return { id, name: input.name, role: input.role, loginPath: await makeLink(app, id), linkMinutes }
  },
})

export const userList = defineOperation({
  name: 'user.list',
  role: 'admin',
  summary: 'Lists the users of the pages.',
  input: z.strictObject({}),
  run: async (app) => ({ users: await listUsers(app.db) }),
})

export const userRemove = defineOperation({
  name: 'user.remove',
  role: 'admin',
  summary: 'Removes a user and ends their sessions at once.',
  input: z.strictObject({ id: RowId }),
  audit: (input) => ({ subject: `user ${input.id}` }),
  run: async (app, input) => {
    const outcome = await removeUser(app.db, input.id)
    if (outcome === 'removed') return { id: input.id, removed: true }
    if (outcome === 'last') throw lastAdmin()
    throw new OperationError(
      'unknown_user',
      404,
      `There is no user ${input.id}.`,
      'List them with `callsift user list`.',
    )
  },
})

async function refuseTheLast(app: App, name: string): Promise<void> {
  const admins = (await listUsers(app.db)).filter((user) => user.role === 'admin')
  if (admins.length === 1 && admins[0]?.name.toLowerCase() === name.toLowerCase()) throw lastAdmin()
}

const lastAdmin = () =>
  new OperationError('last_admin', 409, 'This is the only administrator.', 'Make somebody else an administrator first.')
