import { concatMap, EMPTY, from, lastValueFrom, map, mergeMap, tap } from 'rxjs'
import { Budget, batch, FramePool, pull, uniformIndices } from '../operators/index.js'
import { inspect } from '../src/connect/files/discover/inspect.js'
import type { DataItem } from '../src/datasets/dataset.js'
import type { ClipPixels, LoadedModel } from '../src/engine/engine.js'
import { asStanflowError, StanflowError } from '../src/errors.js'
import { cropView, framesIn, type ViewCount } from '../src/evaluate/plan.js'
import type { ItemVectors, VectorCache } from '../src/evaluate/vector-cache.js'
import type { VideoReader } from '../src/media/reader.js'
import { timelineOf, until } from './streams.js'

export interface EmbedItems {
  readonly items: readonly DataItem[]
  readonly model: LoadedModel
  readonly reader: VideoReader
  readonly cache: VectorCache
  readonly views: ViewCount
  /** Whether frames' own vectors are wanted too. */
  readonly withFrames: boolean
  /** Clips in one run of the model. */
  readonly batch: number
  /** Videos decoded at once. */
  readonly concurrency: number
  readonly signal: AbortSignal
  readonly onCached: (item: DataItem) => void
  readonly onEncoded: (item: DataItem) => void
  readonly onFailure: (item: DataItem, error: StanflowError) => void
}

const BATCH_DEADLINE_MS = 200

interface Wanted {
  readonly item: DataItem
  readonly key: readonly unknown[]
}
interface Decoded extends Wanted {
  /** One for each view. */
  readonly clips: readonly ClipPixels[]
  readonly times: readonly number[]
}

/**
 * Every item's vectors, out of the cache or computed and put there. Items that cannot be read are told and left out; after the
 * signal the rest is.
 */
export async function embedItems(options: EmbedItems): Promise<Map<DataItem, ItemVectors>> {
  const { model, views, concurrency, cache, signal, onEncoded, onFailure } = options
  const vectors = new Map<DataItem, ItemVectors>()
  const size = Math.max(1, Math.floor(options.batch / views))
  const room = new Budget(2 * size + concurrency)
  const pool = new FramePool()
  let running = 0

  const encode = async (decoded: readonly Decoded[]): Promise<void> => {
    running++
    try {
      const encoding = model.encodeClips(decoded.flatMap(({ clips }) => clips))
      for (const { clips } of decoded)
        for (const { frames } of clips) for (const { pixels } of frames) pool.release(pixels)
      const all = await encoding
      for (const [n, { item, key, times }] of decoded.entries()) {
        const own = all.slice(n * views, (n + 1) * views)
        const { frames, weights } = own[0] as (typeof own)[number]
        const made: ItemVectors = {
          views: own.map(({ video }) => video),
          ...(options.withFrames && { frames, ...(weights !== undefined && { weights }) }),
          times,
        }
        await cache.putItem(key, made)
        vectors.set(item, made)
        onEncoded(item)
      }
    } finally {
      running--
      room.give(decoded.length)
    }
  }

  const drain = (): void => room.close()
  signal.addEventListener('abort', drain, { once: true })
  const work = pull(until(signal, pending(options, vectors)), room).pipe(
    tap(() => room.take()),
    mergeMap(
      (wanted) =>
        from(
          decodeItem(wanted, options, pool).catch((error: unknown) => {
            room.give()
            // What a signal cut off has not failed.
            if (!signal.aborted) onFailure(wanted.item, asStanflowError(error))
            return undefined
          }),
        ).pipe(mergeMap((decoded) => (decoded === undefined ? EMPTY : [decoded]))),
      concurrency,
    ),
    batch({ size, deadline: BATCH_DEADLINE_MS, busy: () => running > 0 }),
    concatMap(encode),
    map(() => undefined),
  )
  try {
    await lastValueFrom(work, { defaultValue: undefined })
  } finally {
    signal.removeEventListener('abort', drain)
  }
  return vectors
}

/** Items that are not in the cache; those that are go to `vectors`. */
async function* pending(
  { items, model, cache, views, withFrames, onCached, onFailure }: EmbedItems,
  vectors: Map<DataItem, ItemVectors>,
): AsyncGenerator<Wanted> {
  for (const item of items) {
    const video = await inspect(item.path, undefined, () => undefined)
    if ('error' in video) {
      onFailure(item, video.error)
      continue
    }
    const { start = null, end = null } = item.segment ?? {}
    const keyOf = (count: ViewCount) => [video.fingerprint, start, end, model.info.frames, count]
    // Three crops have the middle one among them.
    const hit = ([views, 3] as const)
      .map((count) => cache.item(keyOf(count), { frames: withFrames }))
      .find((found) => found !== undefined)
    if (hit === undefined) {
      yield { item, key: keyOf(views) }
      continue
    }
    vectors.set(item, { ...hit, views: hit.views.slice(0, views) })
    onCached(item)
  }
}

/** Frames spread over the item's part of its video, in each of the views. */
async function decodeItem(
  wanted: Wanted,
  { reader, model, views, signal }: EmbedItems,
  pool: FramePool,
): Promise<Decoded> {
  const { frames: count, size } = model.info
  const media = await reader.probe(wanted.item.path, signal)
  const { times } = timelineOf(media)
  const span = framesIn(times, wanted.item.segment)
  const chosen = uniformIndices(span.count, count).map((index) => index + span.first)
  const frames = reader.frames({
    video: media,
    indices: [...new Set(chosen)],
    geometry: { kind: views === 1 ? 'crop' : 'cover', size },
    allocate: (bytes) => pool.allocate(bytes),
    signal,
  })
  const crops = new Map<number, readonly Uint8Array[]>()
  for await (const frame of frames) {
    if (views === 1) {
      crops.set(frame.index, [frame.pixels])
      continue
    }
    const cut = Array.from({ length: views }, (_, view) => {
      const target = pool.allocate(size * size * 3)
      cropView(frame, size, view, target)
      return target
    })
    pool.release(frame.pixels)
    crops.set(frame.index, cut)
  }
  const clips = Array.from({ length: views }, (_, view) => ({
    frames: chosen.map((index) => {
      const pixels = crops.get(index)?.[view]
      if (pixels === undefined)
        throw signal.reason ?? new StanflowError('INTERNAL', `frame ${index} did not come`)
      return { pixels }
    }),
  }))
  return { ...wanted, clips, times: chosen.map((index) => times[index] as number) }
}
