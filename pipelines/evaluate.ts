import { checkWritable } from '../src/connect/files/writable.js'
import type { DataSet } from '../src/datasets/dataset.js'
import { openDataSet } from '../src/datasets/datasets.js'
import type { LoadedModel } from '../src/engine/engine.js'
import { StanflowError } from '../src/errors.js'
import { needsParts } from '../src/evaluate/compare.js'
import type { ViewCount } from '../src/evaluate/plan.js'
import { isRetrieval } from '../src/evaluate/queries.js'
import { checkFinite, score, textsOf } from '../src/evaluate/score.js'
import { VectorCache } from '../src/evaluate/vector-cache.js'
import { openReader } from '../src/media/open-reader.js'
import type { VideoReader } from '../src/media/reader.js'
import type { SimilarityName } from '../src/model/similarity/similarities.js'
import { withoutWeights } from '../src/model/similarity/wti.js'
import type { BackfillHooks, BackfillOptions } from './backfill.js'
import { embedItems } from './embed-items.js'
import { embedCaptions, embedClasses } from './embed-texts.js'
import type { Evaluation, FailedVideo } from './evaluation.js'
import { writeEvaluationPage } from './evaluation-page.js'
import { type ModelOptions, modelName, modelNotes, openModel } from './open-model.js'

export type { Evaluation, FailedVideo } from './evaluation.js'

export interface EvaluateOptions
  extends Omit<ModelOptions, 'sampling' | 'textLength'>,
    Pick<BackfillOptions, 'reader' | 'prompts'> {
  /** `msrvtt:FOLDER`, another kind's, or a `.jsonl` or `.csv` of videos with captions or labels. */
  readonly data: string
  readonly split?: string
  /** Videos are looked for here. Default: beside the annotations. */
  readonly root?: string
  /** Frames in a clip, spread over the whole video. */
  readonly frames: number
  /** How texts and videos are compared; the first says what the worst mistakes are. */
  readonly similarities: readonly SimilarityName[]
  /** Spatial crops whose answers are averaged in recognition. */
  readonly views: ViewCount
  /** Where embeddings are kept: the same videos are not computed again for another metric. */
  readonly cache: string
  /** An HTML page with the worst mistakes. */
  readonly report?: string
}

export interface EvaluateHooks extends Pick<BackfillHooks, 'signal' | 'onStart' | 'onProgress'> {
  readonly onData?: (set: DataSet) => void
  readonly onFailure?: (failed: FailedVideo) => void
  /** What comes after the videos, in words; it may take a minute. */
  readonly onStep?: (what: string) => void
  /** The scores, before the report is drawn: whatever becomes of that, they are there. */
  readonly onScores?: (evaluation: Evaluation) => void
}

const PROGRESS_MS = 200
/** Paragraphs are longer than captions: retrieval papers read twice as many tokens of them. */
const PARAGRAPH_TOKENS = 64

/**
 * Embeds the data set's videos and texts, and scores the ones against the others.
 * @throws StanflowError CONFIG_INVALID, INPUT_NOT_FOUND (no data set, or none of its videos), USAGE_INVALID, MODEL_*, ENGINE_*,
 * OUTPUT_* (the report's place is tried before anything else)
 */
export async function evaluate(options: EvaluateOptions, hooks: EvaluateHooks = {}): Promise<Evaluation> {
  const { data, split, root, report } = options
  if (report !== undefined) await checkWritable(report)
  const asked = { data, ...(split !== undefined && { split }), ...(root !== undefined && { root }) }
  const set = await openDataSet(asked)
  checkFound(set)
  hooks.onData?.(set)
  const { model, why: engine } = await openModel({
    ...options,
    sampling: { kind: 'uniform', frames: options.frames },
    ...(set.kind === 'didemo' && { textLength: PARAGRAPH_TOKENS }),
  })
  try {
    const { reader, why } = await openReader(options.reader)
    try {
      const { info } = model
      const about = { model: modelName(info), modelDigest: info.digest, engine, notes: modelNotes(info) }
      hooks.onStart?.({ ...about, reader: why })
      return await run({ options, hooks, set, model, reader, about })
    } finally {
      await reader.close()
    }
  } finally {
    await model.close()
  }
}

interface Run {
  readonly options: EvaluateOptions
  readonly hooks: EvaluateHooks
  readonly set: DataSet
  readonly model: LoadedModel
  readonly reader: VideoReader
  readonly about: Pick<Evaluation, 'model' | 'modelDigest' | 'engine' | 'notes'>
}

async function run({ options, hooks, set, model, reader, about }: Run): Promise<Evaluation> {
  const { data, similarities, views, frames, report, prompts } = options
  const { kind, title, split, missing, broken = [], items } = set
  const signal = hooks.signal ?? new AbortController().signal
  const work = { cached: 0, videos: 0, texts: 0 }
  const failed: FailedVideo[] = []
  const told = {
    ...{ data, kind, title, split, ...about, structure: model.info.structure, frames, views },
    ...{ videos: items.length, missing, broken, failed, work },
  }
  const texts = {
    ...{ model, cache: new VectorCache(options.cache, model.info.digest), signal },
    onEncoded: (count: number): void => {
      work.texts += count
    },
  }
  try {
    await checkWeights(model, similarities)
    const videos = await withProgress({ set, views, frames, failed, work, hooks }, () =>
      embedItems({
        ...{ ...texts, items, reader, views, withFrames: isRetrieval(set) },
        ...{ batch: options.batch, concurrency: options.concurrency },
        onCached: () => work.cached++,
        onEncoded: () => work.videos++,
        onFailure: ({ path }, { code, message, hint }) => {
          failed.push({ path, code, message, hint })
          hooks.onFailure?.({ path, code, message, hint })
        },
      }),
    )
    signal.throwIfAborted()
    if (videos.size === 0) throw nothingToScore(failed)
    const { captions, labels } = textsOf(set)
    const texted = captions.length + labels.length
    hooks.onStep?.(`embedding ${texted} ${texted === 1 ? 'text' : 'texts'}`)
    const vectors = {
      videos,
      captions: await embedCaptions(captions, similarities.some(needsParts), texts),
      labels: await embedClasses(labels, prompts, texts),
    }
    const { scale, textLength: paddedTo } = model.info
    if (captions.length > 0) hooks.onStep?.(`comparing by ${similarities.join(', ')}`)
    const scores = await score(set, vectors, { similarities, scale, paddedTo, signal })
    const evaluation: Evaluation = {
      ...{ ...told, ...scores, complete: true },
      ...(report !== undefined && { report }),
    }
    hooks.onScores?.(evaluation)
    if (report === undefined) return evaluation
    hooks.onStep?.('drawing the worst mistakes')
    await writeEvaluationPage(report, evaluation, { videos, reader, signal })
    return evaluation
  } catch (error) {
    if (!signal.aborted || error !== signal.reason) throw error
    return { ...told, complete: false }
  }
}

interface Watched extends Pick<EvaluateOptions, 'views' | 'frames'> {
  readonly set: DataSet
  readonly failed: readonly FailedVideo[]
  readonly work: Evaluation['work']
  readonly hooks: EvaluateHooks
}

/** Tells several times a second how far it is, and once more at the end. */
async function withProgress<T>(watched: Watched, job: () => Promise<T>): Promise<T> {
  const { set, views, frames, failed, work, hooks } = watched
  const started = performance.now()
  const tell = (): void => {
    const clips = work.videos * views
    hooks.onProgress?.({
      ...{
        found: set.items.length,
        listed: true,
        skipped: work.cached,
        done: work.videos,
        failed: failed.length,
      },
      ...{ clips, frames: clips * frames, fetchedBytes: 0, seconds: (performance.now() - started) / 1000 },
    })
  }
  const timer = setInterval(tell, PROGRESS_MS)
  try {
    return await job()
  } finally {
    clearInterval(timer)
    tell()
  }
}

/** A mistyped place is no data set with a few videos missing. */
function checkFound({ title, split, items, missing }: DataSet): void {
  if (items.length > 0) return
  const { wanted } = missing[0] ?? { wanted: 'a video' }
  throw new StanflowError(
    'INPUT_NOT_FOUND',
    `None of the ${missing.length} videos of ${title}, split ${split}, is there; the first is ${wanted}.`,
    { hint: 'Name the folder that they lie in, or a folder of such folders, with --root.' },
  )
}

/** Before hours of work go into what cannot be compared. */
async function checkWeights(model: LoadedModel, similarities: readonly SimilarityName[]): Promise<void> {
  const [one] = await model.encodeTokens(['a'])
  checkFinite(one?.text ?? [])
  if (similarities.includes('wti') && one?.weights === undefined) throw withoutWeights()
}

function nothingToScore(failed: readonly FailedVideo[]): StanflowError {
  const [first] = failed
  return new StanflowError(
    first?.code ?? 'INPUT_NONE',
    `No video could be read; the first: ${first?.message ?? 'there was none'}`,
    first === undefined ? {} : { hint: first.hint },
  )
}
