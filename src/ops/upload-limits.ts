import type { Config } from '../config.ts'

const megabyte = 1024 * 1024

/** What one recording, and all recordings kept here together, may take, in bytes. PGlite keeps all it holds in one process's memory. */
export function uploadLimits(
  config: Pick<Config, 'uploadQuotaMb'>,
  record: 'postgres' | 'pglite',
): { maxBytes: number; quotaBytes: number } {
  return {
    maxBytes: (record === 'pglite' ? 50 : 200) * megabyte,
    quotaBytes: (config.uploadQuotaMb ?? (record === 'pglite' ? 1_000 : 20_000)) * megabyte,
  }
}
