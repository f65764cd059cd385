/** A text to paste into a VibeCode ticket when an `INTERNAL_ERROR` persists: ids and times only, nothing of the customer. */
export function ticketText(facts: { requestId: string | null; route: string; at: Date; attempts: number }): string {
  const attempts = facts.attempts === 1 ? 'once' : `${facts.attempts} times`
  return [
    'Subject: INTERNAL_ERROR that persists',
    '',
    `The request ${facts.route} answered 500 INTERNAL_ERROR ${attempts}; the last time at ${facts.at.toISOString()}.`,
    facts.requestId === null
      ? 'The answer carried no X-Request-Id.'
      : `X-Request-Id of the last answer: ${facts.requestId}`,
    'Please look into it. Repeating the request did not help.',
  ].join('\n')
}
