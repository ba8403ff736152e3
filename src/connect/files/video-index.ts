import { createHash } from 'node:crypto'
import type { Video } from '../../domain.js'
import type { Progress } from '../store.js'
import type { Manifest, VideoEntry } from './manifest.js'

/** What has to leave a part because something newer took its place. */
export interface Stale {
  readonly part: string
  readonly sources: ReadonlySet<string>
}

const FINGERPRINT_BYTES = 32

/** A fingerprint as 64 hex digits; one of another form is hashed. */
export function normalFingerprint(fingerprint: string): string {
  if (/^[0-9a-f]{64}$/.test(fingerprint)) return fingerprint
  return createHash('sha256').update(fingerprint).digest('hex')
}

/**
 * Which videos are stored, and in which parts: the manifests of a recipe, boiled down to columns, about 200 bytes a
 * video with its name.
 */
export class VideoIndex {
  readonly #rows = new Map<string, number>()
  readonly #parts: string[] = []
  readonly #numbers = new Map<string, number>()
  #fingerprints = Buffer.alloc(0)
  /** Per row: bytes, modifiedMs, clips, done (0 or 1), newest part. */
  #facts = new Float64Array(0)
  /** The older parts of the few videos that span several. */
  readonly #olderParts = new Map<number, Set<number>>()

  /** Committed parts in commit order, those emptied since included. */
  get parts(): readonly string[] {
    return this.#parts
  }

  /** The stored identity and progress of a source, whatever its content now. */
  get(source: string): (Progress & { readonly fingerprint: string; readonly lastPart: string }) | undefined {
    const row = this.#rows.get(source)
    if (row === undefined) return undefined
    const { clips, done, part } = this.#read(row)
    return { clips, done, fingerprint: this.#fingerprint(row), lastPart: this.#parts[part] ?? '' }
  }

  /** Whether what `part` holds of a video counts: it is of the newest version, and nothing before it is missing. */
  isCurrent(part: string, entry: VideoEntry): boolean {
    const row = this.#rows.get(entry.source)
    if (row === undefined || this.#fingerprint(row) !== normalFingerprint(entry.fingerprint)) return false
    const at = this.#numbers.get(part)
    return at !== undefined && (this.#read(row).part === at || this.#olderParts.get(row)?.has(at) === true)
  }

  /**
   * The stored fingerprint of a source whose content is unchanged: same size and modification time, or the same
   * fingerprint. An object's ETag is surer than its time, which servers round to a second.
   */
  unchanged(video: Pick<Video, 'source' | 'bytes' | 'modifiedMs'> & Partial<Video>): string | undefined {
    const row = this.#rows.get(video.source)
    if (row === undefined) return undefined
    const stored = this.#read(row)
    const fingerprint = this.#fingerprint(row)
    const same =
      video.etag === undefined && stored.bytes === video.bytes && stored.modifiedMs === video.modifiedMs
    if (same) return fingerprint
    const now = video.fingerprint
    return now !== undefined && normalFingerprint(now) === fingerprint ? fingerprint : undefined
  }

  /**
   * Takes in a part, in commit order. Answers what this makes stale: the other version of a video in older parts, or
   * in this one what does not follow on from the clips stored before it (its predecessor was taken away).
   */
  add(manifest: Pick<Manifest, 'part' | 'videos'>): Stale[] {
    const part = this.#parts.push(manifest.part) - 1
    this.#numbers.set(manifest.part, part)
    const stale = new Map<number, Set<string>>()
    const mark = (where: number, source: string) => {
      stale.set(where, (stale.get(where) ?? new Set()).add(source))
    }
    for (const entry of manifest.videos) {
      const row = this.#rows.get(entry.source)
      const replaced = row !== undefined && this.#fingerprint(row) !== normalFingerprint(entry.fingerprint)
      const stored = row === undefined || replaced ? 0 : this.#read(row).clips
      if (entry.clips[0] !== stored) {
        mark(part, entry.source)
        continue
      }
      if (replaced) {
        for (const older of this.#partsOf(row)) mark(older, entry.source)
        this.#olderParts.delete(row)
      } else if (row !== undefined) {
        const { part: last } = this.#read(row)
        const older = this.#olderParts.get(row) ?? new Set()
        this.#olderParts.set(row, older.add(last))
      }
      this.#put(row ?? this.#newRow(entry.source), entry, part)
    }
    return [...stale].map(([at, sources]) => ({ part: this.#parts[at] ?? '', sources }))
  }

  #partsOf(row: number): number[] {
    return [...(this.#olderParts.get(row) ?? []), this.#read(row).part]
  }

  #newRow(source: string): number {
    const row = this.#rows.size
    this.#rows.set(source, row)
    if (row * FINGERPRINT_BYTES >= this.#fingerprints.length) this.#grow(Math.max(1024, row * 2))
    return row
  }

  #grow(rows: number): void {
    const fingerprints = Buffer.alloc(rows * FINGERPRINT_BYTES)
    fingerprints.set(this.#fingerprints)
    this.#fingerprints = fingerprints
    const facts = new Float64Array(rows * 5)
    facts.set(this.#facts)
    this.#facts = facts
  }

  #put(row: number, entry: VideoEntry, part: number): void {
    this.#fingerprints.write(normalFingerprint(entry.fingerprint), row * FINGERPRINT_BYTES, 'hex')
    this.#facts.set([entry.bytes, entry.modifiedMs, entry.clips[1], entry.done ? 1 : 0, part], row * 5)
  }

  #fingerprint(row: number): string {
    return this.#fingerprints.toString('hex', row * FINGERPRINT_BYTES, (row + 1) * FINGERPRINT_BYTES)
  }

  #read(row: number) {
    const [bytes = 0, modifiedMs = 0, clips = 0, done = 0, part = 0] = this.#facts.subarray(
      row * 5,
      row * 5 + 5,
    )
    return { bytes, modifiedMs, clips, done: done === 1, part }
  }
}
