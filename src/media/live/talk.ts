import type { Readable } from 'node:stream'
import { ChangeReader } from '../change.js'

/** Anchored, so that nothing else that is printed looks like it. */
const SHOWN = /^\[Parsed_showinfo_\d+ @ 0x[0-9a-f]+\] n: *\d+ pts: *(-?\d+|NOPTS)/
const TIME_BASE = /^\[Parsed_showinfo_\d+ @ 0x[0-9a-f]+\] config in time_base: (\d+)\/(\d+)/
const FURTHER = /^\[Parsed_showinfo_\d+ @ /
const KEPT = 30
const LONGEST = 500

/** A frame that ffmpeg has let through. */
export interface Shown {
  /** Seconds on the stream's own clock. */
  readonly pts: number
  /** Unix seconds at which it was there. */
  readonly wall: number
  /** How much it changed, where that is measured. */
  readonly change?: number
}

/** What ffmpeg says: the frames it lets through, one after the other, and everything else. */
export class Talk {
  readonly #shown: Shown[] = []
  readonly #changes: ChangeReader | undefined
  /** A frame whose change is still to come. */
  #measuring: Shown | undefined
  readonly #lines: string[] = []
  readonly #ended: Promise<unknown>
  #unit = 1
  #rest = ''
  #isOver = false
  #wake: (() => void) | undefined

  /** `measured`: `changeFilter` is among the filters. */
  constructor(stderr: Readable, measured: boolean) {
    this.#changes = measured ? new ChangeReader() : undefined
    stderr.setEncoding('latin1')
    stderr.on('data', (chunk: string) => {
      const lines = (this.#rest + chunk).split(/\r?\n/)
      this.#rest = (lines.pop() ?? '').slice(-LONGEST)
      for (const line of lines) this.#read(line)
      this.#wake?.()
    })
    this.#ended = new Promise((resolve) => {
      for (const event of ['end', 'close', 'error']) stderr.on(event, resolve)
    })
    void this.#ended.then(() => {
      this.#isOver = true
      this.#wake?.()
    })
  }

  /** The last lines, frames left out. */
  get lines(): readonly string[] {
    return this.#lines
  }

  /** The next frame; undefined at the end. */
  async next(): Promise<Shown | undefined> {
    while (this.#shown.length === 0 && !this.#isOver) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    return this.#shown.shift()
  }

  /** Resolves once everything has been said. */
  async over(): Promise<void> {
    await this.#ended
  }

  #read(line: string): void {
    const [, num, den] = TIME_BASE.exec(line) ?? []
    if (num !== undefined) this.#unit = Number(num) / Number(den)
    const [, pts] = SHOWN.exec(line) ?? []
    const wall = Date.now() / 1000
    if (pts !== undefined) {
      // A picture without a time came when it came.
      const shown = { pts: pts === 'NOPTS' ? wall : Number(pts) * this.#unit, wall }
      if (this.#changes === undefined) this.#shown.push(shown)
      else this.#measuring = shown
      return
    }
    const change = this.#changes?.read(line)
    if (typeof change === 'number' && this.#measuring !== undefined) {
      this.#shown.push({ ...this.#measuring, change })
      this.#measuring = undefined
    } else if (change !== 'pending' && !FURTHER.test(line)) {
      this.#lines.push(line.slice(0, LONGEST))
      if (this.#lines.length > KEPT) this.#lines.shift()
    }
  }
}
