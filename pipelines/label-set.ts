import { createHash } from 'node:crypto'
import type { LabelSet } from '../operators/index.js'
import type { LoadedModel } from '../src/engine/engine.js'

export interface EmbeddedLabels {
  readonly set: LabelSet
  /** Of labels, prompts, tokenizer and how many are kept: results under different label sets stay apart. */
  readonly digest: string
}

export interface LabelRequest {
  readonly labels: readonly string[]
  /** Templates with `{}` where the label goes. */
  readonly prompts: readonly string[]
  readonly top: number
}

/** Labels as the model's text tower sees them: each the average of its prompts, as CLIP's recognition does. */
export async function embedLabels(
  model: LoadedModel,
  { labels, prompts, top }: LabelRequest,
): Promise<EmbeddedLabels | undefined> {
  if (labels.length === 0) return undefined
  const texts = labels.flatMap((label) => prompts.map((prompt) => prompt.replaceAll('{}', () => label)))
  const embedded = await model.encodeText(texts)
  const vectors = labels.map((_, n) => unitMean(embedded.slice(n * prompts.length, (n + 1) * prompts.length)))
  const kept = Math.min(top, labels.length)
  const digest = createHash('sha256')
    .update(JSON.stringify([labels, prompts, kept, model.info.textDigest]))
    .digest('hex')
  return { set: { labels, vectors, scale: model.info.scale, top: kept }, digest }
}

function unitMean(vectors: readonly Float32Array[]): Float32Array {
  const sum = new Float32Array(vectors[0]?.length ?? 0)
  for (const vector of vectors) for (const [i, x] of vector.entries()) sum[i] = (sum[i] as number) + x
  const norm = Math.hypot(...sum)
  return sum.map((x) => x / norm)
}
