import { randomBytes } from 'node:crypto'
import { StanflowError } from '../src/errors.js'
import { MomentIndex } from '../src/search/moment-index.js'
import { IndexWriter } from '../src/search/writer.js'
import { Feed } from './index-moments/feed.js'
import { fromStore } from './index-moments/from-store.js'
import type { IndexHooks, IndexOptions, IndexSummary } from './index-moments/options.js'
import { indexPlace } from './index-moments/place.js'
import { Places } from './places.js'

export type { IndexHooks, IndexOptions, IndexSummary }

const LOCK = '.stanflow.index'

/** Stored results → an index of moments: what it has not got yet. Run again, it goes on. @throws StanflowError */
export async function indexMoments(options: IndexOptions, hooks: IndexHooks = {}): Promise<IndexSummary> {
  const { from, to, s3, beside = false } = options
  const places = new Places(s3)
  try {
    const blobs = places.results(to)
    await blobs.open()
    const lock = await blobs.lock(LOCK, randomBytes(4).toString('hex'))
    try {
      const index = await MomentIndex.create(indexPlace(to, s3))
      try {
        const writer = new IndexWriter({
          ...{ index, lock, beside },
          onWritten: ({ added, changed }) => {
            feed.counts.added += added
            feed.counts.changed += changed
          },
        })
        const feed = new Feed({ writer, index, options, hooks })
        hooks.onReady?.()
        await fromStore(places.results(from), feed)
        await writer.flush()
        const model = await index.current()
        if (model === undefined && feed.counts.read === 0 && !feed.signal.aborted) throw nothing(from)
        return {
          ...{ to: blobs.location, model: model?.digest ?? null, ...feed.counts },
          clips: model === undefined ? 0 : await (await index.clips(model)).countRows(),
          drained: feed.signal.aborted,
        }
      } finally {
        index.close()
      }
    } finally {
      await lock.release()
    }
  } finally {
    await places.close()
  }
}

function nothing(from: string): StanflowError {
  return new StanflowError('INPUT_NONE', `There are no results in ${from}.`, {
    hint: 'Name what `stanflow backfill` or `stanflow archive` was given with --to, or kafka://.',
  })
}
