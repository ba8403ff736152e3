import { z } from 'zod'
import type { Blobs } from '../blobs.js'
import type { DeadLetter } from '../store.js'
import { corrupt } from './fs-errors.js'
import { DEAD_LETTERS, deadLettersFile, partTime, type ShardName } from './layout.js'

const record = z.object({
  source: z.string(),
  path: z.string(),
  code: z.string(),
  message: z.string(),
  hint: z.string(),
  clipsStored: z.int().nonnegative(),
  attempts: z.int().positive(),
  firstFailedAt: z.string(),
  lastFailedAt: z.string(),
  /** Digest. */
  model: z.string(),
  /** As `samplingSlug` writes it. */
  sample: z.string(),
})

/** A line of `dead-letter.jsonl`: a failure, and the recipe it happened under. */
export type DeadLetterRecord = DeadLetter & { readonly model: string; readonly sample: string }

/** Dead letters by the files they are in. */
export type DeadLetterFiles = ReadonlyMap<string, readonly DeadLetterRecord[]>

/** All there are, of all recipes and shards. */
export async function readDeadLetterFiles(blobs: Blobs): Promise<DeadLetterFiles> {
  const files = new Map<string, readonly DeadLetterRecord[]>()
  for (const name of await blobs.names(DEAD_LETTERS)) {
    if (!name.endsWith('.jsonl')) continue
    const bytes = (await blobs.read(name)) ?? new Uint8Array()
    files.set(name, parse(blobs.at(name), Buffer.from(bytes).toString()))
  }
  return files
}

/** The newest letter of each video and recipe, oldest first. */
export function newestLetters(files: DeadLetterFiles): DeadLetterRecord[] {
  if (files.size < 2) return [...files.values()].flat()
  const newest = new Map<string, DeadLetterRecord>()
  for (const letter of [...files.values()].flat()) {
    const key = JSON.stringify([letter.model, letter.sample, letter.source])
    if (letter.lastFailedAt >= (newest.get(key)?.lastFailedAt ?? '')) newest.set(key, letter)
  }
  return [...newest.values()].sort((a, b) => (a.lastFailedAt < b.lastFailedAt ? -1 : 1))
}

function parse(path: string, text: string): DeadLetterRecord[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line, i) => {
      try {
        return record.parse(JSON.parse(line))
      } catch (error) {
        throw corrupt(`${path}, line ${i + 1},`, 'is no dead letter that stanflow wrote', undefined, error)
      }
    })
}

/** Whether a letter's video was stored whole after it had failed; `doneIn`: the part that completed it. */
export function isSettled(letter: Pick<DeadLetter, 'lastFailedAt'>, doneIn: string | undefined): boolean {
  return doneIn !== undefined && partTime(doneIn) >= Date.parse(letter.lastFailedAt)
}

/**
 * The dead letters of one recipe during a run; those of others pass through untouched. A run writes one file: a shard
 * its own, any other run the common one, into which it gathers what shards left.
 */
export class DeadLetters {
  readonly file: string
  readonly #blobs: Blobs
  readonly #recipe: Pick<DeadLetterRecord, 'model' | 'sample'>
  readonly #others: readonly DeadLetterRecord[]
  readonly #mine: Map<string, DeadLetterRecord>
  /** What earlier runs wrote elsewhere. */
  readonly #history: ReadonlyMap<string, DeadLetterRecord>
  readonly #gathered: readonly string[]
  #saved: boolean

  constructor(
    blobs: Blobs,
    shard: ShardName | undefined,
    recipe: Pick<DeadLetterRecord, 'model' | 'sample'>,
    files: DeadLetterFiles,
  ) {
    const isMine = (letter: DeadLetterRecord) =>
      letter.model === recipe.model && letter.sample === recipe.sample
    const bySource = (letters: readonly DeadLetterRecord[]) =>
      new Map(letters.filter(isMine).map((letter) => [letter.source, letter]))
    this.file = deadLettersFile(shard)
    this.#blobs = blobs
    this.#recipe = recipe
    this.#gathered = shard === undefined ? [...files.keys()].filter((name) => name !== this.file) : []
    const letters = this.#gathered.length > 0 ? newestLetters(files) : (files.get(this.file) ?? [])
    this.#others = letters.filter((letter) => !isMine(letter))
    this.#mine = bySource(letters)
    this.#history = bySource(newestLetters(files))
    this.#saved = this.#gathered.length === 0
  }

  /** Whether a checkpoint has something to write. */
  get changed(): boolean {
    return !this.#saved
  }

  /** Adds a failure, with the history of earlier ones. */
  add(failure: Omit<DeadLetter, 'attempts' | 'firstFailedAt' | 'lastFailedAt'>): DeadLetter {
    const now = new Date().toISOString()
    const earlier = this.#mine.get(failure.source) ?? this.#history.get(failure.source)
    const letter: DeadLetter = {
      ...failure,
      attempts: (earlier?.attempts ?? 0) + 1,
      firstFailedAt: earlier?.firstFailedAt ?? now,
      lastFailedAt: now,
    }
    this.#mine.delete(failure.source)
    this.#mine.set(failure.source, { ...letter, ...this.#recipe })
    this.#saved = false
    return letter
  }

  /** Drops the letter of a video that is stored whole now. */
  settle(source: string): void {
    if (this.#mine.delete(source)) this.#saved = false
  }

  /**
   * Drops the letters that a run ended by force had no time to: of videos stored whole after they had failed.
   * `doneIn` answers with the part that completed a video.
   */
  settleAll(doneIn: (source: string) => string | undefined): void {
    for (const [source, letter] of this.#mine) {
      if (isSettled(letter, doneIn(source))) this.settle(source)
    }
  }

  /** Rewrites the file, whole, when something changed. */
  async save(): Promise<void> {
    if (this.#saved) return
    this.#saved = true
    try {
      const letters = [...this.#others, ...this.#mine.values()]
      const text = letters.map((letter) => `${JSON.stringify(letter)}\n`).join('')
      await this.#blobs.write(this.file, text)
      for (const name of this.#gathered) await this.#blobs.remove(name)
    } catch (error) {
      this.#saved = false
      throw error
    }
  }
}
