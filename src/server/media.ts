import { createHash } from 'node:crypto'
import { StanflowError } from '../errors.js'
import type { Live } from './live.js'
import type { Library, Opened, StoredFile } from './parts.js'
import type { Roots } from './roots.js'

export interface MediaParts {
  readonly roots: Roots
  readonly library: Library | undefined
  readonly live: Live
  /** Makes an object in a bucket readable. */
  readonly reach: (file: StoredFile) => Promise<Opened>
}

/** What a request names: a stored video by its source, or what an episode brought along. */
export interface Named {
  readonly source?: string | undefined
  readonly episode?: string | undefined
}

/** Finds the file that a request means. A request never names a file itself, only what stored results know. */
export class Media {
  readonly #parts: MediaParts

  constructor(parts: MediaParts) {
    this.#parts = parts
  }

  /** Whether a source plays here, as far as its name tells; if not, why. */
  whyNot(source: string): string | null {
    const file = this.#parts.library?.file(source)
    if (file === undefined) return 'No video of it is stored.'
    return this.#parts.roots.refuses(file.path) ?? null
  }

  /** @throws StanflowError SERVER_NOT_FOUND, MEDIA_OUTSIDE, INPUT_NOT_FOUND */
  async file(named: Named, what: 'video' | 'thumbnail' = 'video'): Promise<StoredFile> {
    const stored = this.#stored(named, what)
    if (stored === undefined) throw new StanflowError('SERVER_NOT_FOUND', 'Nothing is stored of that.')
    return { ...stored, path: await this.#parts.roots.open(stored.path) }
  }

  /** Does something with a file as decoders read it. */
  async read<T>(file: StoredFile, work: (opened: Opened) => Promise<T>): Promise<T> {
    const { path } = file
    if (!path.startsWith('s3://')) return work({ path, name: path, close: () => undefined })
    const opened = await this.#parts.reach(file)
    try {
      return await work(opened)
    } catch (error) {
      throw opened.explain?.(error) ?? error
    } finally {
      opened.close()
    }
  }

  #stored({ source, episode }: Named, what: 'video' | 'thumbnail'): StoredFile | undefined {
    if (source !== undefined) return this.#parts.library?.file(source)
    if (episode === undefined) return undefined
    const path = this.#parts.live.mediaOf(episode)?.[what] ?? undefined
    return path === undefined ? undefined : { path }
  }
}

/** Names a piece of work, so that the same is not done twice. */
export const keyOf = (...parts: readonly (string | number)[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32)
