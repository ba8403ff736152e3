import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Folder } from '../src/connect/files/folder-blobs.js'
import { readResults } from '../src/connect/files/results.js'
import type { DeadLetter } from '../src/connect/store.js'
import type { LoadedModel } from '../src/engine/engine.js'
import { type Item, readDataset } from '../src/evaluate/dataset.js'
import { labelKey, type Scores, score, textsOf } from '../src/evaluate/evaluate.js'
import { type BackfillHooks, type BackfillOptions, backfill } from './backfill.js'
import { embedLabels } from './label-set.js'
import { type ModelOptions, openModel } from './open-model.js'

export interface EvaluateOptions extends ModelOptions, Pick<BackfillOptions, 'reader' | 'prompts'> {
  /** A `.jsonl` or `.csv` of videos with captions or labels. */
  readonly data: string
  /** Paths in it are relative to this folder. Default: the data set's own. */
  readonly root?: string
  /** Where embeddings are kept: the same videos are not computed again for another metric. */
  readonly cache: string
}

export interface Evaluation extends Scores {
  readonly data: string
  readonly model: string
  readonly modelDigest: string
  readonly engine: string
  readonly videos: number
  /** Videos that could not be read; no score counts them. */
  readonly failed: readonly DeadLetter[]
  /** Videos that were embedded before. */
  readonly cached: number
  readonly notes: readonly string[]
  /** False where a signal ended it before every video was embedded; then there are no scores. */
  readonly complete: boolean
}

/** Embeds the data set's videos as a backfill does, and its texts, and scores the one against the other. @throws StanflowError */
export async function evaluate(options: EvaluateOptions, hooks: BackfillHooks = {}): Promise<Evaluation> {
  const { data, root, cache, sampling, prompts } = options
  const items = await readDataset(data, root)
  const paths = [...new Set(items.map(({ path }) => path))]
  const summary = await backfill(
    {
      ...options,
      ...{ inputs: [await listOf(paths, cache)], to: cache, labels: [], top: 1 },
      ...{ format: 'parquet', checkpointSeconds: 30, dryRun: false },
      // Videos are named by absolute paths, whatever the data set calls them.
      root: '/',
    },
    hooks,
  )
  const { model, modelDigest, engine, deadLetters: failed, skipped: cached, notes, drained } = summary
  const about = { data, model, modelDigest, engine, videos: paths.length, failed, cached, notes }
  if (drained) return { ...about, complete: false }
  const videos = new Map<string, Float32Array>()
  const wanted = new Set(paths)
  for await (const { path, clips } of readResults(new Folder(cache), {
    recipe: { modelDigest, sampling },
    vectors: true,
  })) {
    const vector = clips[0]?.vector
    if (vector !== undefined && wanted.has(path)) videos.set(path, vector)
  }
  const opened = await openModel(options)
  try {
    const texts = await embedTexts(opened.model, items, prompts)
    return { ...about, ...score(items, { videos, texts }, opened.model.info.scale), complete: true }
  } finally {
    await opened.model.close()
  }
}

/** As many paths as there may be do not go on one command line: they go through a list, as a person's would. */
async function listOf(paths: readonly string[], cache: string): Promise<string> {
  const { mkdir } = await import('node:fs/promises')
  await mkdir(cache, { recursive: true })
  const list = join(cache, 'evaluated.txt')
  await writeFile(list, paths.map((path) => `${path}\n`).join(''))
  return list
}

async function embedTexts(
  model: LoadedModel,
  items: readonly Item[],
  prompts: readonly string[],
): Promise<ReadonlyMap<string, Float32Array>> {
  const { captions, labels } = textsOf(items)
  const vectors = captions.length === 0 ? [] : await model.encodeText(captions)
  const texts = new Map(captions.map((text, n) => [text, vectors[n] as Float32Array]))
  const set = (await embedLabels(model, { labels, prompts, top: 1 }))?.set
  for (const [n, label] of labels.entries()) texts.set(labelKey(label), set?.vectors[n] as Float32Array)
  return texts
}
