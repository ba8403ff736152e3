import type { SimilarityName } from '../model/similarity/similarities.js'
import { compareVectors, type TextSide, type VideoSide } from '../model/similarity/vectors.js'
import type { Similarities } from './metrics.js'
import type { CaptionVectors, ItemVectors } from './vector-cache.js'

/** Whether a similarity looks at frames and tokens, not at the whole only. */
export const needsParts = (similarity: SimilarityName): boolean => similarity !== 'cosine'

/**
 * Every text with every video by their middle views. Row by row, so that a signal is heard in between.
 * @throws StanflowError MODEL_WEIGHTS where `wti` finds no weights; `signal`'s reason
 */
export async function compareAll(
  similarity: SimilarityName,
  texts: readonly CaptionVectors[],
  videos: readonly ItemVectors[],
  { paddedTo, signal }: { readonly paddedTo: number; readonly signal?: AbortSignal | undefined },
): Promise<Similarities> {
  const sides = videos.map(videoSide)
  const data = new Float32Array(texts.length * videos.length)
  for (const [row, text] of texts.entries()) {
    data.set(compareVectors(similarity, [textSide(text)], sides, { paddedTo }), row * videos.length)
    if (row % ROWS_AT_ONCE === 0) {
      await new Promise(setImmediate)
      signal?.throwIfAborted()
    }
  }
  return { rows: texts.length, columns: videos.length, data }
}

const ROWS_AT_ONCE = 16

const videoSide = ({ views, frames, weights }: ItemVectors): VideoSide => ({
  video: views[0] as Float32Array,
  frames: frames ?? new Float32Array(),
  ...(weights !== undefined && { weights }),
})

const textSide = ({ text, tokens, weights }: CaptionVectors): TextSide => ({
  text,
  tokens: tokens ?? new Float32Array(),
  ...(weights !== undefined && { weights }),
})

/**
 * Videos with classes, `[videos, classes]`: cosines where there is one view; of several the mean of their softmaxes, as
 * recognition averages its crops.
 */
export function compareViews(
  videos: readonly ItemVectors[],
  classes: readonly Float32Array[],
  scale: number,
): Similarities {
  const data = new Float64Array(videos.length * classes.length)
  for (const [row, { views }] of videos.entries()) {
    const cosines = views.map((view) => classes.map((vector) => dot(view, vector)))
    const scored =
      views.length === 1 ? (cosines[0] as number[]) : mean(cosines.map((of) => softmax(of, scale)))
    data.set(scored, row * classes.length)
  }
  return { rows: videos.length, columns: classes.length, data }
}

function softmax(values: readonly number[], scale: number): number[] {
  const top = Math.max(...values)
  const powers = values.map((value) => Math.exp(scale * (value - top)))
  const total = powers.reduce((sum, power) => sum + power, 0)
  return powers.map((power) => power / total)
}

const mean = (rows: readonly (readonly number[])[]): number[] =>
  (rows[0] ?? []).map((_, n) => rows.reduce((sum, row) => sum + (row[n] as number), 0) / rows.length)

export function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number)
  return sum
}
