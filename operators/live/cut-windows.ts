import { createHash } from 'node:crypto'
import type { Clip, Frame, LiveFrame, Sampling, Video } from '../../src/domain.js'
import { clipId } from '../clip-id.js'
import type { FramePool } from '../frame-pool.js'

export type WindowSampling = Extract<Sampling, { kind: 'window' }>

/** A clip of a camera. Its frames and their buffers may be in other clips too. */
export interface LiveClip extends Clip {
  readonly sampling: WindowSampling
  readonly frames: readonly ShownFrame[]
  /** Nothing new was seen in it: it need not be looked at. */
  readonly isStill: boolean
}

/** A frame, and the one whose picture stands for it: itself, or where nothing moved, an earlier one. */
export interface ShownFrame extends Frame {
  readonly shownAs: Frame
}

export interface CutWindowsOptions {
  /** `camera:ID`. */
  readonly source: string
  /** Windows to cut, several over the same frames. */
  readonly windows: readonly WindowSampling[]
  /** Frames in a second that come if all is well. */
  readonly fps: number
  readonly modelDigest: string
  readonly pool: FramePool
  /** Seconds without a frame over which no window reaches. */
  readonly gap: number
  /** Of the windows that are due, only every so many-th is cut now. */
  readonly widening: (window: WindowSampling) => number
  readonly isNew?: (frame: LiveFrame) => boolean
  /** A window was due and left out by widening. */
  readonly onWidened: (window: WindowSampling) => void
}

interface Held extends ShownFrame {
  readonly isNew: boolean
}

interface Series {
  readonly sampling: WindowSampling
  /** Seconds after a whole number of strides at which its windows begin: cameras do not all cut at the same moment. */
  readonly phase: number
  /** The next window that is due. */
  next: number
}

/**
 * Cuts one camera's frames into windows that slide by their stride, counted from 1970: the same window has the same
 * bounds, number and id after a restart. A window is there with its last frame, and never reaches over a gap.
 */
export class WindowCutter {
  readonly #options: CutWindowsOptions
  readonly #series: readonly Series[]
  readonly #video: Video
  /** Frames apart, halved: how far from its place a frame may be. */
  readonly #slack: number
  readonly #longest: number
  #held: Held[] = []
  #run = -1

  constructor(options: CutWindowsOptions) {
    const { source, windows, fps } = options
    this.#options = options
    this.#video = { source, path: '', bytes: 0, modifiedMs: 0, fingerprint: source }
    this.#series = windows.map((sampling) => ({ sampling, phase: phase(source, sampling.stride), next: 0 }))
    this.#slack = 0.5 / fps
    this.#longest = Math.max(...windows.map(({ length }) => length))
  }

  /** Takes the frame, whose buffer it holds until no window needs it, and gives the clips that end with it. */
  add(frame: LiveFrame): readonly LiveClip[] {
    const last = this.#held.at(-1)
    if (last === undefined || frame.run !== this.#run || frame.time - last.time > this.#options.gap) {
      this.clear()
      this.#begin(frame)
    }
    this.#hold(frame)
    const clips = this.#series.flatMap((series) => this.#due(series, frame.time))
    this.#letGo(frame.time)
    return clips
  }

  /** Lets all frames go. */
  clear(): void {
    for (const { pixels } of this.#held) this.#options.pool.release(pixels)
    this.#held = []
  }

  #begin({ run, time }: LiveFrame): void {
    this.#run = run
    for (const series of this.#series) {
      const { length, frames, stride } = series.sampling
      // The first window whose first place is not before the first frame.
      const earliest = time - length / frames / 2 - this.#slack
      series.next = Math.ceil((earliest - series.phase) / stride - 1e-6)
    }
  }

  #hold(frame: LiveFrame): void {
    const { isNew: look, pool } = this.#options
    const before = this.#held.at(-1)
    const isNew = before === undefined || look === undefined || look(frame)
    if (isNew) {
      this.#held.push({ ...frame, shownAs: frame, isNew })
      return
    }
    const { shownAs } = before
    pool.release(frame.pixels)
    pool.retain(shownAs.pixels)
    this.#held.push({ index: frame.index, time: frame.time, pixels: shownAs.pixels, shownAs, isNew })
  }

  #due(series: Series, now: number): LiveClip[] {
    const { sampling, phase } = series
    const { length, frames, stride } = sampling
    const clips: LiveClip[] = []
    for (;;) {
      const start = round(phase + series.next * stride)
      if (now < start + length - length / frames / 2 - this.#slack) return clips
      const index = series.next++
      if (index % Math.max(1, this.#options.widening(sampling)) === 0)
        clips.push(this.#cut(sampling, start, index))
      else this.#options.onWidened(sampling)
    }
  }

  #cut(sampling: WindowSampling, start: number, index: number): LiveClip {
    const { length, frames: count } = sampling
    const step = length / count
    const end = round(start + length)
    const frames = Array.from({ length: count }, (_, i) => this.#at(start + (i + 0.5) * step))
    for (const { pixels } of frames) this.#options.pool.retain(pixels)
    const id = clipId(this.#video, { start, end }, sampling, this.#options.modelDigest)
    const isStill = !this.#held.some(({ time, isNew }) => isNew && time >= start - this.#slack && time <= end)
    return { id, video: this.#video, index, start, end, frames, sampling, isStill }
  }

  /** The frame shown at a time, or that would be if it came when it should. */
  #at(time: number): Held {
    const found = this.#held.findLast((frame) => frame.time <= time + this.#slack) ?? this.#held[0]
    return found as Held
  }

  #letGo(now: number): void {
    const oldest = now - this.#longest - 2 * this.#slack
    // The one before may still be what is shown at the beginning.
    const keep = Math.max(0, this.#held.findIndex(({ time }) => time >= oldest) - 1)
    for (const { pixels } of this.#held.splice(0, keep)) this.#options.pool.release(pixels)
  }
}

const round = (seconds: number): number => Math.round(seconds * 1000) / 1000

function phase(source: string, stride: number): number {
  const share = createHash('sha256').update(source).digest().readUInt32BE(0) / 2 ** 32
  return round(share * stride)
}
