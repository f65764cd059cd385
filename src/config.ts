import { z } from 'zod'
import { type EnvSchedule, flag, hostList, isNetwork, json, price, schedules } from './env-shapes.ts'
import { UsageError } from './errors.ts'
import { rememberSecret } from './known-secrets.ts'
import { readSecretFiles } from './secret-files.ts'
import { withoutEmpty } from './without-empty.ts'

const seconds = (value: number) => value * 1000
const minutes = (value: number) => value * 60_000
const hours = (value: number) => value * 3_600_000

/** Every duration of the program, in ms, so that faults can be run at a tenth of the time (`CALLSIFT_TIMINGS='{"doubtWaitMs":6500}'`). */
const Timings = z
  .strictObject({
    dispatchTickMs: z.number().default(seconds(1)),
    heartbeatMs: z.number().default(seconds(3)),
    workerTtlMs: z.number().default(seconds(10)),
    sweepMs: z.number().default(seconds(2)),
    /** A dispatched step that nobody took is looked up in the queue after this long. */
    lostJobMs: z.number().default(seconds(10)),
    /** After the 1st, 2nd, … failed attempt. One more attempt than there are waits. */
    retryDelaysMs: z.array(z.number()).default([seconds(2), seconds(10), minutes(1), minutes(5), minutes(30)]),
    laterBudgetMs: z.number().default(hours(24)),
    recordingLadderMs: z
      .array(z.number())
      .default([seconds(15), seconds(45), minutes(2), minutes(5), minutes(15), minutes(60)]),
    recordingBudgetMs: z.number().default(hours(24)),
    /** Bitrix24 ends a REST request at 60 s, so a write not seen after this long was not applied. */
    doubtWaitMs: z.number().default(seconds(65)),
    gateProbeMs: z.number().default(seconds(60)),
    reconcileMs: z.number().default(minutes(10)),
    reconcileWindowMs: z.number().default(hours(24)),
    /** Whisper's own window is 15 min; its 504 should be heard, not cut off. */
    transcribeDeadlineMs: z.number().default(minutes(16)),
    chatDeadlineMs: z.number().default(minutes(3)),
    requestDeadlineMs: z.number().default(seconds(40)),
    writeDeadlineMs: z.number().default(seconds(30)),
    downloadDeadlineMs: z.number().default(minutes(10)),
    /** A full disk is left alone for so long: room comes back when other steps end, or by a person. */
    diskFullMs: z.number().default(minutes(1)),
    /** A permit to send lapses this long after its last check: a frozen process must ask again. */
    permitMs: z.number().default(seconds(1)),
    slotWaitMs: z.number().default(seconds(2)),
    /** A process that starts while the database does not answer waits so long for it. */
    recordWaitMs: z.number().default(minutes(1)),
    /** Steps that are due for longer than this while a worker has nothing to do mean that the queue is stuck. */
    stuckMs: z.number().default(seconds(30)),
    /** How often it is looked whether somebody must be told. */
    alertEveryMs: z.number().default(seconds(30)),
    /** A batch whose runs are in work, or whose budget is set aside, is looked at again after so long. */
    batchLookMs: z.number().default(seconds(1)),
    /** How often it is looked for schedules that are due. */
    scheduleTickMs: z.number().default(seconds(5)),
    /** How often a chat bot is asked what was said to it: the documents say every 2 to 5 s. */
    botPollMs: z.number().default(seconds(3)),
    /** How often it is looked for what is older than it may be kept. */
    keepSweepMs: z.number().default(hours(1)),
    /** A cause counts as gone when it was not seen for so long: one that comes and goes is told of once. */
    alertQuietMs: z.number().default(minutes(2)),
    /** Steps that waited this long with no worker alive: one is not just starting. */
    alertNoWorkerMs: z.number().default(minutes(1)),
    /** After the 1st, 2nd, … message that did not arrive; the last one is repeated until it does. */
    alertRetryMs: z
      .array(z.number())
      .min(1)
      .default([seconds(5), seconds(30), minutes(2), minutes(10), minutes(30)]),
  })
  .refine((timings) => timings.workerTtlMs >= 2 * timings.heartbeatMs + timings.permitMs, {
    path: ['workerTtlMs'],
    message: 'must be at least twice heartbeatMs plus permitMs, else a living worker counts as dead',
  })
  .prefault({})

const Environment = z.object({
  CALLSIFT_MODE: z.enum(['live', 'sandbox', 'demo']).optional(),
  CALLSIFT_DATA: z.string().min(1).default('.callsift'),
  CALLSIFT_HOST: z.string().min(1).default('127.0.0.1'),
  CALLSIFT_PORT: z.coerce.number().int().min(0).max(65535).default(8787),
  CALLSIFT_PUBLIC_URL: z.url().optional(),
  CALLSIFT_LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
  CALLSIFT_DEV: flag.default(false),
  CALLSIFT_WRITE: flag.default(true),
  CALLSIFT_SECRET_KEY: z.string().min(16).optional(),
  CALLSIFT_SECRET_KEY_PREVIOUS: z.string().min(16).optional(),
  CALLSIFT_MASK: flag.default(true),
  CALLSIFT_KEEP_DELIVERIES_DAYS: z.coerce.number().int().min(0).max(36_500).default(90),
  CALLSIFT_KEEP_TRANSCRIPTS_DAYS: z.coerce.number().int().min(0).max(36_500).default(30),
  CALLSIFT_KEEP_UPLOADS_DAYS: z.coerce.number().int().min(0).max(36_500).default(30),
  CALLSIFT_UPLOAD_QUOTA_MB: z.coerce.number().int().min(1).optional(),
  CALLSIFT_TRUST_PROXY: hostList.refine(
    (list) => list.every(isNetwork),
    'must be addresses or networks, such as 10.0.0.5,172.16.0.0/12',
  ),
  CALLSIFT_LOGIN_HEADER: z
    .string()
    .regex(/^[a-z0-9-]+$/i, 'must be the name of a header')
    .optional(),
  CALLSIFT_URL: z.url({ protocol: /^https?$/ }).optional(),
  CALLSIFT_TOKEN: z.string().min(16).optional(),
  CALLSIFT_LANGUAGE: z.string().default('ru'),
  CALLSIFT_CHAT_MODEL: z.string().default('bitrix/bitrixgpt-5.5'),
  CALLSIFT_SPEECH_MODEL: z.string().optional(),
  CALLSIFT_STEREO: z.enum(['split', 'mix']).default('split'),
  CALLSIFT_MAX_PART_BYTES: z.coerce.number().int().min(100_000).default(24_000_000),
  CALLSIFT_FFMPEG: z.string().min(1).optional(),
  PATH: z.string().optional(),
  CALLSIFT_MIN_SECONDS: z.coerce.number().int().min(0).default(15),
  CALLSIFT_RUBRICS: z.string().min(1).optional(),
  CALLSIFT_SCHEDULES: schedules.optional(),
  CALLSIFT_ALLOW_HOSTS: hostList,
  CALLSIFT_CONCURRENCY: z.coerce.number().int().min(1).max(256).default(8),
  CALLSIFT_AI_CONCURRENCY: z.coerce.number().int().min(1).max(256).default(4),
  CALLSIFT_RATE_PER_MINUTE: z.coerce.number().int().min(1).default(300),
  CALLSIFT_RATE_PER_SECOND: z.coerce.number().int().min(1).default(10),
  CALLSIFT_DRAIN_SECONDS: z.coerce.number().min(0).default(25),
  CALLSIFT_TIMINGS: json.pipe(Timings).optional(),
  CALLSIFT_ALERT_URL: z.url({ protocol: /^https?$/ }).optional(),
  CALLSIFT_ALERT_SECRET: z.string().min(16).optional(),
  CALLSIFT_ALERT_BACKLOG_MINUTES: z.coerce.number().min(0).default(30),
  CALLSIFT_ALERT_NO_EVENT_HOURS: z.coerce.number().min(0).default(24),
  CALLSIFT_PRICE_SPEECH_MINUTE: price.default(0),
  CALLSIFT_PRICE_CHAT_1K_TOKENS: price.default(0),
  CALLSIFT_PRICE_CURRENCY: z.string().min(1).max(10).default('RUB'),
  CALLSIFT_ROUTER_PORT: z.coerce.number().int().min(0).max(65535).optional(),
  CALLSIFT_ROUTER_CONFIG: z.string().min(1).optional(),
  CALLSIFT_ROUTER_MAX_AUDIO_MB: z.coerce.number().int().min(1).max(2_000).default(150),
  CALLSIFT_SANDBOX_URL: z.url({ protocol: /^https?$/ }).optional(),
  CALLSIFT_SANDBOX_SCALE: z.coerce.number().min(1).default(1),
  DATABASE_URL: z.string().min(1).optional(),
  REDIS_URL: z.string().min(1).optional(),
  VIBECODE_BASE_URL: z.url().default('https://vibecode.bitrix24.tech/v1'),
  VIBECODE_API_KEY: z.string().min(8).optional(),
  BITRIX24_MEMBER_ID: z.string().min(1).optional(),
  BITRIX24_APP_TOKEN: z.string().min(8).optional(),
})

export type Timings = z.output<typeof Timings>

/** What the program was told, secrets apart so that the rest can be printed. */
export interface Config {
  readonly mode: 'live' | 'sandbox' | 'demo'
  readonly dataDir: string
  readonly host: string
  readonly port: number
  readonly publicUrl: string | undefined
  readonly logLevel: string
  readonly dev: boolean
  readonly write: boolean
  readonly language: string
  readonly chatModel: string
  readonly speechModel: string | undefined
  readonly stereo: 'split' | 'mix'
  /** Of a file that is sent for transcription. */
  readonly maxPartBytes: number
  readonly ffmpeg: { readonly given: string | undefined; readonly searchPath: string | undefined }
  readonly minSeconds: number
  /** A folder with rubrics of one's own; those that ship stand behind them. */
  readonly rubricsFolder: string | undefined
  /** Applied at start; undefined = those that stand are left alone. */
  readonly schedules: readonly EnvSchedule[] | undefined
  readonly allowHosts: readonly string[]
  readonly concurrency: number
  readonly aiConcurrency: number
  readonly ratePerMinute: number
  readonly ratePerSecond: number
  readonly drainMs: number
  readonly timings: Timings
  readonly alerts: {
    /** A due step may be this old; 0 = never an alert. */
    readonly backlogMinutes: number
    /** A portal may be silent this long, unless its own setting says otherwise; 0 = never an alert. */
    readonly noEventHours: number
  }
  readonly prices: {
    /** Millionths of a unit of `currency`. */
    readonly speechMinuteMicros: number
    readonly chat1kTokensMicros: number
    readonly currency: string
  }
  /** Phone and document numbers are replaced in what the judging model gets. */
  readonly mask: boolean
  /** Days after which the sweep takes what is older; 0 = kept until somebody erases it. */
  readonly keepDays: { readonly deliveries: number; readonly transcripts: number; readonly uploads: number }
  /** Of all uploaded recordings that are kept; undefined = what suits the record. */
  readonly uploadQuotaMb: number | undefined
  /** Addresses and networks (CIDR) of proxies whose X-Forwarded-For is believed. */
  readonly trustProxy: readonly string[]
  /** Where those proxies say who is logged in. */
  readonly loginHeader: string | undefined
  /** The running service that verbs ask, where it is not on this machine. */
  readonly serviceUrl: string | undefined
  readonly router: {
    /** Undefined: `serve` starts none. */
    readonly port: number | undefined
    /** Models and upstreams of the operator, JSON. */
    readonly file: string | undefined
    readonly maxAudioMb: number
  }
  readonly sandboxScale: number
  /** A sandbox that runs elsewhere, instead of one in this process. Used in mode `sandbox` only. */
  readonly sandboxUrl: string | undefined
  readonly vibecodeBaseUrl: string
  readonly memberId: string | undefined
  /** PGlite in `dataDir` when false. */
  readonly hasDatabase: boolean
  readonly hasRedis: boolean
  readonly secrets: {
    readonly databaseUrl: string | undefined
    readonly redisUrl: string | undefined
    readonly apiKey: string | undefined
    readonly appToken: string | undefined
    readonly secretKey: string | undefined
    /** Opens what it sealed while keys are turned over; seals nothing. */
    readonly previousSecretKey: string | undefined
    /** Addresses of chat services carry their token in the path. */
    readonly alertUrl: string | undefined
    readonly alertSecret: string | undefined
    readonly serviceToken: string | undefined
  }
}

function rememberSecretsOf(env: z.output<typeof Environment>): void {
  for (const secret of [
    env.CALLSIFT_SECRET_KEY,
    env.CALLSIFT_SECRET_KEY_PREVIOUS,
    env.CALLSIFT_ALERT_SECRET,
    env.CALLSIFT_TOKEN,
    env.VIBECODE_API_KEY,
    env.BITRIX24_APP_TOKEN,
  ]) {
    rememberSecret(secret)
  }
}

/**
 * Reads the whole environment once. Throws `UsageError` (exit 78, EX_CONFIG of sysexits.h) that lists every mistake at once.
 */
export function loadConfig(environment: Record<string, string | undefined> = process.env): Config {
  const { settings, problems } = readSecretFiles(withoutEmpty(environment))
  const parsed = Environment.safeParse(settings)
  if (!parsed.success || problems.length > 0) {
    const mistakes = parsed.error?.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`) ?? []
    const lines = [...problems, ...mistakes].map((line) => `  ${line}`)
    throw new UsageError(`The settings can't be used:\n${lines.join('\n')}`, {
      exitCode: 78,
      hint: 'docs/configuration.md has a table of all settings with their defaults.',
    })
  }
  const env = parsed.data
  rememberSecretsOf(env)
  const upstream = new URL(env.VIBECODE_BASE_URL)
  const nearby =
    /^(localhost|127(\.\d+){3}|\[::1\])$/.test(upstream.hostname) || env.CALLSIFT_ALLOW_HOSTS.includes(upstream.host)
  if (upstream.protocol !== 'https:' && !(upstream.protocol === 'http:' && nearby)) {
    throw new UsageError(`VIBECODE_BASE_URL is ${upstream.origin}: the API key would travel in clear text.`, {
      exitCode: 78,
      hint: 'Use https. Plain http is for this machine, and for hosts named in CALLSIFT_ALLOW_HOSTS.',
    })
  }
  return {
    mode: env.CALLSIFT_MODE ?? (env.CALLSIFT_SANDBOX_URL === undefined ? 'live' : 'sandbox'),
    dataDir: env.CALLSIFT_DATA,
    host: env.CALLSIFT_HOST,
    port: env.CALLSIFT_PORT,
    publicUrl: env.CALLSIFT_PUBLIC_URL?.replace(/\/+$/, ''),
    logLevel: env.CALLSIFT_LOG_LEVEL,
    dev: env.CALLSIFT_DEV,
    write: env.CALLSIFT_WRITE,
    language: env.CALLSIFT_LANGUAGE,
    chatModel: env.CALLSIFT_CHAT_MODEL,
    speechModel: env.CALLSIFT_SPEECH_MODEL,
    stereo: env.CALLSIFT_STEREO,
    maxPartBytes: env.CALLSIFT_MAX_PART_BYTES,
    ffmpeg: { given: env.CALLSIFT_FFMPEG, searchPath: env.PATH },
    minSeconds: env.CALLSIFT_MIN_SECONDS,
    rubricsFolder: env.CALLSIFT_RUBRICS,
    schedules: env.CALLSIFT_SCHEDULES,
    allowHosts: env.CALLSIFT_ALLOW_HOSTS,
    concurrency: env.CALLSIFT_CONCURRENCY,
    aiConcurrency: env.CALLSIFT_AI_CONCURRENCY,
    ratePerMinute: env.CALLSIFT_RATE_PER_MINUTE,
    ratePerSecond: env.CALLSIFT_RATE_PER_SECOND,
    drainMs: env.CALLSIFT_DRAIN_SECONDS * 1000,
    timings: env.CALLSIFT_TIMINGS ?? Timings.parse({}),
    alerts: {
      backlogMinutes: env.CALLSIFT_ALERT_BACKLOG_MINUTES,
      noEventHours: env.CALLSIFT_ALERT_NO_EVENT_HOURS,
    },
    prices: {
      speechMinuteMicros: env.CALLSIFT_PRICE_SPEECH_MINUTE,
      chat1kTokensMicros: env.CALLSIFT_PRICE_CHAT_1K_TOKENS,
      currency: env.CALLSIFT_PRICE_CURRENCY,
    },
    mask: env.CALLSIFT_MASK,
    keepDays: {
      deliveries: env.CALLSIFT_KEEP_DELIVERIES_DAYS,
      transcripts: env.CALLSIFT_KEEP_TRANSCRIPTS_DAYS,
      uploads: env.CALLSIFT_KEEP_UPLOADS_DAYS,
    },
    uploadQuotaMb: env.CALLSIFT_UPLOAD_QUOTA_MB,
    trustProxy: env.CALLSIFT_TRUST_PROXY,
    loginHeader: env.CALLSIFT_LOGIN_HEADER?.toLowerCase(),
    serviceUrl: env.CALLSIFT_URL?.replace(/\/+$/, ''),
    router: {
      port: env.CALLSIFT_ROUTER_PORT,
      file: env.CALLSIFT_ROUTER_CONFIG,
      maxAudioMb: env.CALLSIFT_ROUTER_MAX_AUDIO_MB,
    },
    sandboxScale: env.CALLSIFT_SANDBOX_SCALE,
    sandboxUrl: env.CALLSIFT_SANDBOX_URL?.replace(/\/+$/, ''),
    vibecodeBaseUrl: env.VIBECODE_BASE_URL.replace(/\/+$/, ''),
    memberId: env.BITRIX24_MEMBER_ID,
    hasDatabase: env.DATABASE_URL !== undefined,
    hasRedis: env.REDIS_URL !== undefined,
    secrets: {
      databaseUrl: env.DATABASE_URL,
      redisUrl: env.REDIS_URL,
      apiKey: env.VIBECODE_API_KEY,
      appToken: env.BITRIX24_APP_TOKEN,
      secretKey: env.CALLSIFT_SECRET_KEY,
      previousSecretKey: env.CALLSIFT_SECRET_KEY_PREVIOUS,
      alertUrl: env.CALLSIFT_ALERT_URL,
      alertSecret: env.CALLSIFT_ALERT_SECRET,
      serviceToken: env.CALLSIFT_TOKEN,
    },
  }
}
