import { request } from 'undici'

export interface TestEvent {
  readonly url: string
  readonly status: number | null
  readonly ok: boolean
  readonly what: string
  readonly mend: string | null
}

/**
 * Posts a call event of no length to the handler, as Bitrix24 would: its token is verified and its form read, and then it is
 * ignored as too short, so that nothing is judged or written. Stored tokens are digests, so the token must be given.
 */
export async function sendTestEvent(
  baseUrl: string,
  facts: { memberId: string; applicationToken: string; nowMs: number },
): Promise<TestEvent> {
  const url = `${baseUrl}/webhooks/bitrix24`
  const body = new URLSearchParams([
    ['event', 'ONVOXIMPLANTCALLEND'],
    ['data[CALL_ID]', `callsift-test.${facts.nowMs}`],
    ['data[CALL_TYPE]', '2'],
    ['data[CALL_DURATION]', '0'],
    ['data[CALL_FAILED_CODE]', '304'],
    ['ts', String(Math.floor(facts.nowMs / 1000))],
    ['auth[member_id]', facts.memberId],
    ['auth[application_token]', facts.applicationToken],
  ]).toString()
  try {
    const answer = await request(url, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      headersTimeout: 10_000,
    })
    const text = (await answer.body.text()).slice(0, 200)
    const status = answer.statusCode
    if (status === 200) return { url, status, ok: true, what: `The test event was taken with 200: ${text}`, mend: null }
    const mend =
      status === 401
        ? "Compare the application token with the outgoing webhook's, and add it with `callsift portal add`."
        : status === 503
          ? 'A service in sandbox mode or without its record takes no event: see `callsift status`.'
          : 'Is this address led to Callsift? Look at the proxy before it.'
    return { url, status, ok: false, what: `The test event was answered with ${status}: ${text}`, mend }
  } catch (error) {
    const what = `Nobody answers at ${url}: ${error instanceof Error ? error.message : String(error)}`
    return {
      url,
      status: null,
      ok: false,
      what,
      mend: 'Start `callsift serve`, and check CALLSIFT_PUBLIC_URL and the proxy before it.',
    }
  }
}
