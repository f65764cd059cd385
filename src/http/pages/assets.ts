import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { shipped } from '../../shipped.ts'

export interface Asset {
  readonly name: string
  readonly type: string
  readonly bytes: Buffer
}

const javascript = 'text/javascript; charset=utf-8'
const own = (name: string, type: string): Asset => ({
  name,
  type,
  bytes: readFileSync(shipped(`src/http/pages/client/${name}`)),
})

/** All that a page loads, from this server alone. */
export const assets: readonly Asset[] = [
  own('app.css', 'text/css; charset=utf-8'),
  own('app.js', javascript),
  own('player.js', javascript),
  {
    name: 'wavesurfer.js',
    type: javascript,
    bytes: readFileSync(join(dirname(createRequire(import.meta.url).resolve('wavesurfer.js')), 'wavesurfer.esm.js')),
  },
]

/** Stands in their address: a browser keeps them for ever, and takes new ones with a new release. */
const version = createHash('sha256')
  .update(Buffer.concat(assets.map((asset) => asset.bytes)))
  .digest('hex')
  .slice(0, 12)

export const assetRoot = `/assets/${version}`
