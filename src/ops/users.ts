import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import type { App } from '../context.ts'
import type { Queryable } from '../db/connect.ts'
import {
  addLoginLink,
  changeUsers,
  forgetPassword,
  listUsers,
  removeUser,
  saveUser,
  setDisabled,
  setRole,
} from '../db/users.ts'
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

const ById = z.strictObject({ id: RowId })
const audit = (input: { id: string }) => ({ subject: `user ${input.id}` })

/** Changes one user, who must be there, and never so that no administrator is left. */
async function changeOne<Value>(
  app: App,
  id: string,
  change: (trx: Queryable) => Promise<Value | null>,
): Promise<Value> {
  const changed = await changeUsers(app.db, change)
  if (changed === 'last') throw lastAdmin()
  if (changed !== null) return changed
  throw new OperationError('unknown_user', 404, `There is no user ${id}.`, 'List them with `callsift user list`.')
}

const lastAdmin = () =>
  new OperationError('last_admin', 409, 'This is the only administrator.', 'Make somebody else an administrator first.')

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
    const saved = await changeUsers(app.db, (trx) => saveUser(trx, input.name, input.role))
    if (saved === 'last') throw lastAdmin()
    return {
      id: saved.id,
      name: input.name,
      role: input.role,
      loginPath: await makeLink(app, saved.id),
      linkMinutes,
    }
  },
})

export const userList = defineOperation({
  name: 'user.list',
  role: 'admin',
  summary: 'Lists the users of the pages.',
  input: z.strictObject({}),
  run: async (app) => ({ users: await listUsers(app.db) }),
})

export const userRole = defineOperation({
  name: 'user.role',
  role: 'admin',
  summary: 'Changes what a user may, from their next click on.',
  input: z.strictObject({ id: RowId, role: RoleInput }),
  audit: (input) => ({ ...audit(input), detail: { role: input.role } }),
  run: async (app, { id, role }) => ({ id, role, ...(await changeOne(app, id, (trx) => setRole(trx, id, role))) }),
})

export const userLink = defineOperation({
  name: 'user.link',
  role: 'admin',
  summary: 'Makes a link for one login; with `reset` the password is forgotten and all sessions end.',
  input: z.strictObject({ id: RowId, reset: z.boolean().default(false) }),
  audit: (input) => ({ ...audit(input), detail: { reset: input.reset } }),
  run: async (app, { id, reset }) => {
    const user = await changeOne(app, id, async (trx) =>
      reset ? await forgetPassword(trx, id) : ((await listUsers(trx)).find((one) => one.id === id) ?? null),
    )
    return { id, name: user.name, loginPath: await makeLink(app, id), linkMinutes }
  },
})

export const userDisable = defineOperation({
  name: 'user.disable',
  role: 'admin',
  summary: 'Keeps a user out and ends their sessions at once; what they did stays under their name.',
  input: ById,
  audit,
  run: async (app, { id }) => ({
    id,
    disabled: true,
    ...(await changeOne(app, id, (trx) => setDisabled(trx, id, true))),
  }),
})

export const userEnable = defineOperation({
  name: 'user.enable',
  role: 'admin',
  summary: 'Lets a user in again.',
  input: ById,
  audit,
  run: async (app, { id }) => ({
    id,
    disabled: false,
    ...(await changeOne(app, id, (trx) => setDisabled(trx, id, false))),
  }),
})

export const userRemove = defineOperation({
  name: 'user.remove',
  role: 'admin',
  summary: 'Removes a user and ends their sessions at once.',
  input: ById,
  audit,
  run: async (app, { id }) => ({ id, removed: true, ...(await changeOne(app, id, (trx) => removeUser(trx, id))) }),
})
