import type { Table } from '@lancedb/lancedb'
import type { Lock } from '../connect/blobs.js'
import { StanflowError } from '../errors.js'
import { lance } from './errors.js'
import { keepFrames } from './frames.js'
import type { IndexedModel, MomentIndex } from './moment-index.js'
import { type ClipLabels, clipTable, type IndexedClip, type Mark, waitingTable } from './rows.js'
import { textList } from './sql.js'
import { labelsWaiting, type StoredClip, storedClips } from './stored.js'

/** Clips gathered before they are written. */
const FLUSH_CLIPS = 4096
/** The same where they have their frames' vectors. */
const FLUSH_FRAMED = 512

/** What is known of a model beyond its digest. */
export type ModelFacts = Pick<IndexedModel, 'name' | 'structure' | 'precision'>

export interface WriterOptions {
  readonly index: MomentIndex
  /** One process at a time writes clips. */
  readonly lock: Lock
  /** A model that the index does not have gets a table of its own; else it is refused. */
  readonly beside: boolean
  /** After each write: how many clips were new, and how many changed. */
  readonly onWritten?: (counts: Written) => void
}

export interface NewLabels extends ClipLabels {
  readonly modelDigest: string
  /** Where the clip is not there: it is still to come, and they are kept for it. */
  readonly early: boolean
}

export interface Written {
  readonly added: number
  readonly changed: number
}

/**
 * Puts clips and labels into the index, each clip once, however often and in whatever order they come. Marks go in after
 * what they stand for: whoever dies in between does again what is done already, which changes nothing.
 */
export class IndexWriter {
  readonly #options: WriterOptions
  readonly #models = new Map<string, IndexedModel>()
  #clips = new Map<string, IndexedClip>()
  #labels = new Map<string, NewLabels>()
  #framed = new Map<string, IndexedClip>()
  #marks = new Map<string, string>()
  #known = false

  constructor(options: WriterOptions) {
    this.#options = options
  }

  /** Clips and labels that are not written yet. */
  get pending(): number {
    return this.#clips.size + this.#labels.size + this.#framed.size
  }

  /** Whether vectors of so many numbers can be this model's, as far as the index knows it. */
  async fits(digest: string, dim: number): Promise<boolean> {
    await this.#load()
    const known = this.#alike(digest)
    return known === undefined || (known.digest === digest && known.dim === dim)
  }

  /**
   * Whether clips of this model may go in; makes room for them where they may.
   * @throws StanflowError INDEX_MODEL
   */
  async admit(digest: string, dim: number, facts: ModelFacts = {}): Promise<IndexedModel> {
    const { index, beside } = this.#options
    await this.#load()
    const known = this.#models.get(digest)
    if (known !== undefined && known.dim !== dim) throw otherWidth(known, dim)
    if (known !== undefined && (known.name !== undefined || facts.name === undefined)) return known
    if (known === undefined && this.#models.size > 0 && !beside)
      throw foreign(digest, [...this.#models.values()])
    const same = this.#alike(digest)
    if (same !== undefined && same.digest !== digest) throw otherWidth(same, dim)
    const added = await index.addModel({ digest, dim, ...facts })
    this.#models.set(digest, added)
    return added
  }

  /** A clip of an admitted model. */
  async add(clip: IndexedClip): Promise<void> {
    this.#clips.set(clip.clipId, clip)
    if (clip.frames !== undefined) this.#framed.set(clip.clipId, clip)
    if (this.#clips.size >= FLUSH_CLIPS || this.#framed.size >= FLUSH_FRAMED) await this.flush()
  }

  /** Frames' vectors of a clip that went in without them; of one that is not there, nothing is kept. */
  async frame(clip: IndexedClip): Promise<void> {
    this.#framed.set(clip.clipId, clip)
    if (this.#framed.size >= FLUSH_FRAMED) await this.flush()
  }

  /** Labels take the place of those that the clip had. */
  async label(labels: NewLabels): Promise<void> {
    this.#labels.set(labels.clipId, labels)
    if (this.#labels.size >= FLUSH_CLIPS) await this.flush()
  }

  /** What has been added so far is done with; goes in with it, or after it. */
  mark({ key, value }: Mark): void {
    this.#marks.set(key, value)
  }

  /** @throws StanflowError INDEX_FAILED, OUTPUT_* */
  async flush(): Promise<void> {
    const { index, lock, onWritten } = this.#options
    if (this.pending === 0 && this.#marks.size === 0) return
    const [clips, labels, framed, marks] = [this.#clips, this.#labels, this.#framed, this.#marks]
    this.#clips = new Map()
    this.#labels = new Map()
    this.#framed = new Map()
    this.#marks = new Map()
    await this.#load()
    const waiting = new Map([...labels].filter(([, { early }]) => early))
    const joined: string[] = []
    let [added, changed] = [0, 0]
    const digests = new Set(
      [...clips.values(), ...labels.values(), ...framed.values()].map(({ modelDigest }) => modelDigest),
    )
    for (const digest of digests) {
      const model = this.#models.get(digest)
      if (model === undefined) continue
      const table = await index.clips(model)
      const mine = [...clips.values()].filter(({ modelDigest }) => modelDigest === digest)
      const named = [...labels.values()].filter(({ modelDigest }) => modelDigest === digest)
      const pictured = [...framed.values()].filter(({ modelDigest }) => modelDigest === digest)
      const there = await storedClips(
        table,
        [...mine, ...named, ...pictured].map(({ clipId }) => clipId),
      )
      const early = await labelsWaiting(
        await index.waiting(),
        mine.flatMap(({ clipId }) => (labels.has(clipId) || there.has(clipId) ? [] : [clipId])),
      )
      const fresh = mine.flatMap((clip): IndexedClip[] => {
        if (there.has(clip.clipId)) return []
        const known = labels.get(clip.clipId) ?? clip.labels ?? early.get(clip.clipId)
        if (early.has(clip.clipId)) joined.push(clip.clipId)
        return [known === undefined ? clip : { ...clip, labels: known }]
      })
      const relabelled = [...there.values()].flatMap((clip): StoredClip[] => {
        const now = labels.get(clip.clipId) ?? clips.get(clip.clipId)?.labels
        return now === undefined || sameLabels(clip.labels, now) ? [] : [{ ...clip, labels: now }]
      })
      for (const { clipId } of [...fresh, ...there.values()]) waiting.delete(clipId)
      await lock.assertHeld()
      await insert(table, model, fresh)
      await update(table, model, await whole(table, model, relabelled))
      const kept = pictured.flatMap(({ frames, ...clip }) =>
        frames !== undefined && (there.has(clip.clipId) || clips.has(clip.clipId))
          ? [{ ...clip, frames }]
          : [],
      )
      if (kept.length > 0) await keepFrames(await index.makeFrames(model), kept)
      added += fresh.length
      changed += relabelled.length
    }
    await this.#keep([...waiting.values()])
    await lock.assertHeld()
    await index.mark([...marks].map(([key, value]) => ({ key, value })))
    await this.#forget(joined)
    onWritten?.({ added, changed })
  }

  /** The model whose clips are in the table that those of `digest` would be in. */
  #alike(digest: string): IndexedModel | undefined {
    return [...this.#models.values()].find((model) => model.digest.slice(0, 12) === digest.slice(0, 12))
  }

  async #load(): Promise<void> {
    if (this.#known) return
    for (const model of await this.#options.index.models()) this.#models.set(model.digest, model)
    this.#known = true
  }

  async #keep(rows: readonly ClipLabels[]): Promise<void> {
    if (rows.length === 0) return
    const table = await this.#options.index.waiting()
    await lance('Cannot write labels to the index', () =>
      table
        .mergeInsert('clip_id')
        .whenMatchedUpdateAll()
        .whenNotMatchedInsertAll()
        .execute(waitingTable(rows, Date.now())),
    )
  }

  async #forget(ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return
    const table = await this.#options.index.waiting()
    await lance('Cannot write labels to the index', () => table.delete(`clip_id IN (${textList(ids)})`))
  }
}

async function insert(table: Table, { dim }: IndexedModel, clips: readonly IndexedClip[]): Promise<void> {
  if (clips.length === 0) return
  await lance('Cannot write to the index', () =>
    table
      .mergeInsert('clip_id')
      .whenMatchedUpdateAll()
      .whenNotMatchedInsertAll()
      .execute(clipTable(dim, clips)),
  )
}

/** Changes clips that are there; one that was deleted meanwhile stays so. */
async function update(table: Table, { dim }: IndexedModel, clips: readonly IndexedClip[]): Promise<void> {
  if (clips.length === 0) return
  await lance('Cannot write to the index', () =>
    table.mergeInsert('clip_id').whenMatchedUpdateAll().execute(clipTable(dim, clips)),
  )
}

/** Clips that are to change, with their vectors. */
async function whole(
  table: Table,
  { digest }: IndexedModel,
  clips: readonly StoredClip[],
): Promise<readonly IndexedClip[]> {
  if (clips.length === 0) return []
  const vectors = await storedClips(
    table,
    clips.map(({ clipId }) => clipId),
    { vectors: true },
  )
  return clips.flatMap((clip) => {
    const vector = vectors.get(clip.clipId)?.vector
    // Deleted in between: it stays so.
    return vector === undefined ? [] : [{ ...clip, modelDigest: digest, vector }]
  })
}

function sameLabels(a: ClipLabels | undefined, b: ClipLabels): boolean {
  if (a === undefined || a.labelSet !== b.labelSet || a.labels.length !== b.labels.length) return false
  return a.labels.every(({ label, score }, i) => {
    const other = b.labels[i]
    return label === other?.label && Math.abs(score - other.score) < 1e-6
  })
}

function foreign(digest: string, models: readonly IndexedModel[]): StanflowError {
  const there = models
    .map(({ digest: one, name }) => [name, one.slice(0, 12)].filter(Boolean).join(' '))
    .join(', ')
  return new StanflowError(
    'INDEX_MODEL',
    `The results are of the model ${digest.slice(0, 12)}; the index has ${there}.`,
    {
      hint: 'Add --beside to keep them in a table of their own, which `stanflow index use` then makes the one searched; or --digest to read only one model’s results.',
    },
  )
}

function otherWidth({ digest, dim }: IndexedModel, other: number): StanflowError {
  return new StanflowError(
    'INDEX_MODEL',
    `The index has another model whose digest begins with ${digest.slice(0, 12)}, of ${dim} dimensions, not ${other}.`,
  )
}
