import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface, type Interface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { freePort } from './child.js'

const PROGRAM = fileURLToPath(new URL('../../../test/support/camera.py', import.meta.url))
const READY_MS = 15_000

export interface CameraOptions {
  readonly size?: string
  readonly rate?: number
  readonly codec?: 'h264' | 'h265'
  /** Frames from one keyframe to the next. Default: those of a second. */
  readonly gop?: number
  /** `NAME:PASSWORD`. */
  readonly user?: string
  /** One that was used before, to come back at the same address. */
  readonly port?: number
}

/** A real RTSP camera on 127.0.0.1, whose pictures spell the time, and which can fail in every way that cameras do. */
export class TestCamera {
  readonly port: number
  readonly #options: CameraOptions
  #child: ChildProcess
  #lines: Interface

  private constructor(port: number, options: CameraOptions) {
    this.port = port
    this.#options = options
    this.#child = this.#launch()
    this.#lines = createInterface({ input: this.#child.stdout as NodeJS.ReadableStream })
  }

  static async start(options: CameraOptions = {}): Promise<TestCamera> {
    const camera = new TestCamera(options.port ?? (await freePort()), options)
    await camera.#answer(/^up /)
    return camera
  }

  get url(): string {
    return `rtsp://127.0.0.1:${this.port}/cam`
  }

  /** A command of `camera.py`. */
  async tell(command: string): Promise<void> {
    this.#child.stdin?.write(`${command}\n`)
    await this.#answer(/^ok/)
  }

  /** As when the power fails. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const gone = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await gone
  }

  /** The power is back. */
  async restart(): Promise<void> {
    await this.kill()
    this.#child = this.#launch()
    this.#lines = createInterface({ input: this.#child.stdout as NodeJS.ReadableStream })
    await this.#answer(/^up /)
  }

  /** It keeps its connections and does nothing any more. */
  hang(): void {
    this.#child.kill('SIGSTOP')
  }

  wake(): void {
    this.#child.kill('SIGCONT')
  }

  stop(): Promise<void> {
    return this.kill()
  }

  #launch(): ChildProcess {
    const { size = '640x360', rate = 15, codec = 'h264', gop = rate, user } = this.#options
    const args = [
      PROGRAM,
      String(this.port),
      '--size',
      size,
      '--rate',
      String(rate),
      '--codec',
      codec,
      '--gop',
      String(gop),
    ]
    // Debian's own: GStreamer's bindings are its packages.
    return spawn('/usr/bin/python3', user === undefined ? args : [...args, '--user', user], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
  }

  async #answer(pattern: RegExp): Promise<void> {
    const signal = AbortSignal.timeout(READY_MS)
    for (;;) {
      const [line] = (await once(this.#lines, 'line', { signal })) as [string]
      if (pattern.test(line)) return
    }
  }
}

/** The milliseconds since 1970 that a picture `[side, side, 3]` of a test camera spells; undefined where it does not. */
export function timeSpelled(pixels: Uint8Array, side: number): number | undefined {
  let millis = 0
  for (let bit = 0; bit < 48; bit++) {
    const [row, column] = [Math.floor(bit / 8), bit % 8]
    // The bits take the lower three quarters of the square.
    const x = Math.floor((column + 0.5) * (side / 8))
    const y = Math.floor(side * 0.25 + (row + 0.5) * (side / 8))
    const brightness = pixels[(y * side + x) * 3 + 1] as number
    if (brightness > 80 && brightness < 170) return undefined
    millis = millis * 2 + (brightness > 128 ? 1 : 0)
  }
  return millis
}
