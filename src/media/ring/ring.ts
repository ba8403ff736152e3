/** One picture of a compressed stream, as it came. */
export interface Piece {
  /** Counts connections: pictures of two are not to be joined. */
  readonly run: number
  /** `ftyp` and `moov` of its connection: what the pieces of one are to be put after. */
  readonly header: Uint8Array
  /** Unix seconds, ascending. */
  readonly time: number
  /** Whether it can be decoded without an earlier one. */
  readonly key: boolean
  /** `moof` and `mdat`. */
  readonly bytes: Uint8Array
}

export interface RingOptions {
  /** Kept at least, if the bytes allow. */
  readonly seconds: number
  /** Kept at most, whatever the bitrate. */
  readonly bytes: number
}

/** A stretch of one connection, from a keyframe on. */
export interface Cut {
  /** Fragmented MP4, in pieces. */
  readonly pieces: readonly Uint8Array[]
  readonly codec: 'h264' | 'hevc' | 'other'
  /** Unix seconds of its first picture and its last. */
  readonly start: number
  readonly end: number
  /** Whether it begins no later than asked for. */
  readonly fromStart: boolean
}

/** From one keyframe to the next. */
interface Segment {
  readonly run: number
  readonly header: Uint8Array
  readonly start: number
  end: number
  readonly pieces: Uint8Array[]
  bytes: number
}

/**
 * The last seconds of a compressed stream, as it came, never decoded; cut at keyframes. Bounded in bytes: beyond them the
 * oldest go first, and a stretch without a keyframe that is too much by itself is let go of.
 */
export class Ring {
  readonly #options: RingOptions
  readonly #segments: Segment[] = []
  #bytes = 0
  #lost = 0
  /** Of the newest piece. */
  #run = -1
  #time = Number.NEGATIVE_INFINITY
  readonly #waiting = new Set<() => void>()

  constructor(options: RingOptions) {
    this.#options = options
  }

  /** What is held, and bytes let go of because they were too many by themselves. */
  get facts(): { readonly bytes: number; readonly seconds: number; readonly lost: number } {
    const [oldest, newest] = [this.#segments[0], this.#segments.at(-1)]
    return { bytes: this.#bytes, seconds: oldest && newest ? newest.end - oldest.start : 0, lost: this.#lost }
  }

  add({ run, header, time, key, bytes }: Piece): void {
    this.#run = run
    this.#time = time
    const current = this.#segments.at(-1)
    if (key) {
      this.#segments.push({ run, header, start: time, end: time, pieces: [bytes], bytes: bytes.length })
      this.#bytes += bytes.length
    } else if (current !== undefined && current.run === run) {
      current.pieces.push(bytes)
      current.end = time
      current.bytes += bytes.length
      this.#bytes += bytes.length
    }
    // What comes before a connection's first keyframe cannot be shown.
    this.#forget()
    for (const resume of [...this.#waiting]) resume()
  }

  /**
   * What there is of a stretch, of the one connection that has the moment `at` in it. Goes on to the newest picture where
   * the end is not over yet.
   */
  cut(start: number, end: number, at = end): Cut | undefined {
    const holds = this.#segments.findLast((one) => one.start <= at) ?? this.#segments[0]
    const there = this.#segments.filter(({ run }) => run === holds?.run)
    const from = Math.max(
      0,
      there.findLastIndex((one) => one.start <= start),
    )
    const wanted = there.slice(from).filter((one) => one.start <= end)
    const [oldest, newest] = [wanted[0], wanted.at(-1)]
    if (oldest === undefined || newest === undefined) return undefined
    return {
      pieces: [oldest.header, ...wanted.flatMap(({ pieces }) => pieces)],
      codec: codecOf(oldest.header),
      start: oldest.start,
      end: newest.end,
      fromStart: oldest.start <= start,
    }
  }

  /** Resolves once the stream has come so far, or another connection has begun, or the signal aborts. */
  async until(time: number, signal: AbortSignal): Promise<void> {
    const run = this.#run
    while (!signal.aborted && run === this.#run && this.#time < time) {
      await new Promise<void>((resolve) => {
        const done = (): void => {
          this.#waiting.delete(done)
          signal.removeEventListener('abort', done)
          resolve()
        }
        this.#waiting.add(done)
        signal.addEventListener('abort', done)
      })
    }
  }

  #forget(): void {
    const { seconds, bytes } = this.#options
    for (let next = this.#segments[1]; next !== undefined; next = this.#segments[1]) {
      if (next.start > this.#time - seconds && this.#bytes <= bytes) break
      this.#drop()
    }
    if (this.#bytes > bytes) this.#lost += this.#drop()
  }

  #drop(): number {
    const dropped = this.#segments.shift()?.bytes ?? 0
    this.#bytes -= dropped
    return dropped
  }
}

/** The name of the first track's sample entry. */
function codecOf(header: Uint8Array): Cut['codec'] {
  const text = Buffer.from(header).toString('latin1')
  if (/avc[13]/.test(text)) return 'h264'
  return /hev1|hvc1/.test(text) ? 'hevc' : 'other'
}
