import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { asStanflowError, type StanflowError } from '../../src/errors.js'
import { pauseMs } from '../../src/persist.js'
import { IngestedCamera, type Studio } from './camera.js'
import type { CameraSettings } from './options.js'

/** From one try to begin a camera to the next. */
const [FIRST_MS, MOST_MS] = [2000, 60_000]

/** A camera that is wanted: begun once it is prepared, and tried again where that fails; nobody else waits for it. */
export class CameraSlot {
  readonly settings: CameraSettings
  /** Resolves with what hindered the first try to begin it, if anything did. */
  readonly tried: Promise<StanflowError | undefined>
  /** Resolves once it is let go: stopped, or an input that ends is through. */
  readonly done: Promise<void>
  readonly #studio: Studio
  readonly #stopping = new AbortController()
  #camera: IngestedCamera | undefined

  /** `before`: resolves when the one of that id before it is gone. */
  constructor(settings: CameraSettings, studio: Studio, before: Promise<void> | undefined) {
    this.settings = settings
    this.#studio = studio
    let first: (failure: StanflowError | undefined) => void = () => undefined
    this.tried = new Promise((resolve) => {
      first = resolve
    })
    this.done = this.#run(before, first).finally(() => first(undefined))
  }

  /** Once it is begun. */
  get camera(): IngestedCamera | undefined {
    return this.#camera
  }

  /** Whether nothing will come of it any more. */
  get isOver(): boolean {
    return this.#camera?.isOver === true
  }

  /** Resolves once it cuts no more clips. */
  async stop(isRemoved = false): Promise<void> {
    this.#stopping.abort()
    await this.#camera?.stop(isRemoved)
  }

  async #run(
    before: Promise<void> | undefined,
    onTried: (failure: StanflowError | undefined) => void,
  ): Promise<void> {
    await before
    const { log } = this.#studio
    const { id, address } = this.settings
    const { signal } = this.#stopping
    for (let tries = 0; !signal.aborted; tries++) {
      try {
        // What blocks must not keep it from being let go.
        await unless(signal, this.#studio.prepare(this.settings))
        if (signal.aborted) return
        this.#camera = new IngestedCamera(this.settings, this.#studio)
        log.info({ camera: id, address: address.shown, kind: address.kind }, 'camera begun')
        onTried(undefined)
        return await this.#camera.done
      } catch (thrown) {
        const error = asStanflowError(thrown)
        const pause = pauseMs(tries, FIRST_MS, MOST_MS)
        const { code, message: reason } = error
        log.error({ camera: id, code, reason, retryIn: Math.round(pause / 1000) }, 'camera cannot be begun')
        onTried(error)
        await sleep(pause, undefined, { signal }).catch(() => undefined)
      }
    }
  }
}

/** Resolves when the step does, or at once when aborted. */
async function unless(signal: AbortSignal, step: Promise<void>): Promise<void> {
  if (signal.aborted) return
  const over = new AbortController()
  const aborted = once(signal, 'abort', { signal: over.signal }).catch(() => undefined)
  await Promise.race([step, aborted]).finally(() => over.abort())
}
