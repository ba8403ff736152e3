import { createHash } from 'node:crypto'
import type { Event } from '../../src/domain.js'
import type { StanflowError } from '../../src/errors.js'

type CameraEvent = Event & { readonly kind: 'camera-up' | 'camera-down' | 'camera-gap' }

/** A camera's comings and goings as events. Times are those of its frames: the last before, the first after. */
export class CameraEvents {
  readonly #source: string
  /** Unix seconds of the last frame, or of when it was first looked at. */
  #last: number
  #isUp = false
  /** The episode of being away, while it lasts. */
  #away: { readonly id: string; readonly start: number; readonly code: string } | undefined

  /** `now`: Unix seconds. */
  constructor(source: string, now: number) {
    this.#source = source
    this.#last = now
  }

  get isUp(): boolean {
    return this.#isUp
  }

  /** A frame came. */
  frame(time: number): readonly CameraEvent[] {
    const away = this.#away
    this.#last = time
    if (this.#isUp) return []
    this.#isUp = true
    this.#away = undefined
    const up = this.#event('camera-up', time, null, away?.id)
    if (away === undefined) return [up]
    return [this.#event('camera-gap', away.start, time, away.id, { code: away.code }), up]
  }

  /** No frames come, for this reason; the same reason again is no news. */
  lost({ code, message }: StanflowError): readonly CameraEvent[] {
    const start = this.#away?.start ?? this.#last
    const id = this.#away?.id ?? hash([this.#source, 'away', start])
    const isNews = this.#isUp || this.#away?.code !== code
    this.#isUp = false
    this.#away = { id, start, code: this.#away?.code ?? code }
    return isNews ? [this.#event('camera-down', start, null, id, { code, detail: message })] : []
  }

  #event(
    kind: CameraEvent['kind'],
    start: number,
    end: number | null,
    episode = hash([this.#source, kind, start]),
    why: Pick<Event, 'code' | 'detail'> = {},
  ): CameraEvent {
    const id = hash([this.#source, kind, start, why.code])
    return { id, episodeId: episode, source: this.#source, kind, start, end, clipIds: [], ...why }
  }
}

const hash = (identity: readonly unknown[]): string =>
  createHash('sha256').update(JSON.stringify(identity)).digest('hex').slice(0, 32)
