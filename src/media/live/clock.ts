/** Offsets of a stream to Unix time that lie within this, in a row, come from one clock, not from when packets came. */
const STEADY = 8
const STEADY_SECONDS = 0.002
/** A camera's clock that is further off than this is wrong, not late. */
const MOST_OFF = 5
/** Seconds that a camera's clock may lose on ours in a second. */
const DRIFT = 0.001
/** Between neighbouring frames' times, where they would fall together. */
const STEP = 0.001

/** Whose clock frames are timed by. */
export type ClockSource = 'camera' | 'arrival'

/**
 * Frame times in Unix seconds, out of a stream's own. Where a camera says what time it is (RTCP sender reports), that
 * counts; else a frame was taken when the quickest of late came, so that waits on the way do not show. Times ascend
 * strictly, whatever any clock does.
 */
export class StreamClock {
  /** Unix time less stream time, if the quickest frames took no time to come. */
  #arrival: number | undefined
  #arrivedAt = 0
  readonly #references: number[] = []
  #camera: number | undefined
  /** By how much the camera's clock was ahead of arrivals before the last restart. */
  #skew = 0
  #last = Number.NEGATIVE_INFINITY
  #lastPiece = Number.NEGATIVE_INFINITY

  /** A new connection: the stream's own times may have begun anew. */
  restart(): void {
    if (this.#camera !== undefined) this.#skew = this.#camera - (this.#arrival ?? this.#camera)
    this.#arrival = undefined
    this.#references.length = 0
    this.#camera = undefined
  }

  get source(): ClockSource {
    return this.#camera === undefined ? 'arrival' : 'camera'
  }

  /** A frame of stream time `pts` was there at Unix time `wall`; its time. */
  frame(pts: number, wall: number): number {
    const offset = wall - pts
    const drifted = (this.#arrival ?? offset) + (wall - this.#arrivedAt) * DRIFT
    this.#arrival = this.#arrival === undefined ? offset : Math.min(offset, drifted)
    this.#arrivedAt = wall
    this.#last = Math.max(this.#offset() + pts, this.#last + STEP)
    return this.#last
  }

  /** The camera, or whoever wrote the stream down, says that `pts` was at Unix time `reference`. */
  reference(pts: number, reference: number): void {
    this.#references.push(reference - pts)
    if (this.#references.length > STEADY) this.#references.shift()
    const most = Math.max(...this.#references)
    if (this.#references.length < STEADY || most - Math.min(...this.#references) > STEADY_SECONDS) return
    const isRight = this.#arrival !== undefined && Math.abs(most - this.#arrival) < MOST_OFF
    this.#camera = isRight ? most : undefined
  }

  /** The time of a piece of the stream, on the same clock; undefined before the first frame. */
  piece(dts: number): number | undefined {
    if (this.#arrival === undefined) return undefined
    this.#lastPiece = Math.max(this.#offset() + dts, this.#lastPiece + STEP)
    return this.#lastPiece
  }

  #offset(): number {
    return this.#camera ?? (this.#arrival ?? 0) + this.#skew
  }
}
