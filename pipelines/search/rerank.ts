import type { Table } from '@lancedb/lancedb'
import type { TextVectors } from '../../src/engine/engine.js'
import { StanflowError } from '../../src/errors.js'
import { compareVectors } from '../../src/model/similarity/vectors.js'
import { framesOf } from '../../src/search/frames.js'
import type { FoundClip } from '../../src/search/nearest.js'

/** Similarities that look at frames and tokens, one by one. */
export const RERANKERS = ['mug', 'wti'] as const
export type Reranker = (typeof RERANKERS)[number]

/** A text to find moments by, and what they are not to show. */
export interface Asked {
  readonly text: TextVectors
  readonly not: readonly TextVectors[]
  /** What is not to be shown counts so much against the text. */
  readonly notWeight: number
  /** Tokens that texts are padded to. */
  readonly paddedTo: number
}

/** Clips in another order. */
export interface Reranked {
  /** Best first. Scores descend: each place keeps the cosine that it had, whoever has it now. */
  readonly clips: readonly FoundClip[]
  /** What each that was compared anew has by itself. */
  readonly own: ReadonlyMap<string, { readonly cosine: number; readonly similarity: number }>
}

/**
 * Clips that have their frames' vectors, compared by these with the text's tokens: they share out their places among themselves.
 * Those without stay where cosine put them.
 * @throws StanflowError INDEX_FRAMES where none has any; MODEL_WEIGHTS where `wti` finds no weights
 */
export async function rerank(
  by: Reranker,
  clips: readonly FoundClip[],
  asked: Asked,
  table: Table | undefined,
): Promise<Reranked> {
  const ids = clips.map(({ clipId }) => clipId)
  const frames = table === undefined ? new Map<string, never>() : await framesOf(table, ids)
  if (frames.size === 0 && clips.length > 0) {
    throw new StanflowError(
      'INDEX_FRAMES',
      `None of the clips found has the vectors of its frames, which ${by} compares.`,
    )
  }
  const places = clips.flatMap((clip, at) => (frames.has(clip.clipId) ? [at] : []))
  const framed = places.map((at) => clips[at] as FoundClip)
  const sides = framed.map(({ clipId }) => {
    const { vectors, weights } = frames.get(clipId) as NonNullable<ReturnType<typeof frames.get>>
    return { video: new Float32Array(), frames: vectors, ...(weights !== undefined && { weights }) }
  })
  const { text, not, notWeight, paddedTo } = asked
  const like = (one: TextVectors): Float32Array => compareVectors(by, [one], sides, { paddedTo })
  const [wanted, unwanted] = [like(text), not.map(like)]
  const similarities = framed.map((_, n) => {
    const against = unwanted.reduce((sum, one) => sum + (one[n] ?? 0), 0) / Math.max(1, unwanted.length)
    return (wanted[n] ?? 0) - notWeight * against
  })
  const order = framed.map((_, n) => n).sort((a, b) => (similarities[b] ?? 0) - (similarities[a] ?? 0))
  const ordered = [...clips]
  order.forEach((n, rank) => {
    const at = places[rank] as number
    ordered[at] = { ...(framed[n] as FoundClip), score: (clips[at] as FoundClip).score }
  })
  const own = new Map(
    framed.map(({ clipId, score }, n) => [clipId, { cosine: score, similarity: similarities[n] ?? 0 }]),
  )
  return { clips: ordered, own }
}
