import { isIP } from 'node:net'
import { isGlobalAddress } from '../audio/addresses.ts'
import { checkUrl, type Network } from '../audio/guarded-connect.ts'

/** Whether a link leads out to the internet, by all addresses that its name has now. Nothing is fetched. */
export async function isPublicLink(
  link: string,
  { network, allowHosts }: { network: Network; allowHosts: readonly string[] },
): Promise<boolean> {
  try {
    const { host, allowListed } = checkUrl(link, allowHosts)
    if (allowListed || isIP(host) !== 0) return true
    const answers = await network.resolve(host)
    return answers.length > 0 && answers.every(({ address }) => isGlobalAddress(address))
  } catch {
    return false
  }
}
