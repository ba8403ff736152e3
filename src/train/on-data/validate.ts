import type { DataItem } from '../../datasets/dataset.js'
import type { Tf } from '../../engine/tfjs/algebra.js'
import { ranks } from '../../evaluate/metrics.js'
import type { Texts } from '../batches.js'
import type { Network } from '../network.js'
import type { Parameters } from '../parameters.js'
import { type DecodedClips, knownClass, type Subject } from './batch.js'
import { type ClipRequest, fixedRequest } from './draw.js'
import { embedder } from './step.js'

/** R@1 from text to video, or top-1; 0..1. */
export type DataScores = { readonly retrieval: number } | { readonly recognition: number }

export interface ValidateOptions {
  readonly items: readonly DataItem[]
  readonly subject: Subject
  readonly clips: (requests: readonly ClipRequest[]) => Promise<DecodedClips>
  readonly texts: (texts: readonly string[]) => Texts
  readonly batch: number
}

/** Scores of the parameters as they are now, each video by its first caption or its class; those that cannot be read are left out. */
export async function validateOn(
  tf: Tf,
  net: Network,
  parameters: Parameters,
  { items, subject, clips, texts, batch }: ValidateOptions,
): Promise<DataScores> {
  const { dim } = net.config
  const embed = embedder(tf, net, parameters)
  try {
    const videos: Float32Array[] = []
    const seen: DataItem[] = []
    for (let from = 0; from < items.length; from += batch) {
      const group = items.slice(from, from + batch)
      const { pixels, failed } = await clips(group.map(fixedRequest))
      const vectors = embed.clips(pixels)
      for (const [n, item] of group.entries()) {
        if (failed.some(({ index }) => index === n)) continue
        videos.push(vectors.slice(n * dim, (n + 1) * dim))
        seen.push(item)
      }
    }
    const isClasses = subject.objective === 'classes'
    const sentences = isClasses
      ? subject.classes
      : seen.map(({ captions, label }) => captions[0] ?? label ?? '')
    const asked = seen.length === 0 ? new Float32Array() : embed.texts(texts(sentences))
    const rows = isClasses ? videos : split(asked, dim)
    const columns = isClasses ? split(asked, dim) : videos
    const data = Float32Array.from(rows.flatMap((row) => columns.map((column) => dot(row, column))))
    // Videos that the same words are true of are all right.
    const alike = (sentence: string): number[] =>
      seen.flatMap(({ captions, label }, n) =>
        captions.includes(sentence) || (captions.length === 0 && label === sentence) ? [n] : [],
      )
    const right = isClasses
      ? seen.map((item) => [knownClass(subject, item)])
      : sentences.map((sentence) => alike(sentence))
    const found = ranks({ rows: rows.length, columns: columns.length, data }, right)
    const first = found.filter((rank) => rank === 1).length / Math.max(1, found.length)
    return isClasses ? { recognition: first } : { retrieval: first }
  } finally {
    embed.release()
  }
}

const split = (all: Float32Array, dim: number): Float32Array[] =>
  Array.from({ length: all.length / dim }, (_, n) => all.subarray(n * dim, (n + 1) * dim))

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number)
  return sum
}
