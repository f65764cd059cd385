import { UsageError } from '../errors.ts'
import type { Log } from '../log.ts'
import { checkRedisPolicy } from './queues.ts'

/**
 * A Redis that forgets or evicts makes work late and workers noisy, so production refuses to start on one (exit 78). With `dev` it is
 * only said. A Redis that does not answer is no reason to refuse: the record takes calls in meanwhile.
 */
export async function requireSafeRedis(redisUrl: string, options: { dev: boolean; log: Log }): Promise<void> {
  const findings = await checkRedisPolicy(redisUrl).catch((error: unknown) => {
    options.log.warn(
      { error: String(error) },
      'Redis does not answer; calls are taken in, and work begins when it does',
    )
    return []
  })
  if (findings.length === 0) return
  const lines = findings.map(
    (finding) => `  ${finding.rule} is ${finding.value}, must be ${finding.wanted}: ${finding.mend}`,
  )
  const sentence = `This Redis is not set up for a queue:\n${lines.join('\n')}`
  if (options.dev) options.log.warn(sentence)
  else
    throw new UsageError(sentence, {
      exitCode: 78,
      hint: 'Mend these settings, or set CALLSIFT_DEV=1 on a machine where lost time does no harm.',
    })
}
