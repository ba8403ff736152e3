import { join } from 'node:path'
import type { S3Settings } from '../../src/connect/s3/client.js'
import { isS3 } from '../../src/connect/s3/uri.js'
import { asStanflowError, StanflowError } from '../../src/errors.js'
import type { FoundMoment, Search } from '../../src/server/parts.js'
import type { Episode, Health, SearchAsked, Timeline } from '../../src/server/schemas.js'
import type { Logger } from '../../src/telemetry/log.js'
import { indexMoments } from '../index-moments.js'
import { type ModelOptions, modelNotes } from '../open-model.js'
import { type OpenIndex, openIndex } from '../search.js'
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
  #open: Promise<OpenIndex> | undefined
  #status: Health['search'] = { ready: false, what: 'The index has not been looked at yet.' }
  #keeping: Promise<void> | undefined
  #again = false

  constructor(parts: SearchParts) {
    const { options, results } = parts
    this.#parts = parts
    this.#isOurs = options.index === undefined && results !== undefined && !isS3(results)
    this.#place = options.index ?? (this.#isOurs ? join(results as string, 'index') : undefined)
    if (this.#place === undefined) this.#status = { ready: false, what: 'No index was named with --index.' }
  }

  status(): Health['search'] {
    return this.#status
  }

  /** Takes in results that are new, and looks how the index fares. Goes on by itself; one at a time. */
  refresh(): void {
    if (this.#place === undefined) return
    if (this.#keeping !== undefined) {
      // What came since it began may not be in it.
      this.#again = true
      return
    }
    this.#keeping = this.#refresh(this.#place).finally(() => {
      this.#keeping = undefined
      if (!this.#again || this.#parts.signal.aborted) return
      this.#again = false
      this.refresh()
    })
  }

  async find(asked: SearchAsked, signal: AbortSignal) {
    const { q, not, likeSource, likeTime, source, from, to, top } = asked
    const text = q?.trim()
    const index = await this.#index()
    const sampling = this.#isOurs ? this.#parts.sampling() : undefined
    const found = await index.search(
      {
        ...(text !== undefined && text !== '' && { text }),
        ...(not !== undefined && not.trim() !== '' && { not: [not.trim()] }),
        ...(likeSource !== undefined && { like: { source: likeSource, time: likeTime ?? 0 } }),
      },
      {
        top,
        ...(sampling !== undefined && { samplings: [sampling] }),
        ...(source !== undefined && { source }),
        ...(from !== undefined && { from }),
        ...(to !== undefined && { to }),
      },
    )
    signal.throwIfAborted()
    const { name = 'a model', structure } = index.model
    const notes = modelNotes({ name, random: name.startsWith('random:') })
    return {
      moments: found.map(
        ({ source, start, end, best, score, labels }): FoundMoment => ({
          ...{ source, start, end, best, score, label: labels[0]?.label ?? null },
        }),
      ),
      model: structure === undefined ? name : `${name} + ${structure}`,
      note: notes[0] ?? null,
    }
  }

  /** Of a camera the last day. */
  async timeline(source: string, episodes: readonly Episode[]): Promise<Timeline | undefined> {
    if (!this.#status.ready) return undefined
    const isCamera = source.startsWith('camera:')
    const from = isCamera ? { from: Date.now() / 1000 - DAY } : {}
    const clips = await (await this.#index()).timeline(source, from)
    if (clips.length === 0) return undefined
    const shelf = new Shelf({ source, path: '', bytes: 0, done: true, clips })
    return { source: { ...shelf.source, playable: false, why: null }, ...shelf.timeline(episodes) }
  }

  async close(): Promise<void> {
    await this.#keeping
    await (await this.#open?.catch(() => undefined))?.close()
  }

  #index(): Promise<OpenIndex> {
    const { options, s3 } = this.#parts
    if (this.#place === undefined) {
      return Promise.reject(new StanflowError('SEARCH_NOT_READY', 'There is no index to search in.'))
    }
    this.#open ??= openIndex({
      index: this.#place,
      ...(s3 !== undefined && { s3 }),
      ...(options.model !== undefined && { model: options.model }),
    })
    this.#open.catch(() => {
      this.#open = undefined
    })
    return this.#open
  }

  async #refresh(place: string): Promise<void> {
    const { results, log, s3, signal } = this.#parts
    try {
      if (this.#isOurs) {
        if (!this.#status.ready) this.#status = { ready: false, what: 'The index is being made.' }
        await indexMoments(
          { from: results as string, to: place, ...(s3 !== undefined && { s3 }) },
          { signal },
        )
      }
    } catch (error) {
      const { code, message } = asStanflowError(error)
      if (code !== 'INPUT_NONE') log.warn({ code, reason: message }, 'the index was not brought up to date')
    }
    try {
      const index = await this.#index()
      const { name = 'a model', structure } = index.model
      const clips = await index.count()
      // The model is loaded now, so that nobody's first search waits for it.
      if (!this.#status.ready && clips > 0) await index.search({ text: 'a video' }, { top: 1 })
      const what = `${clips.toLocaleString('en')} clips by ${[name, structure].filter(Boolean).join(' + ')}`
      this.#status = { ready: true, what }
    } catch (error) {
      this.#status = { ready: false, what: asStanflowError(error).message }
    }
  }
}
