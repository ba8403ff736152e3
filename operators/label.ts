import { map, type OperatorFunction } from 'rxjs'
import type { Embedding, Label, LabelledEmbedding } from '../src/domain.js'
import type { Encoded } from './encode-video.js'

/** Labels as the model sees them. */
export interface LabelSet {
  readonly labels: readonly string[]
  /** Unit vectors `[dim]`, one a label. */
  readonly vectors: readonly Float32Array[]
  /** exp(logit_scale): what cosines are multiplied by before the softmax. */
  readonly scale: number
  /** How many of the best to keep. */
  readonly top: number
}

/** The best labels of a unit vector, best first. */
export function classify(vector: Float32Array, { labels, vectors, scale, top }: LabelSet): readonly Label[] {
  const similarities = vectors.map((text) => {
    let dot = 0
    for (let i = 0; i < vector.length; i++) dot += (vector[i] as number) * (text[i] as number)
    return dot
  })
  const highest = similarities.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)
  const powers = similarities.map((similarity) => Math.exp(scale * (similarity - highest)))
  const total = powers.reduce((a, b) => a + b, 0)
  return labels
    .map((label, n) => ({
      label,
      score: (powers[n] as number) / total,
      similarity: similarities[n] as number,
    }))
    .sort((a, b) => b.similarity - a.similarity)
    .slice(0, top)
}

/** Embeddings → embeddings with their best labels; none where there is no label set. */
export function label(
  set: LabelSet | undefined,
): OperatorFunction<readonly Encoded[], readonly Encoded<LabelledEmbedding>[]> {
  const add = (embedding: Embedding): LabelledEmbedding => ({
    ...embedding,
    labels: set === undefined ? [] : classify(embedding.vector, set),
  })
  return map((batch) => batch.map(({ video, embedding }) => ({ video, embedding: add(embedding) })))
}
