import type { S3Settings } from '../src/connect/s3/client.js'
import type { Label } from '../src/domain.js'
import { StanflowError } from '../src/errors.js'
import { lance } from '../src/search/errors.js'
import type { Filter } from '../src/search/filter.js'
import { type IndexedModel, MomentIndex } from '../src/search/moment-index.js'
import { type FoundMoment, mergeMoments } from '../src/search/moments.js'
import { clipsWhere, nearest } from '../src/search/nearest.js'
import { equals } from '../src/search/sql.js'
import { indexPlace } from './index-moments/place.js'
import type { ModelOptions } from './open-model.js'
import { Encoder } from './search/encoder.js'
import { type Asked, type Reranker, rerank } from './search/rerank.js'

export type { Filter, FoundMoment, IndexedModel }

export interface OpenIndexOptions {
  /** Where `stanflow index` wrote: a folder, or `s3://bucket/prefix`. */
  readonly index: string
  readonly s3?: S3Settings
  /** Search the clips of the model whose digest begins so. Default: the index's own choice. */
  readonly digest?: string
  /** How the model is run that makes vectors of texts and pictures. Default: the index's, wherever it computes quickest. */
  readonly model?: Partial<Omit<ModelOptions, 'sampling'>>
}

/** What to look for; what is given is added up. */
export interface Query {
  /** What the moment shows, in words. */
  readonly text?: string
  /** What it does not show. */
  readonly not?: readonly string[]
  /** A picture: a file, or the bytes of a JPEG, PNG or WebP. */
  readonly image?: string | Uint8Array
  /** A video as a whole: a file, or `s3://bucket/key`. */
  readonly video?: string
  /** Like this clip of the index: by its id, or the one of a source that is shown at a time. */
  readonly like?: { readonly clipId: string } | { readonly source: string; readonly time: number }
  /** A vector of the model's own, `[dim]`. */
  readonly vector?: Float32Array
}

export interface SearchFilter extends Filter {
  /** Moments at most. Default 20. */
  readonly top?: number
  /** Compare the clips nearest by cosine once more, frame by frame with the text's tokens. Takes a text and nothing else. */
  readonly rerank?: Reranker
}

/** A clip on a source's timeline. */
export interface TimelineClip {
  readonly clipId: string
  readonly start: number
  readonly end: number
  readonly labels: readonly Label[]
}

/** A moment, and what the similarity that it was ranked by says of its best clip, where it was. */
export interface RankedMoment extends FoundMoment {
  readonly reranked?: number
}

/** An index that is open for searching. Close it. */
export interface OpenIndex {
  readonly model: IndexedModel
  /** Clips of the model that is searched, by now. */
  count(): Promise<number>
  /** Digest of the model that the index wants searched by now: after `stanflow index use` another than `model`'s. */
  chosen(): Promise<string | undefined>
  /** How far inputs have been read, by key. */
  marks(keys: readonly string[]): Promise<ReadonlyMap<string, string>>
  /**
   * Moments that show what the query says, the best first.
   * @throws StanflowError INDEX_MODEL where texts cannot be encoded by the index's model, INPUT_NOT_FOUND for a clip that is not
   * there, USAGE_INVALID where nothing is asked for, INDEX_FAILED
   */
  search(query: Query, filter?: SearchFilter): Promise<readonly RankedMoment[]>
  /** A source's clips by time. */
  timeline(source: string, range?: Pick<Filter, 'from' | 'to'>): Promise<readonly TimelineClip[]>
  close(): Promise<void>
}

const TOP = 20
/** Clips looked at for each moment wanted, at first and at most. */
const CLIPS_EACH = 10
const MOST_CLIPS = 10_000
const LEAST_CLIPS = 200
/** What is not to be shown counts so much against what is. */
const NOT_WEIGHT = 0.5

/** @throws StanflowError INDEX_MISSING, INDEX_MODEL, INDEX_FAILED */
export async function openIndex(options: OpenIndexOptions): Promise<OpenIndex> {
  const index = await MomentIndex.open(indexPlace(options.index, options.s3))
  try {
    const model = options.digest === undefined ? await index.current() : await index.model(options.digest)
    if (model === undefined) {
      throw new StanflowError('INDEX_MISSING', `The index ${options.index} is empty.`)
    }
    const { model: wish, s3 } = options
    const encoder = new Encoder({
      ...{ model, frames: await framesOf(index, model) },
      ...(wish !== undefined && { wish }),
      ...(s3 !== undefined && { s3 }),
    })
    return new Searcher(index, model, encoder)
  } catch (error) {
    index.close()
    throw error
  }
}

class Searcher implements OpenIndex {
  readonly model: IndexedModel
  readonly #index: MomentIndex
  readonly #encoder: Encoder

  constructor(index: MomentIndex, model: IndexedModel, encoder: Encoder) {
    this.#index = index
    this.model = model
    this.#encoder = encoder
  }

  async count(): Promise<number> {
    const table = await this.#index.clips(this.model)
    return lance('Cannot read the index', () => table.countRows())
  }

  async chosen(): Promise<string | undefined> {
    return (await this.#index.current())?.digest
  }

  marks(keys: readonly string[]): Promise<ReadonlyMap<string, string>> {
    return this.#index.marksOf(keys)
  }

  async search(
    query: Query,
    { top = TOP, rerank: by, ...filter }: SearchFilter = {},
  ): Promise<readonly RankedMoment[]> {
    const table = await this.#index.clips(this.model)
    const { vector, without } = await this.#vectorOf(query)
    const length = Math.hypot(...vector)
    const asked = by === undefined ? undefined : await this.#asked(query)
    for (let limit = Math.max(LEAST_CLIPS, top * CLIPS_EACH); ; limit *= 4) {
      const found = await nearest(table, vector, { limit, filter })
      const others = found.filter(({ clipId }) => clipId !== without)
      const { clips, own } =
        by === undefined || asked === undefined
          ? { clips: others, own: undefined }
          : await rerank(by, others, asked, await this.#index.frames(this.model))
      const moments = mergeMoments(clips)
      if (moments.length >= top || found.length < limit || limit >= MOST_CLIPS) {
        return moments.slice(0, top).map((moment) => {
          const { cosine, similarity } = own?.get(moment.clipId) ?? {}
          const score = (cosine ?? moment.score) * length
          return { ...moment, score, ...(similarity !== undefined && { reranked: similarity }) }
        })
      }
    }
  }

  async timeline(source: string, range: Pick<Filter, 'from' | 'to'> = {}): Promise<readonly TimelineClip[]> {
    const table = await this.#index.clips(this.model)
    const clips = await clipsWhere(table, { ...range, source }, 100_000)
    return [...clips]
      .sort((a, b) => a.start - b.start)
      .map(({ clipId, start, end, labels }) => ({ clipId, start, end, labels }))
  }

  async close(): Promise<void> {
    this.#index.close()
    await this.#encoder.close()
  }

  /** A text, token by token. @throws StanflowError USAGE_INVALID where it is not by a text that is looked for */
  async #asked({ text, not = [], image, video, like, vector }: Query): Promise<Asked> {
    if (text === undefined || [image, video, like, vector].some((part) => part !== undefined)) {
      throw new StanflowError('USAGE_INVALID', 'Only what a text finds can be reranked.', {
        hint: 'Give a text and nothing but --not beside it, or leave --rerank away.',
      })
    }
    const { texts, paddedTo } = await this.#encoder.tokens([text, ...not])
    const [wanted, ...unwanted] = texts
    if (wanted === undefined) throw new TypeError('a text without vectors')
    return { text: wanted, not: unwanted, notWeight: NOT_WEIGHT, paddedTo }
  }

  /** Parts of a query as one vector; its length scales cosines with it to the sum of the parts' own. */
  async #vectorOf({ text, not = [], image, video, like, vector }: Query) {
    const parts: { readonly vector: Float32Array; readonly weight: number }[] = []
    let without: string | undefined
    if (vector !== undefined) parts.push({ vector, weight: 1 })
    if (image !== undefined) parts.push({ vector: await this.#encoder.image(image), weight: 1 })
    if (video !== undefined) parts.push({ vector: await this.#encoder.video(video), weight: 1 })
    if (like !== undefined) {
      const clip = await this.#clip(like)
      without = clip.clipId
      parts.push({ vector: clip.vector, weight: 1 })
    }
    const texts = [...(text === undefined ? [] : [text]), ...not]
    if (texts.length > 0) {
      const encoded = await this.#encoder.texts(texts)
      for (const [i, one] of encoded.entries()) {
        const isWanted = text !== undefined && i === 0
        parts.push({ vector: one, weight: isWanted ? 1 : -NOT_WEIGHT / not.length })
      }
    }
    if (parts.every(({ weight }) => weight < 0)) {
      throw new StanflowError('USAGE_INVALID', 'Nothing is looked for.', {
        hint: 'Say what the moment shows: stanflow search "a red ball falls".',
      })
    }
    const sum = new Float32Array(this.model.dim)
    for (const part of parts) {
      for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] ?? 0) + part.weight * (part.vector[i] ?? 0)
    }
    return { vector: sum, without }
  }

  async #clip(like: NonNullable<Query['like']>): Promise<{ clipId: string; vector: Float32Array }> {
    const table = await this.#index.clips(this.model)
    const where =
      'clipId' in like
        ? equals('clip_id', like.clipId)
        : `${equals('source', like.source)} AND start <= ${like.time} AND \`end\` >= ${like.time}`
    const rows = await lance('Cannot read the index', () =>
      table.query().where(where).select(['clip_id', 'start', 'end', 'vector']).limit(100).toArray(),
    )
    const middle = (row: { start: number; end: number }) =>
      'time' in like ? Math.abs((row.start + row.end) / 2 - like.time) : 0
    const [row] = [...rows].sort((a, b) => middle(a) - middle(b))
    if (row === undefined) {
      const what = 'clipId' in like ? like.clipId : `${like.source} at ${like.time} s`
      throw new StanflowError('INPUT_NOT_FOUND', `The index has no clip ${what}.`)
    }
    return { clipId: row.clip_id as string, vector: row.vector.toArray() as Float32Array }
  }
}

/** Frames in the index's clips, as their sampling says: a picture or video to search by becomes a clip of as many. */
async function framesOf(index: MomentIndex, model: IndexedModel): Promise<number> {
  const [clip] = await clipsWhere(await index.clips(model), {}, 1)
  return Number(/^[a-z]+-(\d+)/.exec(clip?.sampling ?? '')?.[1] ?? 12)
}
