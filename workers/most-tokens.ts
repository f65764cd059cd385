/** Two asks of what no tokeniser splits finer than this, with room for the answers: set aside before, settled after. */
export function mostTokens(prompt: { readonly system: string; readonly user: string }): number {
  return 2 * (Math.ceil((prompt.system.length + prompt.user.length) / 1.5) + 2_000)
}
