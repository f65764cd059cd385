/**
 * Loudness over time as a fingerprint: it survives another codec, another rate and one channel taken out of two,
 * where no byte of the file stays as it was. Only good for telling known recordings apart, never for guessing words.
 */
const WINDOW_SECONDS = 0.02
/** Eight seconds: shorter pieces may be the same greeting in two calls. */
const MIN_WINDOWS = 400
/** Another codec of the same sound gives 0.98 and more, another call of the same voices at most 0.51. */
const MIN_LIKENESS = 0.95

/** RMS of each 20 ms, smoothed over three, so that a shift by half a window hardly shows. */
export function measureEnvelope(samples: Float32Array, rate: number): Float32Array {
  const count = Math.floor(samples.length / (rate * WINDOW_SECONDS))
  const raw = new Float32Array(count)
  for (let window = 0; window < count; window++) {
    const from = Math.round(window * rate * WINDOW_SECONDS)
    const to = Math.round((window + 1) * rate * WINDOW_SECONDS)
    let sum = 0
    for (let index = from; index < to; index++) sum += (samples[index] ?? 0) ** 2
    raw[window] = Math.sqrt(sum / (to - from))
  }
  return raw.map((value, index) => ((raw[index - 1] ?? value) + 2 * value + (raw[index + 1] ?? value)) / 4)
}

/** Where in `whole` the envelope `part` lies, in seconds (a little before 0 where a codec put silence in front); null where it doesn't. */
export function findEnvelope(part: Float32Array, whole: Float32Array): { start: number; likeness: number } | null {
  const slack = 15
  if (part.length < MIN_WINDOWS) return null
  let best = { start: 0, likeness: 0 }
  for (let shift = -slack; shift + part.length <= whole.length + slack; shift++) {
    const likeness = correlate(part, whole, shift)
    if (likeness > best.likeness) best = { start: shift * WINDOW_SECONDS, likeness }
  }
  return best.likeness >= MIN_LIKENESS ? best : null
}

function correlate(part: Float32Array, whole: Float32Array, shift: number): number {
  let sumPart = 0
  let sumWhole = 0
  let squaresPart = 0
  let squaresWhole = 0
  let products = 0
  for (let index = 0; index < part.length; index++) {
    const left = part[index] ?? 0
    const right = whole[index + shift] ?? 0
    sumPart += left
    sumWhole += right
    squaresPart += left * left
    squaresWhole += right * right
    products += left * right
  }
  const count = part.length
  const spread = Math.sqrt((squaresPart - sumPart ** 2 / count) * (squaresWhole - sumWhole ** 2 / count))
  return spread > 0 ? (products - (sumPart * sumWhole) / count) / spread : 0
}
