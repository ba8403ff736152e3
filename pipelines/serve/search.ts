import { join } from 'node:path'
import type { S3Settings } from '../../src/connect/s3/client.js'
import { isS3 } from '../../src/connect/s3/uri.js'
import { asStanflowError, StanflowError } from '../../src/errors.js'
import type { FoundMoment, Search } from '../../src/server/parts.js'
import type { Episode, Health, SearchAsked, Timeline } from '../../src/server/schemas.js'
import type { Logger } from '../../src/telemetry/log.js'
import { indexMoments } from '../index-moments.js'
import { type ModelOptions, modelNotes } from '../open-model.js'
import type { OpenIndex, Query, SearchFilter } from '../search.js'
import { HeldIndex } from './held-index.js'
import { Shelf } from './shelf.js'

/** Seconds. */
const DAY = 86_400

export interface SearchOptions {
  /** Where `stanflow index` wrote; without it the server keeps one of its own in a results folder. */
  readonly index?: string
  /** How the model is run that makes vectors of words. Default: the index's own. */
  readonly model?: Partial<Omit<ModelOptions, 'sampling'>>
}

export interface SearchParts {
  readonly options: SearchOptions
  /** Where results lie, if anywhere. */
  readonly results: string | undefined
  /** As index and results call the sampling that the page shows: an index has those of all. */
  readonly sampling: () => string | undefined
  readonly s3: S3Settings | undefined
  readonly log: Logger
  readonly signal: AbortSignal
}

/** Searches an index of moments; one in the results folder is made and kept up by the way. */
export class IndexSearch implements Search {
  readonly #parts: SearchParts
  /** Absent: there is nowhere to look. */
  readonly #place: string | undefined
  readonly #isOurs: boolean
  readonly #index: HeldIndex | undefined
  #status: Health['search'] = { ready: false, what: 'The index has not been looked at yet.' }
  #keeping: Promise<void> | undefined
  #isDue = false

  constructor(parts: SearchParts) {
    const { options, results, s3 } = parts
    this.#parts = parts
    this.#isOurs = options.index === undefined && results !== undefined && !isS3(results)
    this.#place = options.index ?? (this.#isOurs ? join(results as string, 'index') : undefined)
    if (this.#place === undefined) this.#status = { ready: false, what: 'No index was named with --index.' }
    else {
      this.#index = new HeldIndex({
        index: this.#place,
        ...(s3 !== undefined && { s3 }),
        ...(options.model !== undefined && { model: options.model }),
      })
    }
  }

  status(): Health['search'] {
    return this.#status
  }

  /** There are new results: takes them in where the index is ours. Goes on by itself; one at a time. */
  refresh(): void {
    if (this.#isOurs) this.#isDue = true
    this.look()
  }

  /** Looks how the index fares, and whether another of its models is to be searched by now. */
  look(): void {
    const place = this.#place
    if (place === undefined || this.#keeping !== undefined || this.#parts.signal.aborted) return
    const isDue = this.#isDue
    this.#isDue = false
    this.#keeping = (isDue ? this.#takeIn(place) : Promise.resolve())
      .then(() => this.#look())
      .finally(() => {
        this.#keeping = undefined
        // What came since it began may not be in it.
        if (this.#isDue) this.look()
      })
  }

  async find(asked: SearchAsked, signal: AbortSignal) {
    const { q, not, likeSource, likeTime, source, from, to, top } = asked
    const text = q?.trim()
    const sampling = this.#isOurs ? this.#parts.sampling() : undefined
    const query: Query = {
      ...(text !== undefined && text !== '' && { text }),
      ...(not !== undefined && not.trim() !== '' && { not: [not.trim()] }),
      ...(likeSource !== undefined && { like: { source: likeSource, time: likeTime ?? 0 } }),
    }
    const filter: SearchFilter = {
      top,
      ...(sampling !== undefined && { samplings: [sampling] }),
      ...(source !== undefined && { source }),
      ...(from !== undefined && { from }),
      ...(to !== undefined && { to }),
    }
    const { found, indexed } = await this.#held.use(async (index) => ({
      found: await index.search(query, filter),
      indexed: index.model,
    }))
    signal.throwIfAborted()
    const { name = '', structure } = indexed
    const notes = name === '' ? [] : modelNotes({ name, random: name.startsWith('random:') })
    return {
      moments: found.map(
        ({ source, start, end, best, score, labels }): FoundMoment => ({
          ...{ source, start, end, best, score, label: labels[0]?.label ?? null },
        }),
      ),
      // Of topics only its digest is known.
      model: [name, structure].filter(Boolean).join(' + ') || null,
      note: notes[0] ?? null,
    }
  }

  /** Of a camera the last day. */
  async timeline(source: string, episodes: readonly Episode[]): Promise<Timeline | undefined> {
    if (!this.#status.ready) return undefined
    const isCamera = source.startsWith('camera:')
    const from = isCamera ? { from: Date.now() / 1000 - DAY } : {}
    const clips = await this.#held.use((index) => index.timeline(source, from))
    if (clips.length === 0) return undefined
    const shelf = new Shelf({ source, path: '', bytes: 0, done: true, clips })
    return { source: { ...shelf.source, playable: false, why: null }, ...shelf.timeline(episodes) }
  }

  /** How far inputs have been read into the index, by key; none where there is no index. */
  async marks(keys: readonly string[]): Promise<ReadonlyMap<string, string>> {
    if (this.#index === undefined || !this.#status.ready) return new Map()
    return this.#index.use((index) => index.marks(keys))
  }

  async close(): Promise<void> {
    await this.#keeping
    await this.#index?.close()
  }

  get #held(): HeldIndex {
    if (this.#index === undefined)
      throw new StanflowError('SEARCH_NOT_READY', 'There is no index to search in.')
    return this.#index
  }

  async #takeIn(place: string): Promise<void> {
    const { results, log, s3, signal } = this.#parts
    if (!this.#status.ready) this.#status = { ready: false, what: 'The index is being made.' }
    try {
      await indexMoments({ from: results as string, to: place, ...(s3 !== undefined && { s3 }) }, { signal })
    } catch (error) {
      const { code, message } = asStanflowError(error)
      if (code !== 'INPUT_NONE') log.warn({ code, reason: message }, 'the index was not brought up to date')
    }
  }

  /** What there is to search by now. */
  async #look(): Promise<void> {
    try {
      await this.#held.follow(load)
      await this.#held.use(async (index) => {
        const { name, structure } = index.model
        const clips = await index.count()
        if (!this.#status.ready && clips > 0) await load(index)
        const by = [name, structure].filter(Boolean).join(' + ')
        const what = `${clips.toLocaleString('en')} clips${by === '' ? '' : ` by ${by}`}`
        this.#status = { ready: true, what }
      })
    } catch (error) {
      this.#status = { ready: false, what: asStanflowError(error).message }
    }
  }
}

/** The model is loaded now, so that nobody's first search waits for it. */
async function load(index: OpenIndex): Promise<void> {
  await index.search({ text: 'a video' }, { top: 1 })
}
