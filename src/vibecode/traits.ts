/**
 * What one upstream turned out to understand. Learnt from a 400 that names the field, so it is found out once and not
 * with every request; share one object between the clients of one upstream.
 */
export interface UpstreamTraits {
  /** Which of the two names of the type field goes with a timeline entry. */
  timelineFields: 'both' | 'entityType' | 'entityTypeId'
  verboseJson: boolean
  jsonSchema: boolean
}

export function createUpstreamTraits(): UpstreamTraits {
  return { timelineFields: 'both', verboseJson: true, jsonSchema: true }
}
