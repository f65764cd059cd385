const maxTries = 5

/**
 * Runs a transaction again when Postgres ended it to break a ring of transactions that waited for each other (40P01), or when `also`
 * says that the error is as harmless. Nothing of a broken transaction has happened.
 */
export async function againOnDeadlock<Value>(
  work: () => Promise<Value>,
  also: (error: unknown) => boolean = () => false,
): Promise<Value> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work()
    } catch (error) {
      const ring = error instanceof Error && 'code' in error && error.code === '40P01'
      if (!(ring || also(error)) || tries === maxTries) throw error
    }
  }
}
