import type { Pool } from 'pg'

/**
 * A pool listens for the errors of its idle clients only. One that is lent out and has no statement under way (a transaction that is thinking)
 * would end the process when its server dies: the error has no listener. Whoever has it learns of it from the next statement.
 */
export function surviveLostClients(pool: Pool): void {
  pool.on('connect', (client) => {
    client.on('error', () => undefined)
  })
}
