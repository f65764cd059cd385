import { holdFolder } from '../../src/db/owner-lock.ts'

// A process of its own that wants the folder named on its command line, says what it got, and then lives until it is killed.
const [folder = '', url = ''] = process.argv.slice(2)
const hold = await holdFolder(folder)
if (hold.kind === 'owner' && url !== '') hold.publish(url, 'token-of-this-start')
process.stdout.write(`${JSON.stringify({ kind: hold.kind, url: hold.kind === 'held' ? hold.url : null })}\n`)
setInterval(() => undefined, 60_000)
