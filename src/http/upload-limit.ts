/** The longest recording taken by upload, in bytes: PGlite keeps all it holds in one process's memory. */
export function maxUploadBytes(record: 'postgres' | 'pglite'): number {
  return (record === 'pglite' ? 50 : 200) * 1024 * 1024
}
