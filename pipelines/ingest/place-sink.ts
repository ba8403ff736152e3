import type { Blobs } from '../../src/connect/blobs.js'
import { newRun, samplingSlug } from '../../src/connect/files/layout.js'
import { type FileStore, openStore } from '../../src/connect/files/store.js'
import { eventRecord } from '../../src/connect/kafka/event-record.js'
import type { ResultFormat } from '../../src/connect/store.js'
import type { Event, LabelledEmbedding, Video } from '../../src/domain.js'
import type { ModelInfo } from '../../src/engine/engine.js'
import type { Again } from '../../src/persist.js'
import { VERSION } from '../../src/version.js'
import type { LiveSink, Result } from './sink.js'

/** Stores of one process in one place, one for each way to cut clips and label set, work side by side as shards do. */
const STORES = 64

export interface PlaceOptions {
  readonly blobs: Blobs
  readonly format: ResultFormat
  readonly checkpointSeconds: number
  readonly info: ModelInfo
  /** Whether to try again what came to nothing. */
  readonly again: Again
  /** Ids of clips that are there for good. */
  readonly onStored: (clipIds: readonly string[]) => void
}

/**
 * A folder or a bucket, laid out as backfills do; events beside them as JSON lines, `events/dt=…/hour=…`. While it is away
 * results gather up to a checkpoint's clips, and then are not taken.
 */
export class PlaceSink implements LiveSink {
  readonly storesLater = true
  readonly #options: PlaceOptions
  readonly #stores = new Map<string, Promise<FileStore>>()
  /** Clips of a source that its store has. */
  readonly #stored = new Map<string, number>()
  /** Which store a source's clips go to, by source and way to cut them. */
  readonly #keys = new Map<string, string>()
  readonly #run = newRun()
  #parts = 0

  private constructor(options: PlaceOptions) {
    this.#options = options
  }

  static async open(options: PlaceOptions): Promise<PlaceSink> {
    await options.blobs.open()
    return new PlaceSink(options)
  }

  async results(results: readonly Result[]): Promise<void> {
    for (const result of results) {
      const { embedding } = result
      const key = `${samplingSlug(result.sampling)} ${result.labelSet ?? ''}`
      const place = `${samplingSlug(result.sampling)} ${embedding.source}`
      if ((this.#keys.get(place) ?? key) !== key) await this.#anew()
      this.#keys.set(place, key)
      const store = await this.#store(key, result)
      const video = videoOf(embedding)
      const own = `${key} ${embedding.source}`
      // Clips of a store are numbered without gaps; a camera's have gaps where some were dropped.
      const clipIndex = this.#stored.get(own) ?? store.progress(video).clips
      await store.write(video, [{ ...embedding, clipIndex }])
      this.#stored.set(own, clipIndex + 1)
    }
  }

  async events(events: readonly Event[]): Promise<void> {
    const now = new Date()
    const [day = '', hour = ''] = now.toISOString().split(/[T:]/)
    const stamp = now.toISOString().replaceAll(/[-:.]/g, '')
    const name = `${stamp}-${this.#run}-${String(this.#parts++).padStart(6, '0')}.jsonl`
    const text = events.map((event) => `${JSON.stringify(eventRecord(event))}\n`).join('')
    await this.#options.blobs.write(`events/dt=${day}/hour=${hour}/${name}`, text)
  }

  async flush(): Promise<void> {
    for (const store of this.#stores.values()) await (await store).checkpoint()
  }

  async close(): Promise<void> {
    for (const store of this.#stores.values()) await (await store).close()
  }

  /**
   * Commits all and begins again with what is committed: a camera whose labels changed has another store from then on, which
   * numbers its clips after those that the one before may still hold.
   */
  async #anew(): Promise<void> {
    await this.close()
    this.#stores.clear()
    this.#stored.clear()
  }

  #store(key: string, { sampling, labelSet }: Result): Promise<FileStore> {
    const known = this.#stores.get(key)
    if (known !== undefined) return known
    const { blobs, format, checkpointSeconds, info, again, onStored } = this.#options
    const { digest: modelDigest, dim, name, structure, precision, parameters, size, random } = info
    const opened = openStore({
      ...{ blobs, format, checkpointSeconds, again, version: VERSION },
      onStored: (rows) => onStored(rows.map(({ clipId }) => clipId)),
      shard: { index: this.#stores.size, of: STORES },
      recipe: {
        ...{ modelDigest, dim, sampling },
        model: { name, structure, precision, parameters, size, random },
        ...(labelSet !== undefined && { labelSetDigest: labelSet }),
      },
    })
    this.#stores.set(key, opened)
    return opened
  }
}

/** A camera as a store knows videos: it never changes, and never ends. */
function videoOf({ source }: LabelledEmbedding): Video {
  return { source, path: source, bytes: 0, modifiedMs: 0, fingerprint: source }
}
