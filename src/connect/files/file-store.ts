import type { LabelledEmbedding, Video } from '../../domain.js'
import { StanflowError } from '../../errors.js'
import { NEVER, persist } from '../../persist.js'
import type { DeadLetter, Progress, ResultStore } from '../store.js'
import { Batch } from './batch.js'
import { commitBatch } from './commit.js'
import type { FileStoreParts, OpenReport } from './store-parts.js'
import { normalFingerprint, type VideoIndex } from './video-index.js'

/**
 * Results in a folder, made by `openFileStore`. A checkpoint that fails is tried again where `again` says so. After one
 * that failed for good every call throws the same error: nothing half-written is visible, and the next run goes on from
 * the last checkpoint that held.
 */
export class FileStore implements ResultStore {
  readonly opened: OpenReport
  readonly #parts: FileStoreParts
  readonly #limit: number
  #gathering = new Batch()
  /** The batch being committed. */
  #leaving = new Batch()
  /** Commits happen one after the other. */
  #lastCommit: Promise<void> = Promise.resolve()
  /** One that waits for the one before it: it takes all that has gathered until its turn. */
  #nextCommit: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #broken: StanflowError | undefined
  #isClosed = false

  constructor(parts: FileStoreParts) {
    this.opened = parts.opened
    this.#parts = parts
    this.#limit = parts.checkpointClips ?? 4096
  }

  progress(video: Video): Progress {
    return progressOf(this.#parts.index, video)
  }

  /** Where the failures of this run are written down, as a path or URI. */
  get deadLetterFile(): string {
    return this.#parts.writer.blobs.at(this.#parts.letters.file)
  }

  /** The fingerprint of a file whose name, size and modification time are as stored: it need not be read again. */
  known(source: string, bytes: number, modifiedMs: number): string | undefined {
    return this.#parts.index.unchanged({ source, bytes, modifiedMs })
  }

  /** Results of clips that are stored already are passed over. */
  async write(video: Video, results: readonly LabelledEmbedding[]): Promise<void> {
    this.#assertUsable()
    const known = this.#asStored(video)
    const from = this.#clipsOf(known)
    const fresh = results.filter((row) => row.clipIndex >= from)
    this.#check(known, from, fresh)
    if (fresh.length === 0) return
    this.#gathering.add(known, from, fresh)
    if (this.#gathering.rows.length >= this.#limit) await this.#commit()
    else this.#commitLater()
  }

  async finish(video: Video, clips: number): Promise<void> {
    this.#assertUsable()
    const known = this.#asStored(video)
    const stored = this.#clipsOf(known)
    if (stored !== clips)
      throw internal(`${video.source} is finished with ${clips} clips, of which ${stored} came.`)
    if (this.progress(known).done) {
      this.#parts.letters.settle(video.source)
    } else {
      this.#gathering.finish(known, clips)
    }
    this.#commitLater()
  }

  async fail(
    video: Pick<Video, 'source' | 'path'> & Partial<Video>,
    error: StanflowError,
  ): Promise<DeadLetter> {
    this.#assertUsable()
    const { source, path, fingerprint } = video
    const clipsStored = this.#clipsOf({ source, ...(fingerprint === undefined ? {} : { fingerprint }) })
    const { code, message, hint } = error
    const letter = this.#parts.letters.add({ source, path, code, message, hint, clipsStored })
    this.#commitLater()
    return letter
  }

  async checkpoint(): Promise<void> {
    this.#assertUsable()
    await this.#commit()
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    try {
      if (this.#broken === undefined) await this.#commit()
    } finally {
      this.#isClosed = true
      clearTimeout(this.#timer)
      await this.#lastCommit
      await persist(() => this.#parts.lock.release(), this.#parts.again ?? NEVER)
    }
    if (this.#broken !== undefined) throw this.#broken
  }

  #commit(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#nextCommit !== undefined) return this.#nextCommit
    const commit = this.#lastCommit.then(() => {
      this.#nextCommit = undefined
      return this.#commitNow()
    })
    this.#nextCommit = commit
    this.#lastCommit = commit.catch((error: unknown) => {
      this.#broken ??= error instanceof StanflowError ? error : internal(String(error), error)
    })
    return commit
  }

  async #commitNow(): Promise<void> {
    if (this.#broken !== undefined) throw this.#broken
    const batch = this.#gathering
    this.#leaving = batch
    this.#gathering = new Batch()
    await commitBatch(this.#parts, batch)
    this.#leaving = new Batch()
    if (batch.rows.length > 0) this.#parts.onStored?.(batch.rows)
  }

  /** A checkpoint when the oldest result has waited long enough; its error is thrown by the next call. */
  #commitLater(): void {
    this.#timer ??= setTimeout(() => {
      this.#commit().catch(() => {})
    }, this.#parts.checkpointSeconds * 1000).unref()
  }

  /** The video under the fingerprint it is stored by: where only that was recomputed, it is the same content. */
  #asStored(video: Video): Video {
    const stored = this.#parts.index.unchanged(video)
    const fingerprint = stored ?? normalFingerprint(video.fingerprint)
    const waiting = this.#gathering.get(video.source)
    if (waiting !== undefined && waiting.fingerprint !== fingerprint) this.#gathering.drop(video.source)
    return { ...video, fingerprint }
  }

  /** Clips stored, being stored, or waiting to be; of this content when the fingerprint is given. */
  #clipsOf(video: Pick<Video, 'source'> & Partial<Video>): number {
    const { source, fingerprint } = video
    const pending = this.#gathering.get(source) ?? this.#leaving.get(source)
    const same = (stored: { readonly fingerprint: string }) =>
      fingerprint === undefined || stored.fingerprint === normalFingerprint(fingerprint)
    if (pending !== undefined) return same(pending) ? pending.clips[1] : 0
    const stored = this.#parts.index.get(source)
    return stored !== undefined && same(stored) ? stored.clips : 0
  }

  #check(video: Video, from: number, rows: readonly LabelledEmbedding[]): void {
    const { modelDigest, dim } = this.#parts.recipe
    rows.forEach((row, i) => {
      if (row.clipIndex !== from + i) {
        throw internal(`${video.source}: clip ${row.clipIndex} came where clip ${from + i} was due.`)
      }
      if (row.modelDigest !== modelDigest || row.vector.length !== dim || row.source !== video.source) {
        throw internal(`${video.source}: clip ${row.clipIndex} is not a result of this recipe and video.`)
      }
    })
  }

  #assertUsable(): void {
    if (this.#broken !== undefined) throw this.#broken
    if (this.#isClosed) throw internal('The result store is closed.')
  }
}

/** Of this very content only. */
export function progressOf(index: VideoIndex, video: Video): Progress {
  const stored = index.unchanged(video) === undefined ? undefined : index.get(video.source)
  return { clips: stored?.clips ?? 0, done: stored?.done ?? false }
}

function internal(message: string, cause?: unknown): StanflowError {
  return new StanflowError('INTERNAL', message, { cause })
}
