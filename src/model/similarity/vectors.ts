import { MUG_SHARPNESS } from './mug.js'
import type { SimilarityName } from './similarities.js'
import { withoutWeights } from './wti.js'

/** A text, as an engine encodes it. */
export interface TextSide {
  /** `[dim]` */
  readonly text: Float32Array
  /** `[tokens, dim]` */
  readonly tokens: Float32Array
  /** `[tokens]` */
  readonly weights?: Float32Array
}

/** A video, as an engine encodes it. */
export interface VideoSide {
  /** `[dim]` */
  readonly video: Float32Array
  /** `[T, dim]` */
  readonly frames: Float32Array
  /** `[T]` */
  readonly weights?: Float32Array
}

/**
 * Every text with every video, `[texts, videos]` row by row, from vectors in memory: the same figures as the similarity of
 * that name gives in the model's algebra. `paddedTo`: the length that texts had in the encoder, which `wti` minds.
 * @throws StanflowError MODEL_WEIGHTS where `wti` finds no weights
 */
export function compareVectors(
  similarity: SimilarityName,
  texts: readonly TextSide[],
  videos: readonly VideoSide[],
  { paddedTo = 32 }: { readonly paddedTo?: number } = {},
): Float32Array {
  const compare = PAIRS[similarity]
  const result = new Float32Array(texts.length * videos.length)
  for (const [a, text] of texts.entries()) {
    for (const [b, video] of videos.entries()) result[a * videos.length + b] = compare(text, video, paddedTo)
  }
  return result
}

type Compare = (text: TextSide, video: VideoSide, paddedTo: number) => number

const PAIRS: Readonly<Record<SimilarityName, Compare>> = {
  cosine: ({ text }, { video }) => dot(text, 0, video, 0, video.length),
  wti: wtiOf,
  mug: mugOf,
}

function wtiOf(text: TextSide, video: VideoSide, paddedTo: number): number {
  if (text.weights === undefined || video.weights === undefined) throw withoutWeights()
  const { cosines, tokens, frames } = cosinesOf(text, video)
  // Padding takes part with a cosine of 0, and so may be a frame's best token.
  const least = tokens < paddedTo ? 0 : Number.NEGATIVE_INFINITY
  const bestToken = new Float64Array(frames).fill(least)
  let sum = 0
  for (let s = 0; s < tokens; s++) {
    let best = Number.NEGATIVE_INFINITY
    for (let t = 0; t < frames; t++) {
      const cosine = cosines[s * frames + t] as number
      best = Math.max(best, cosine)
      bestToken[t] = Math.max(bestToken[t] as number, cosine)
    }
    sum += best * (text.weights[s] as number)
  }
  for (let t = 0; t < frames; t++) sum += (bestToken[t] as number) * (video.weights[t] as number)
  return sum / 2
}

function mugOf(text: TextSide, video: VideoSide): number {
  const { cosines, tokens, frames } = cosinesOf(text, video)
  const byToken = Float64Array.from({ length: tokens }, (_, s) => weigh(cosines, s * frames, 1, frames))
  const byFrame = Float64Array.from({ length: frames }, (_, t) => weigh(cosines, t, frames, tokens))
  return (weigh(byToken, 0, 1, tokens) + weigh(byFrame, 0, 1, frames)) / 2
}

/** `count` values from `start` on, every `step`-th, weighed by their own softmax. */
function weigh(values: Float64Array, start: number, step: number, count: number): number {
  let top = Number.NEGATIVE_INFINITY
  for (let i = 0; i < count; i++) top = Math.max(top, values[start + i * step] as number)
  let total = 0
  let sum = 0
  for (let i = 0; i < count; i++) {
    const value = values[start + i * step] as number
    const share = Math.exp(MUG_SHARPNESS * (value - top))
    total += share
    sum += share * value
  }
  return sum / total
}

/** Every token with every frame, `[tokens, frames]`. */
function cosinesOf({ text, tokens }: TextSide, { frames }: VideoSide) {
  const dim = text.length
  const [S, T] = [tokens.length / dim, frames.length / dim]
  const cosines = new Float64Array(S * T)
  const fours = T - (T % 4)
  for (let s = 0; s < S; s++) {
    for (let t = 0; t < fours; t += 4) dotFour(tokens, s * dim, frames, t * dim, dim, cosines, s * T + t)
    for (let t = fours; t < T; t++) cosines[s * T + t] = dot(tokens, s * dim, frames, t * dim, dim)
  }
  return { cosines, tokens: S, frames: T }
}

/** A token with four frames at once: each of its numbers is read once, and no product waits for another to be added. */
function dotFour(
  a: Float32Array,
  fromA: number,
  b: Float32Array,
  fromB: number,
  length: number,
  target: Float64Array,
  at: number,
): void {
  let [s0, s1, s2, s3] = [0, 0, 0, 0]
  for (let i = 0; i < length; i++) {
    const x = a[fromA + i] as number
    const from = fromB + i
    s0 += x * (b[from] as number)
    s1 += x * (b[from + length] as number)
    s2 += x * (b[from + 2 * length] as number)
    s3 += x * (b[from + 3 * length] as number)
  }
  target[at] = s0
  target[at + 1] = s1
  target[at + 2] = s2
  target[at + 3] = s3
}

function dot(a: Float32Array, fromA: number, b: Float32Array, fromB: number, length: number): number {
  let sum = 0
  for (let i = 0; i < length; i++) sum += (a[fromA + i] as number) * (b[fromB + i] as number)
  return sum
}
