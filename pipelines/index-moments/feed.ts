import { lance } from '../../src/search/errors.js'
import { CAMERA } from '../../src/search/filter.js'
import type { MomentIndex } from '../../src/search/moment-index.js'
import type { IndexedClip } from '../../src/search/rows.js'
import { equals, textList } from '../../src/search/sql.js'
import type { IndexWriter } from '../../src/search/writer.js'
import type { IndexHooks, IndexOptions } from './options.js'

export type IncomingClip = Omit<IndexedClip, 'indexedMs'>

/** What every kind of input hands its clips to. */
export class Feed {
  readonly writer: IndexWriter
  readonly index: MomentIndex
  readonly signal: AbortSignal
  readonly #options: IndexOptions
  readonly #hooks: IndexHooks
  readonly counts = { added: 0, changed: 0, removed: 0, read: 0 }
  #expected: number | undefined

  constructor(parts: {
    readonly writer: IndexWriter
    readonly index: MomentIndex
    readonly options: IndexOptions
    readonly hooks: IndexHooks
  }) {
    this.writer = parts.writer
    this.index = parts.index
    this.#options = parts.options
    this.#hooks = parts.hooks
    this.signal = parts.hooks.signal ?? new AbortController().signal
  }

  /** Whether results of this model are asked for. */
  wants(digest: string): boolean {
    const { digest: beginning } = this.#options
    return beginning === undefined || digest.startsWith(beginning)
  }

  /** So many more parts or files are to be read. */
  expect(more: number): void {
    this.#expected = (this.#expected ?? 0) + more
    this.#tell()
  }

  /** One of them, or a record, has been read. */
  read(): void {
    this.counts.read++
    this.#tell()
  }

  async add(clip: IncomingClip): Promise<void> {
    const { keep } = this.#options
    const now = Date.now()
    // Of a video nobody knows when it was shown: it ages from now on.
    const isOld = keep !== undefined && clip.source.startsWith(CAMERA) && clip.end * 1000 < now - keep * 1000
    if (!isOld) await this.writer.add({ ...clip, indexedMs: now })
  }

  /** Of what was read from a part, only these sources stay. */
  async retain(digest: string, origin: string, sources: ReadonlySet<string>): Promise<void> {
    const table = await this.index.clips(await this.index.model(digest))
    const others = sources.size === 0 ? '' : ` AND source NOT IN (${textList([...sources])})`
    const { numDeletedRows } = await lance('Cannot delete from the index', () =>
      table.delete(`${equals('origin', origin)}${others}`),
    )
    this.counts.removed += numDeletedRows
  }

  #tell(): void {
    const { read, added } = this.counts
    this.#hooks.onProgress?.({
      clips: added,
      read,
      ...(this.#expected !== undefined && { of: this.#expected }),
    })
  }
}
