import { createHash } from 'node:crypto'
import type { Blobs } from '../../src/connect/blobs.js'
import { partOf, partTime, samplingSlug } from '../../src/connect/files/layout.js'
import { readDeadLetters, readResults } from '../../src/connect/files/results.js'
import type { DeadLetter } from '../../src/connect/store.js'
import { asStanflowError } from '../../src/errors.js'
import type { Library, StoredFile } from '../../src/server/parts.js'
import type { Episode, Health, Sources, Timeline } from '../../src/server/schemas.js'
import { type RecipeKey, storedRecipes } from '../report-recipes.js'
import { Shelf } from './shelf.js'

/** Reading takes at most this share of the time while results keep coming. */
const SHARE = 10

/** What a results folder holds, in memory, read again when it has grown. */
export class ResultsLibrary implements Library {
  readonly #blobs: Blobs
  #shelves: ReadonlyMap<string, Shelf> = new Map()
  #letters: readonly DeadLetter[] = []
  #recipe: RecipeKey | undefined
  #print: string | undefined
  #writtenMs: number | undefined
  #error: string | null = null
  #notBefore = 0

  constructor(blobs: Blobs) {
    this.#blobs = blobs
  }

  get letters(): readonly DeadLetter[] {
    return this.#letters
  }

  /** Every file that results name. */
  get paths(): readonly string[] {
    return [...this.#shelves.values()].map(({ path }) => path)
  }

  /** Of the clips that are shown: those written last. */
  get sampling(): string | undefined {
    return this.#recipe && samplingSlug(this.#recipe.sampling)
  }

  /** Reads what is new, if anything is; answers with whether. What cannot be read is told by `facts`. */
  async refresh(now = Date.now()): Promise<boolean> {
    if (now < this.#notBefore) return false
    const begun = performance.now()
    try {
      const { print, writtenMs } = await this.#survey()
      if (print === this.#print) return false
      const [recipe] = await storedRecipes(this.#blobs)
      const shelves = new Map<string, Shelf>()
      if (recipe !== undefined) {
        for await (const video of readResults(this.#blobs, { recipe })) {
          shelves.set(video.source, new Shelf(video))
        }
      }
      this.#letters = await readDeadLetters(this.#blobs, recipe)
      this.#shelves = shelves
      this.#recipe = recipe
      this.#writtenMs = writtenMs
      this.#print = print
      this.#error = null
    } catch (error) {
      this.#error = asStanflowError(error).message
    }
    this.#notBefore = now + (performance.now() - begun) * SHARE
    return true
  }

  sources({ find = '', offset, limit }: { find?: string; offset: number; limit: number }): Sources {
    const words = find.toLowerCase().split(/\s+/).filter(Boolean)
    const found = [...this.#shelves.values()].filter((shelf) =>
      words.every((word) => shelf.words.includes(word)),
    )
    found.sort((a, b) => a.source.source.localeCompare(b.source.source, undefined, { numeric: true }))
    return {
      total: found.length,
      sources: found
        .slice(offset, offset + limit)
        .map(({ source }) => ({ ...source, playable: false, why: null })),
    }
  }

  source(source: string) {
    const shelf = this.#shelves.get(source)
    return shelf && { ...shelf.source, playable: false, why: null }
  }

  timeline(source: string, episodes: readonly Episode[]): Timeline | undefined {
    const shelf = this.#shelves.get(source)
    const shown = this.source(source)
    return shelf && shown && { source: shown, ...shelf.timeline(episodes) }
  }

  file(source: string): StoredFile | undefined {
    const shelf = this.#shelves.get(source)
    return shelf && { path: shelf.path, bytes: shelf.bytes }
  }

  labelAt(source: string, time: number): string | undefined {
    return this.#shelves.get(source)?.labelAt(time)
  }

  facts(): Health['results'] {
    const all = [...this.#shelves.values()]
    return {
      place: this.#blobs.location,
      videos: all.length,
      clips: all.reduce((sum, { source }) => sum + source.clips, 0),
      failures: this.#letters.length,
      writtenAt: this.#writtenMs === undefined ? null : new Date(this.#writtenMs).toISOString(),
      error: this.#error,
    }
  }

  /** A print of what there is: parts by name, dead letters by content. */
  async #survey(): Promise<{ print: string; writtenMs: number | undefined }> {
    const names: string[] = []
    let writtenMs: number | undefined
    for await (const name of this.#blobs.list('manifest')) {
      names.push(name)
      const part = partOf(name.split('/').at(-1) ?? '')
      if (part !== undefined) writtenMs = Math.max(writtenMs ?? 0, partTime(part))
    }
    const hash = createHash('sha256').update(names.sort().join('\n'))
    for (const name of (await this.#blobs.names('dead-letter')).toSorted()) {
      hash.update(name).update((await this.#blobs.read(name)) ?? new Uint8Array())
    }
    return { print: hash.digest('hex'), writtenMs }
  }
}
