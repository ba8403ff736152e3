import type { Moment } from '../../src/domain.js'
import { CAMERA } from '../../src/search/filter.js'
import type { MomentIndex } from '../../src/search/moment-index.js'
import { forgetWaiting, removeOlder, retainSources } from '../../src/search/removal.js'
import type { IndexedClip } from '../../src/search/rows.js'
import { upkeep } from '../../src/search/upkeep.js'
import type { IndexWriter, NewLabels, Written } from '../../src/search/writer.js'
import { silentLog } from '../../src/telemetry/log.js'
import type { IndexHooks, IndexOptions } from './options.js'

export type IncomingClip = Omit<IndexedClip, 'indexedMs'>

/** Writes after which it is looked whether the tables need care, and milliseconds between two looks for old clips. */
const UPKEEP_EVERY = 32
const EXPIRE_EVERY_MS = 600_000

export interface FeedParts {
  readonly writer: IndexWriter
  readonly index: MomentIndex
  readonly options: IndexOptions
  readonly hooks: IndexHooks
}

/** What every kind of input hands its clips to. */
export class Feed {
  readonly writer: IndexWriter
  readonly index: MomentIndex
  readonly signal: AbortSignal
  readonly counts = { added: 0, changed: 0, removed: 0, read: 0, unreadable: 0 }
  readonly #options: IndexOptions
  readonly #hooks: IndexHooks
  #expected: number | undefined
  #writes = 0
  #expiredMs = Number.NEGATIVE_INFINITY

  constructor({ writer, index, options, hooks }: FeedParts) {
    this.writer = writer
    this.index = index
    this.#options = options
    this.#hooks = hooks
    this.signal = hooks.signal ?? new AbortController().signal
  }

  get keepFrames(): boolean {
    return this.#options.keepFrames === true
  }

  /** Whether results of this model are asked for. */
  wants(digest: string): boolean {
    const { digest: beginning } = this.#options
    return beginning === undefined || digest.startsWith(beginning)
  }

  /** So many more parts or files are to be read. */
  expect(more: number): void {
    this.#expected = (this.#expected ?? 0) + more
  }

  /** One of them, or a record, has been read. */
  read(): void {
    this.counts.read++
    const { read, added } = this.counts
    const of = this.#expected
    this.#hooks.onProgress?.({ clips: added, read, ...(of !== undefined && { of }) })
  }

  unreadable(): void {
    this.counts.unreadable++
  }

  /** Older than is kept. Of a video nobody knows when it was shown: it ages from now on. */
  isOld({ source, end }: Pick<Moment, 'source' | 'end'>, now = Date.now()): boolean {
    const { keep } = this.#options
    return keep !== undefined && source.startsWith(CAMERA) && end * 1000 < now - keep * 1000
  }

  async add(clip: IncomingClip): Promise<void> {
    const now = Date.now()
    if (!this.isOld(clip, now)) await this.writer.add({ ...clip, indexedMs: now })
  }

  /** Labels of a clip that is not taken in would wait for it in vain. */
  async label(labels: NewLabels, clip: Pick<Moment, 'source' | 'end'>): Promise<void> {
    if (!this.isOld(clip)) await this.writer.label(labels)
  }

  /** Of what was read from a part, only these sources stay. */
  async retain(digest: string, origin: string, sources: ReadonlySet<string>): Promise<void> {
    this.counts.removed += await retainSources(this.index, digest, origin, sources)
  }

  written({ added, changed }: Written): void {
    this.counts.added += added
    this.counts.changed += changed
    this.#writes++
  }

  /** Writes what has come, and now and then cares for the tables. */
  async settle(): Promise<void> {
    await this.writer.flush()
    const { keep } = this.#options
    const now = performance.now()
    if (now - this.#expiredMs > EXPIRE_EVERY_MS) {
      this.#expiredMs = now
      if (keep !== undefined) this.counts.removed += await removeOlder(this.index, keep)
      await forgetWaiting(this.index)
    }
    if (this.#writes >= UPKEEP_EVERY) await this.upkeep()
  }

  async upkeep(): Promise<void> {
    if (this.#writes === 0) return
    this.#writes = 0
    for (const model of await this.index.models()) {
      const did = await upkeep(this.index, model)
      if (did.length > 0)
        (this.#hooks.log ?? silentLog()).info({ model: model.digest, did }, 'tables cared for')
    }
  }
}
