import { PassThrough } from 'node:stream'
import type { FfmpegCommand } from 'fluent-ffmpeg'
import { ByteReader } from '../byte-reader.js'

/** Anchored: file names and metadata are printed too, and may look like anything further on in a line. */
const SHOWN = /^\[Parsed_showinfo_\d+ @ 0x[0-9a-f]+\] n: *(\d+) pts: *(-?\d+|NOPTS)/
/** What ffmpeg says of each frame that its decoder had to patch up. */
const DAMAGED = /corrupt decoded frame/
/** It ends in order where its processor time (SIGXCPU) is over, as where it is asked to stop. */
const OUT_OF_TIME = /received signal 24\b/
const STDERR_LINES = 20

/** How a run of ffmpeg came to its end. */
export type Ending =
  /** It was through, or gave up on the data. */
  | 'done'
  /** Someone sent it a signal that asks to stop. */
  | 'stopped'
  /** It took all the processor time it may have. */
  | 'costly'
  | 'crashed'

/** One ffmpeg process, read picture by picture. The n-th line of showinfo is about the n-th picture on the pipe. */
export class FfmpegRun {
  readonly #command: FfmpegCommand
  readonly #bytes: ByteReader
  readonly #stamps: number[] = []
  #shown = 0
  #damaged = 0
  readonly #lines: string[] = []
  readonly #ended: Promise<void>
  #started = false
  #over = false
  #killed = false
  #failure = ''
  #arrived: (() => void) | undefined

  constructor(command: FfmpegCommand, stallMs: number) {
    this.#command = command
    // fluent-ffmpeg takes a closed output for an error of its own, and would hide how ffmpeg ended.
    const output = new PassThrough({ autoDestroy: false })
    this.#bytes = new ByteReader(output, stallMs)
    command.on('stderr', (line: string) => this.#read(line))
    // It starts a moment later; by then it may not be wanted any more.
    command.on('start', () => {
      this.#started = true
      if (this.#killed) command.kill('SIGKILL')
    })
    this.#ended = new Promise((resolve) => {
      const end = (error?: Error): void => {
        this.#failure = error?.message ?? ''
        this.#over = true
        this.#arrived?.()
        // Once there is a process, its own output ends this one, perhaps a little later.
        if (!this.#started) output.end()
        resolve()
      }
      command.on('error', end)
      command.on('end', () => end())
    })
    command.pipe(output)
  }

  /** Frames decoded so far, wanted or not, that came out damaged. */
  get damaged(): number {
    return this.#damaged
  }

  /** What ffmpeg last said. */
  get said(): string {
    return this.#lines.join('\n')
  }

  /** Fills `pixels` with the next picture and gives its timestamp; undefined at the end. @throws StanflowError MEDIA_TIMEOUT */
  async next(pixels: Uint8Array): Promise<number | undefined> {
    if ((await this.#bytes.fill(pixels)) < pixels.length) return undefined
    while (this.#stamps.length === 0 && !this.#over) {
      await new Promise<void>((resolve) => {
        this.#arrived = resolve
      })
    }
    return this.#stamps.shift()
  }

  /** Once there is no next picture: why. */
  async ending(): Promise<Ending> {
    await this.#ended
    if (/killed with signal SIGXCPU/.test(this.#failure) || OUT_OF_TIME.test(this.said)) return 'costly'
    // ffmpeg answers a polite signal with status 255.
    if (/code 255|killed with signal SIG(INT|TERM|HUP)/.test(this.#failure)) return 'stopped'
    return /killed with signal/.test(this.#failure) ? 'crashed' : 'done'
  }

  kill(): void {
    this.#killed = true
    if (!this.#over) this.#command.kill('SIGKILL')
  }

  #read(line: string): void {
    const [, n, stamp] = SHOWN.exec(line) ?? []
    // The count starts again where the pictures change their size.
    if (Number(n) === 0) this.#shown = 0
    if (stamp !== undefined && Number(n) === this.#shown) {
      this.#shown++
      this.#stamps.push(Number(stamp))
      this.#arrived?.()
    } else {
      if (DAMAGED.test(line)) this.#damaged++
      this.#lines.push(line)
      if (this.#lines.length > STDERR_LINES) this.#lines.shift()
    }
  }
}
