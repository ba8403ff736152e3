import { lastValueFrom, tap } from 'rxjs'
import {
  Budget,
  classify,
  decode,
  FramePool,
  type LabelSet,
  type OpenVideo,
  pull,
  sampleClips,
  store,
} from '../operators/index.js'
import { absentInputs } from '../src/connect/files/discover.js'
import { type FileStore, openStore, peekStore } from '../src/connect/files/store.js'
import type { S3Settings } from '../src/connect/s3/client.js'
import type { DeadLetter, Recipe, ResultFormat } from '../src/connect/store.js'
import type { Sampling, Video } from '../src/domain.js'
import type { LoadedModel, ModelInfo } from '../src/engine/engine.js'
import { StanflowError } from '../src/errors.js'
import type { MediaLimits } from '../src/media/limits.js'
import { openReader } from '../src/media/open-reader.js'
import type { ReaderName, VideoReader } from '../src/media/reader.js'
import type { Metrics } from '../src/telemetry/metrics.js'
import { VERSION } from '../src/version.js'
import { embedClips } from './embed-clips.js'
import { type EmbeddedLabels, embedLabels } from './label-set.js'
import { Ledger } from './ledger.js'
import { type ModelOptions, modelName, modelNotes, openModel } from './open-model.js'
import { limitsGiven, openVideo } from './open-video.js'
import { Places } from './places.js'
import { isSelected, type Selection } from './selection.js'
import { until } from './streams.js'
import { type BackfillProgress, Tally } from './tally.js'

const PROGRESS_MS = 200
/** A batch that is not full after this long goes to the model all the same: then decoding is what takes the time. */
const BATCH_DEADLINE_MS = 500

/** Clips with their frames' vectors that are held in memory at most before they are stored. */
const FRAMED_CLIPS = 512

/** What one backfill does; every field is decided (the command line's configuration fills in defaults). */
export interface BackfillOptions extends ModelOptions {
  /** Files, folders, globs, `.txt` and `.jsonl` lists, `s3://` URIs. */
  readonly inputs: readonly string[]
  /** A folder, or `s3://bucket/prefix`. */
  readonly to: string
  /** Sources are named relative to this folder; without it, by their absolute paths. */
  readonly root?: string
  /** Label texts; empty: embeddings only. */
  readonly labels: readonly string[]
  /** Templates with `{}` for the label; their embeddings are averaged. */
  readonly prompts: readonly string[]
  readonly top: number
  readonly reader: 'auto' | ReaderName
  readonly format: ResultFormat
  /** Store the vectors of each clip's frames too, for `mug` and `wti`: so many times the room. */
  readonly keepFrames?: boolean
  /** What one video may cost. */
  readonly limits?: MediaLimits
  /** Seconds of work that a crash may cost at most. */
  readonly checkpointSeconds: number
  /** List what would be done, decode nothing. */
  readonly dryRun: boolean
  /** How `s3://` inputs and results are reached. Default: as the AWS SDK's standard chain says. */
  readonly s3?: S3Settings
  /** Default: every video found. */
  readonly selection?: Selection
  /** Videos to begin at most; those done before do not count. Default: all. */
  readonly maxVideos?: number
}

export type { BackfillProgress } from './tally.js'

export interface BackfillSummary extends BackfillProgress {
  readonly to: string
  readonly modelDigest: string
  readonly model: string
  readonly engine: string
  readonly reader: string
  /** Clips of earlier runs that were given these labels, from their stored vectors. */
  readonly relabelled: number
  /** True where a signal ended the run before every video was done. */
  readonly drained: boolean
  readonly dryRun: boolean
  /** Where failures are written down, those of earlier runs too. */
  readonly deadLetterFile: string
  /** Failures of this run. */
  readonly deadLetters: readonly DeadLetter[]
  /** Sentences a person must read, such as that the model's weights are random. */
  readonly notes: readonly string[]
}

export interface BackfillHooks {
  readonly metrics?: Metrics
  /** Aborting drains: nothing new is started, clips in flight are finished and stored. */
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: BackfillProgress) => void
  /** A video failed; the run goes on. */
  readonly onDeadLetter?: (letter: DeadLetter) => void
  /** A dry run would do this video, or cannot read it. */
  readonly onPlan?: (plan: { source: string; clipsStored?: number; error?: StanflowError }) => void
  /** Said once, before work starts: model, engine, reader, notes. */
  readonly onStart?: (
    about: Pick<BackfillSummary, 'model' | 'modelDigest' | 'engine' | 'reader' | 'notes'>,
  ) => void
}

/** Videos in, labelled clip embeddings out: walks the inputs, skips what `to` already has, does the rest. */
export async function backfill(
  options: BackfillOptions,
  hooks: BackfillHooks = {},
): Promise<BackfillSummary> {
  const started = performance.now()
  const { sampling, to } = options
  const places = new Places(options.s3)
  const blobs = places.results(to)
  let deadLetterFile = blobs.at('dead-letter.jsonl')
  let relabelled = 0
  if (options.keepFrames === true && options.format === 'npy') {
    throw new StanflowError('USAGE_INVALID', 'The format npy has no room for the vectors of frames.', {
      hint: 'Add --format parquet or jsonl, or leave --keep-frames away.',
    })
  }
  await checkInputs(options.inputs)
  const { model, why: engine } = await openModel(options)
  const opened = await openReader(options.reader, limitsGiven(options)).catch(async (error: unknown) => {
    await model.close()
    throw error
  })
  const { reader, why } = opened
  const { info } = model
  const notes = modelNotes(info)
  const about = { model: modelName(info), modelDigest: info.digest, engine, reader: why, notes }
  hooks.onStart?.(about)

  const tally = new Tally(hooks.metrics)
  const timer = setInterval(() => hooks.onProgress?.(tally.progress(started)), PROGRESS_MS)
  // Loading takes seconds; whoever stopped the run meanwhile waits for nothing more.
  const isStopped = hooks.signal?.aborted ?? false
  try {
    const labels = isStopped ? undefined : await embedLabels(model, options)
    const recipe = recipeOf(info, sampling, labels)
    if (options.dryRun) {
      await dryRun(options, places, recipe, tally, hooks)
    } else if (!isStopped) {
      const { shard } = options.selection ?? {}
      const sink = await openStore({
        blobs,
        ...(shard !== undefined && { shard }),
        recipe,
        format: options.format,
        checkpointSeconds: options.checkpointSeconds,
        ...(options.keepFrames === true && { checkpointClips: FRAMED_CLIPS }),
        version: VERSION,
        relabel: (embeddings) =>
          embeddings.map(({ vector }) => (labels === undefined ? [] : classify(vector, labels.set))),
      })
      deadLetterFile = sink.deadLetterFile
      relabelled = sink.opened.clipsRelabelled
      try {
        await run({ options, hooks, tally, model, reader, sink, places, labels: labels?.set })
      } catch (error) {
        // What went wrong first is what the user must hear.
        await sink.close().catch(() => undefined)
        throw error
      }
      await sink.close()
    }
  } finally {
    clearInterval(timer)
    await reader.close()
    await places.close()
    await model.close()
  }
  return {
    ...about,
    ...tally.progress(started),
    relabelled,
    to,
    drained: hooks.signal?.aborted ?? false,
    dryRun: options.dryRun,
    deadLetterFile,
    deadLetters: tally.deadLetters,
  }
}

/** A mistyped path is found out before a model is loaded, and is no video that failed. */
async function checkInputs(inputs: readonly string[]): Promise<void> {
  const absent = await absentInputs(inputs)
  const [first] = absent
  if (first === undefined) return
  const others = absent.length === 1 ? '' : `, nor ${absent.slice(1).join(', ')}`
  throw new StanflowError('INPUT_NOT_FOUND', `There is no ${first}${others}.`, {
    hint: 'Check the path; nothing was done. A pattern needs quotes where the shell would expand it.',
  })
}

interface Run {
  readonly options: BackfillOptions
  readonly hooks: BackfillHooks
  readonly tally: Tally
  readonly model: LoadedModel
  readonly reader: VideoReader
  readonly sink: FileStore
  readonly places: Places
  readonly labels: LabelSet | undefined
}

/** The picture: videos → frames → clips → batches → embeddings → labels → files. */
async function run({ options, hooks, tally, model, reader, sink, places, labels }: Run): Promise<void> {
  const { sampling, concurrency, batch: size, keepFrames = false } = options
  const { digest, size: side } = model.info
  const signal = hooks.signal ?? new AbortController().signal
  const videos = new Budget(concurrency)
  // One batch in the model, one being gathered, and one clip under way in every decoder.
  const clips = new Budget(2 * size + concurrency)
  const pool = new FramePool()
  hooks.metrics?.batchSize(size)
  hooks.metrics?.watch({ lanes: () => [], clipsInFlight: () => clips.inFlight })
  const report = (letter: DeadLetter): void => {
    tally.failed(letter)
    hooks.onDeadLetter?.(letter)
  }
  const ledger = new Ledger(sink, { done: () => tally.done(), failed: report }, signal)
  const drain = (): void => {
    videos.close()
    clips.close()
  }
  signal.addEventListener('abort', drain, { once: true })

  const opening = {
    ...{ places, reader, pool, sampling, side, signal, onFetched: tally.fetched },
    ...limitsGiven(options),
  }
  const open = (video: Video): Promise<OpenVideo> => openVideo(video, sink.progress(video).clips, opening)
  const leave = (settle: () => void): void => {
    settle()
    videos.give()
  }
  const onFailure = (video: Video, error: StanflowError): void => leave(() => ledger.failed(video, error))
  const onComplete = (video: Video): void => leave(() => ledger.complete(video))

  const results = pull(until(signal, pending(options, places, sink, tally, ledger)), videos).pipe(
    tap((video) => {
      videos.take()
      ledger.start(video, sink.progress(video).clips)
    }),
    decode({ open, budget: clips, onFailure }),
    sampleClips({ sampling, modelDigest: digest, pool, budget: clips, onComplete, onFailure }),
    tap(({ video }) => ledger.cut(video)),
    embedClips({
      ...{ model, labels, pool, size, deadline: BATCH_DEADLINE_MS, keepFrames },
      onBatch: (count, milliseconds) => hooks.metrics?.batch(count, sampling.frames, milliseconds),
    }),
    store(sink, clips),
    tap((batch) => {
      for (const { video } of batch) ledger.stored(video)
      tally.stored(batch.length, batch.length * sampling.frames)
    }),
  )
  const finished = new AbortController()
  const counting = countInputs(options, places, tally, AbortSignal.any([signal, finished.signal])).catch(
    () => undefined,
  )
  try {
    await lastValueFrom(results, { defaultValue: [] })
    await ledger.settled()
  } finally {
    signal.removeEventListener('abort', drain)
    finished.abort()
    await counting
  }
}

/** Counts what there is, ahead of the work and without reading any of it. What is wrong with an input, the work tells. */
async function countInputs(
  { inputs, root, to, selection = {}, maxVideos }: BackfillOptions,
  places: Places,
  tally: Tally,
  signal: AbortSignal,
): Promise<void> {
  // Where a run ends after so many, how many there are says nothing of how far it is.
  if (maxVideos !== undefined) return
  for await (const found of places.discover(inputs, { root, skip: to, signal, known: () => '' })) {
    if (isSelected(found, selection)) tally.counted()
  }
  if (!signal.aborted) tally.listed()
}

/** Walks the inputs; yields what is not stored yet. Inputs that cannot be read go to the dead letters. */
async function* pending(
  options: BackfillOptions,
  places: Places,
  sink: FileStore,
  tally: Tally,
  ledger: Ledger,
): AsyncGenerator<Video> {
  const { inputs, root, to, selection = {}, maxVideos = Number.POSITIVE_INFINITY } = options
  let begun = 0
  for await (const found of places.discover(inputs, {
    root,
    skip: to,
    known: (source, bytes, modifiedMs) => sink.known(source, bytes, modifiedMs),
  })) {
    if (!isSelected(found, selection)) continue
    const isDone = !('error' in found) && sink.progress(found).done
    if (!isDone && begun++ >= maxVideos) break
    tally.found()
    if ('error' in found) ledger.unreadable(found)
    else if (isDone) tally.skipped()
    else yield found
  }
  tally.listed()
}

async function dryRun(
  { inputs, root, to, selection = {}, maxVideos = Number.POSITIVE_INFINITY }: BackfillOptions,
  places: Places,
  recipe: Recipe,
  tally: Tally,
  hooks: BackfillHooks,
): Promise<void> {
  const stored = await peekStore(places.results(to), recipe)
  const inputsFound = places.discover(inputs, { root, skip: to, known: stored.known })
  let planned = 0
  for await (const found of until(hooks.signal, inputsFound)) {
    if (!isSelected(found, selection)) continue
    const isDone = !('error' in found) && stored.progress(found).done
    if (!isDone && planned++ >= maxVideos) break
    tally.found()
    if ('error' in found) hooks.onPlan?.({ source: found.source, error: found.error })
    else if (isDone) tally.skipped()
    else hooks.onPlan?.({ source: found.source, clipsStored: stored.progress(found).clips })
  }
  tally.listed()
}

function recipeOf(info: ModelInfo, sampling: Sampling, labels: EmbeddedLabels | undefined): Recipe {
  const { digest: modelDigest, dim, name, structure, precision, parameters, size, random } = info
  return {
    modelDigest,
    dim,
    sampling,
    model: { name, structure, precision, parameters, size, random },
    ...(labels !== undefined && { labelSetDigest: labels.digest }),
  }
}
