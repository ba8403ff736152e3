import type { ClipPixels, LoadedModel } from './engine.js'

/** How far one way to compute is from another: cosines between the two embeddings of each clip. */
export interface Drift {
  readonly clips: number
  readonly min: number
  readonly median: number
}

/** Clips that go through both models at once. */
const BATCH = 8

/** Embeds every clip with both. Clips are taken as they come; a batch of them is held at a time. */
export async function measureDrift(
  reference: LoadedModel,
  other: LoadedModel,
  clips: AsyncIterable<ClipPixels> | Iterable<ClipPixels>,
): Promise<Drift> {
  const cosines: number[] = []
  let batch: ClipPixels[] = []
  const flush = async (): Promise<void> => {
    const expected = await reference.encodeVideo(batch)
    const given = await other.encodeVideo(batch)
    for (const [n, vector] of expected.entries()) cosines.push(cosine(vector, given[n] as Float32Array))
    batch = []
  }
  for await (const clip of clips) {
    batch.push(clip)
    if (batch.length === BATCH) await flush()
  }
  if (batch.length > 0) await flush()
  return summary(cosines)
}

function summary(cosines: number[]): Drift {
  const sorted = cosines.sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  const median = sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
  return { clips: sorted.length, min: sorted[0] ?? Number.NaN, median }
}

/** Of two vectors of any length. */
export function cosine(a: Float32Array, b: Float32Array): number {
  let [product, left, right] = [0, 0, 0]
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i] as number, b[i] as number]
    product += x * y
    left += x * x
    right += y * y
  }
  return product / Math.sqrt(left * right)
}
