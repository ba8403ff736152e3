import type { LabelledEmbedding, Video } from '../../domain.js'
import type { VideoEntry } from './manifest.js'

/** What has gathered for the next part: rows of many videos, in the order they came. */
export class Batch {
  #rows: LabelledEmbedding[] = []
  readonly #videos = new Map<string, VideoEntry>()

  get rows(): readonly LabelledEmbedding[] {
    return this.#rows
  }

  get videos(): readonly VideoEntry[] {
    return [...this.#videos.values()]
  }

  get isEmpty(): boolean {
    return this.#videos.size === 0
  }

  get(source: string): VideoEntry | undefined {
    return this.#videos.get(source)
  }

  /** Adds rows `[from, from + rows.length)` of a video; `from` counts when the batch has none of it yet. */
  add(video: Video, from: number, rows: readonly LabelledEmbedding[]): void {
    const [begin, end] = this.#videos.get(video.source)?.clips ?? [from, from]
    this.#put(video, [begin, end + rows.length], null)
    for (const row of rows) this.#rows.push(row)
  }

  /** The video has `total` clips, all stored or in this batch. */
  finish(video: Video, total: number): void {
    this.#put(video, this.#videos.get(video.source)?.clips ?? [total, total], total)
  }

  /** Forgets a video: its content changed before it was stored. */
  drop(source: string): void {
    if (this.#videos.delete(source)) this.#rows = this.#rows.filter((row) => row.source !== source)
  }

  #put(video: Video, clips: VideoEntry['clips'], total: number | null): void {
    const { source, path, bytes, modifiedMs, fingerprint, etag } = video
    const file = { source, path, bytes, modifiedMs, fingerprint, ...(etag !== undefined && { etag }) }
    const entry = { ...file, clips, done: total !== null, total }
    this.#videos.set(source, entry)
  }
}
