import type { LoadedModel } from '../src/engine/engine.js'
import type { CaptionVectors, VectorCache } from '../src/evaluate/vector-cache.js'
import { embedLabels } from './label-set.js'

/** Texts in one piece of the cache, and in one question to the model. */
const PIECE = 1024

export interface EmbedTexts {
  readonly model: LoadedModel
  readonly cache: VectorCache
  readonly signal: AbortSignal
  /** Texts that were not in the cache; a label is one, whatever its prompts. */
  readonly onEncoded: (count: number) => void
}

/**
 * Vectors of captions, each once. `tokens`: whether those of tokens are needed; they are kept on disk in any case, so that
 * another similarity costs nothing, and in memory only then.
 */
export async function embedCaptions(
  captions: readonly string[],
  tokens: boolean,
  { model, cache, signal, onEncoded }: EmbedTexts,
): Promise<Map<string, CaptionVectors>> {
  const vectors = new Map<string, CaptionVectors>()
  for (let from = 0; from < captions.length; from += PIECE) {
    signal.throwIfAborted()
    const piece = captions.slice(from, from + PIECE)
    const key = [model.info.textDigest, piece]
    let made: readonly CaptionVectors[] | undefined = cache.texts(key, { tokens })
    if (made === undefined) {
      made = await model.encodeTokens(piece)
      await cache.putTexts(key, made)
      onEncoded(piece.length)
    }
    for (const [n, caption] of piece.entries()) {
      const own = made[n] as CaptionVectors
      vectors.set(caption, tokens ? own : { text: own.text })
    }
  }
  return vectors
}

/** Labels as recognition sees them: each the average of its prompts. */
export async function embedClasses(
  labels: readonly string[],
  prompts: readonly string[],
  { model, cache, onEncoded }: EmbedTexts,
): Promise<Map<string, Float32Array>> {
  if (labels.length === 0) return new Map()
  const key = [model.info.textDigest, 'labels', labels, prompts]
  let vectors = cache.texts(key, { tokens: false })?.map(({ text }) => text)
  if (vectors === undefined) {
    vectors = [...((await embedLabels(model, { labels, prompts, top: 1 }))?.set.vectors ?? [])]
    await cache.putTexts(
      key,
      vectors.map((text) => ({ text })),
    )
    onEncoded(labels.length)
  }
  return new Map(labels.map((label, n) => [label, (vectors as Float32Array[])[n] as Float32Array]))
}
