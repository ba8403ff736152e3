import { isDeepStrictEqual } from 'node:util'
import type { Logger } from '../../src/telemetry/log.js'
import { IngestedCamera, type Studio } from './camera.js'
import type { CameraSettings } from './options.js'

/** The cameras of a run, by id; they may change while it goes on. */
export class CameraSet {
  readonly #studio: Studio
  readonly #cameras = new Map<string, IngestedCamera>()
  readonly #log: Logger
  #isClosed = false
  /** Under way; cameras that are begun anew are missing then. */
  #changes = 0
  #onIdle: (() => void) | undefined

  constructor(studio: Studio) {
    this.#studio = studio
    this.#log = studio.log
  }

  get all(): readonly IngestedCamera[] {
    return [...this.#cameras.values()]
  }

  of(source: string): IngestedCamera | undefined {
    return this.#cameras.get(source.slice('camera:'.length))
  }

  /** From now on these; cameras that stay as they are go on undisturbed. */
  async become(wanted: readonly CameraSettings[]): Promise<void> {
    this.#changes++
    try {
      await this.#change(wanted)
    } finally {
      this.#changes--
      this.#onIdle?.()
    }
  }

  async #change(wanted: readonly CameraSettings[]): Promise<void> {
    const byId = new Map(wanted.map((camera) => [camera.id, camera]))
    const leaving = this.all.filter(({ settings }) => !isDeepStrictEqual(byId.get(settings.id), settings))
    await Promise.all(
      leaving.map(async (camera) => {
        this.#log.info({ camera: camera.settings.id }, 'camera let go')
        this.#cameras.delete(camera.settings.id)
        await camera.stop()
      }),
    )
    for (const settings of wanted) {
      if (this.#cameras.has(settings.id) || this.#isClosed) continue
      await this.#studio.prepare(settings)
      if (this.#isClosed) return
      const { shown, kind } = settings.address
      this.#log.info({ camera: settings.id, address: shown, kind }, 'camera begun')
      const camera = new IngestedCamera(settings, this.#studio)
      this.#cameras.set(settings.id, camera)
      void camera.done.then(() => this.#ended())
    }
  }

  /**
   * Resolves when every camera's input has come to its end, which files have. Where cameras may be added yet, there having
   * been none is no end.
   */
  async through(mayGrow: boolean): Promise<void> {
    const isThrough = (): boolean =>
      this.#changes === 0 && this.all.every(({ isOver }) => isOver) && !(mayGrow && this.#cameras.size === 0)
    while (!this.#isClosed && !isThrough()) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve
      })
    }
  }

  /** Lets all cameras go. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#onIdle?.()
    await Promise.all(this.all.map((camera) => camera.stop()))
  }

  #ended(): void {
    this.#onIdle?.()
  }
}
