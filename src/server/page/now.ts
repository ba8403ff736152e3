import type { Camera, Episode } from '../schemas.js'
import { api } from './api.js'
import { hear } from './stream.js'

/** What goes on, as all views that show it share it: loaded once, then kept up by the stream. */
class Now {
  readonly cameras = new Map<string, Camera>()
  readonly #episodes = new Map<string, Episode>()
  readonly #listeners = new Set<() => void>()
  /** Whether there is a broker at all. */
  isLive = true
  state: 'loading' | 'ready' | Error = 'loading'

  constructor() {
    hear<readonly Camera[]>('cameras', (found) => {
      for (const one of found) this.cameras.set(one.source, one)
      this.#tell()
    })
    hear<readonly Episode[]>('episodes', (found) => {
      for (const one of found) this.#episodes.set(one.id, one)
      this.#tell()
    })
    hear('hello', () => void this.load())
  }

  /** Open ones first, then the newest. */
  get episodes(): readonly Episode[] {
    return [...this.#episodes.values()].sort(
      (a, b) => Number(b.open) - Number(a.open) || b.start - a.start || (a.id < b.id ? -1 : 1),
    )
  }

  onChange(listener: () => void): void {
    this.#listeners.add(listener)
  }

  async load(): Promise<void> {
    try {
      const { live, cameras, episodes } = await api.live()
      this.isLive = live
      this.cameras.clear()
      this.#episodes.clear()
      for (const one of cameras) this.cameras.set(one.source, one)
      for (const one of episodes) this.#episodes.set(one.id, one)
      this.state = 'ready'
    } catch (error) {
      this.state = error instanceof Error ? error : new Error(String(error))
    }
    this.#tell()
  }

  #tell(): void {
    for (const listener of this.#listeners) listener()
  }
}

export const now = new Now()
