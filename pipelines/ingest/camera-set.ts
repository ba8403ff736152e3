import { isDeepStrictEqual } from 'node:util'
import { asStanflowError, type StanflowError } from '../../src/errors.js'
import type { Studio } from './camera.js'
import { cameraId } from './camera-id.js'
import { CameraSlot } from './camera-slot.js'
import type { CameraSettings } from './options.js'

/** The cameras of a run, by id; they may change while it goes on. None waits for another. */
export class CameraSet {
  readonly #studio: Studio
  readonly #slots = new Map<string, CameraSlot>()
  /** Let go, and not at their ends yet. */
  readonly #leaving = new Set<Promise<void>>()
  #isClosed = false
  #onIdle: (() => void) | undefined

  constructor(studio: Studio) {
    this.#studio = studio
  }

  /** Those that are begun. */
  get all() {
    return [...this.#slots.values()].flatMap(({ camera }) => camera ?? [])
  }

  /** Those that are wanted. */
  get size(): number {
    return this.#slots.size
  }

  /** Windows of those that are begun. */
  get windows(): number {
    return this.all.reduce((sum, { settings }) => sum + settings.windows.length, 0)
  }

  of(source: string) {
    return this.#slots.get(cameraId(source))?.camera
  }

  /**
   * From now on these; cameras that stay as they are go on undisturbed. Resolves once each was tried to be begun, with what
   * hindered those that could not; they are tried again.
   */
  async become(wanted: readonly CameraSettings[]): Promise<readonly StanflowError[]> {
    if (this.#isClosed) return []
    const byId = new Map(wanted.map((camera) => [camera.id, camera]))
    const gone = new Map<string, Promise<void>>()
    for (const [id, slot] of this.#slots) {
      if (isDeepStrictEqual(byId.get(id), slot.settings)) continue
      this.#studio.log.info({ camera: id }, 'camera let go')
      this.#slots.delete(id)
      gone.set(id, this.#leave(slot, !byId.has(id)))
    }
    const begun = wanted.flatMap((settings) => {
      if (this.#slots.has(settings.id)) return []
      const slot = new CameraSlot(settings, this.#studio, gone.get(settings.id))
      this.#slots.set(settings.id, slot)
      void slot.done.then(() => this.#onIdle?.())
      return [slot]
    })
    const failures = await Promise.all(begun.map(({ tried }) => tried))
    return failures.flatMap((failure) => failure ?? [])
  }

  /** Cameras as they are to be, whenever that changes. */
  async follow(changes: AsyncIterable<readonly CameraSettings[]>): Promise<void> {
    const { log } = this.#studio
    const told = (error: unknown): void => {
      const { code, message: reason } = asStanflowError(error)
      log.error({ code, reason }, 'cameras are not as they are to be')
    }
    try {
      for await (const cameras of changes) this.become(cameras).catch(told)
    } catch (error) {
      told(error)
      log.error('changes of cameras are not followed any more: they stay as they are')
    }
  }

  /**
   * Resolves when every camera's input has come to its end, which files have. Where cameras may be added yet, there having
   * been none is no end.
   */
  async through(mayGrow: boolean): Promise<void> {
    const isThrough = (): boolean =>
      [...this.#slots.values()].every(({ isOver }) => isOver) && !(mayGrow && this.#slots.size === 0)
    while (!this.#isClosed && !isThrough()) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve
      })
    }
  }

  /** No camera cuts clips any more. */
  async stop(): Promise<void> {
    this.#isClosed = true
    this.#onIdle?.()
    await Promise.all([...this.#slots.values()].map((slot) => slot.stop()))
  }

  /** Lets all cameras go. */
  async close(): Promise<void> {
    await this.stop()
    await Promise.all([...[...this.#slots.values()].map(({ done }) => done), ...this.#leaving])
  }

  async #leave(slot: CameraSlot, isRemoved: boolean): Promise<void> {
    const left = slot.stop(isRemoved).then(() => slot.done)
    this.#leaving.add(left)
    await left
    this.#leaving.delete(left)
  }
}
