import { randomBytes } from 'node:crypto'
import type { S3Settings } from '../src/connect/s3/client.js'
import { StanflowError } from '../src/errors.js'
import type { Filter } from '../src/search/filter.js'
import { type IndexedModel, MomentIndex } from '../src/search/moment-index.js'
import { removeOlder, removeSources } from '../src/search/removal.js'
import { IndexWriter } from '../src/search/writer.js'
import { Feed } from './index-moments/feed.js'
import { fromArchive } from './index-moments/from-archive.js'
import { fromKafka } from './index-moments/from-kafka.js'
import { fromStore } from './index-moments/from-store.js'
import type { IndexHooks, IndexOptions, IndexSummary } from './index-moments/options.js'
import { indexPlace } from './index-moments/place.js'
import { Places } from './places.js'

export type { IndexedModel, IndexHooks, IndexOptions, IndexSummary }

/** Whoever writes clips holds it. Deleting goes without: LanceDB settles which of two changes comes first. */
const LOCK = '.stanflow.index'

export const isKafka = (from: string): boolean => /^kafka:\/\//i.test(from)

/** Results → an index of moments: what it has not got yet. Run again, it goes on. @throws StanflowError */
export async function indexMoments(options: IndexOptions, hooks: IndexHooks = {}): Promise<IndexSummary> {
  const { from, to, s3, beside = false } = options
  const places = new Places(s3)
  try {
    const blobs = places.results(to)
    await blobs.open()
    const lock = await blobs.lock(LOCK, randomBytes(4).toString('hex'))
    let index: MomentIndex | undefined
    try {
      index = await MomentIndex.create(indexPlace(to, s3))
      const writer = new IndexWriter({ index, lock, beside, onWritten: (counts) => feed.written(counts) })
      const feed = new Feed({ writer, index, options, hooks })
      await readInto(feed, { options, hooks, places })
      await feed.settle()
      await feed.upkeep()
      const model = await index.current()
      if (model === undefined && !isKafka(from) && !feed.signal.aborted) throw nothing(from)
      return {
        ...{ to: blobs.location, model: model?.digest ?? null, ...feed.counts },
        clips: model === undefined ? 0 : await (await index.clips(model)).countRows(),
        framed: model === undefined ? 0 : ((await (await index.frames(model))?.countRows()) ?? 0),
        drained: feed.signal.aborted,
      }
    } finally {
      index?.close()
      await lock.release()
    }
  } finally {
    await places.close()
  }
}

async function readInto(
  feed: Feed,
  { options, hooks, places }: { options: IndexOptions; hooks: IndexHooks; places: Places },
): Promise<void> {
  const { from, kafka, untilQuiet } = options
  if (isKafka(from)) {
    if (kafka === undefined) throw new TypeError('kafka:// needs its settings')
    if (options.keepFrames === true) {
      throw new StanflowError('USAGE_INVALID', 'Topics do not carry the vectors of frames.', {
        hint: 'Index what `stanflow backfill --keep-frames` stored.',
      })
    }
    await fromKafka({ ...kafka, ...(untilQuiet !== undefined && { untilQuiet }) }, feed, hooks)
    return
  }
  hooks.onReady?.()
  await fromStore(places.results(from), feed)
  await fromArchive(places.results(from), feed)
}

function nothing(from: string): StanflowError {
  return new StanflowError('INPUT_NONE', `There are no results in ${from}.`, {
    hint: 'Name what `stanflow backfill` or `stanflow archive` was given with --to, or kafka://.',
  })
}

/** A model of an index, and what there is of it. */
export interface ModelRow extends IndexedModel {
  readonly clips: number
  /** Whether searches use it. */
  readonly searched: boolean
}

export interface IndexAt {
  readonly to: string
  readonly s3?: S3Settings
}

/** The models that an index has. @throws StanflowError INDEX_MISSING, INDEX_FAILED */
export function indexModels(at: IndexAt): Promise<readonly ModelRow[]> {
  return within(at, async (index) => {
    const current = await index.current()
    const rows: ModelRow[] = []
    for (const model of await index.models()) {
      const clips = await (await index.clips(model)).countRows()
      rows.push({ ...model, clips, searched: model.digest === current?.digest })
    }
    return rows
  })
}

/** Has searches use another model of the index from now on. @throws StanflowError INDEX_MODEL */
export function useModel(at: IndexAt, digest: string): Promise<IndexedModel> {
  return within(at, async (index) => {
    const model = await index.model(digest)
    await index.use(model)
    return model
  })
}

/** Which clips to delete: each that is meant by any of them. */
export interface Removal extends Pick<Filter, 'sources' | 'cameras'> {
  /** Older than so many seconds: shown so long ago, or for videos indexed so long ago. */
  readonly olderThan?: number
  /** All clips of the model whose digest begins so; not of the one that searches use. */
  readonly digest?: string
}

/** Deletes clips, while others index and search too. Answers with how many. @throws StanflowError */
export function deleteMoments(at: IndexAt, { olderThan, digest, ...filter }: Removal): Promise<number> {
  return within(at, async (index) => {
    let removed = await removeSources(index, filter)
    if (olderThan !== undefined) removed += await removeOlder(index, olderThan)
    if (digest !== undefined) {
      const model = await index.model(digest)
      if ((await index.current())?.digest === model.digest) {
        throw new StanflowError('INDEX_MODEL', `Searches use the model ${model.digest.slice(0, 12)}.`, {
          hint: 'Have them use another first: stanflow index use DIGEST --to INDEX.',
        })
      }
      removed += await (await index.clips(model)).countRows()
      await index.dropModel(model)
    }
    return removed
  })
}

async function within<T>({ to, s3 }: IndexAt, step: (index: MomentIndex) => Promise<T>): Promise<T> {
  const index = await MomentIndex.open(indexPlace(to, s3))
  try {
    return await step(index)
  } finally {
    index.close()
  }
}
