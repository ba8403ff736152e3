import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { DeadLetter } from '../store.js'
import { writeWhole } from './atomic.js'
import { corrupt, outputError, systemCode } from './fs-errors.js'
import { DEAD_LETTERS, partTime } from './layout.js'

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

/** The dead letters of an output folder, all recipes, oldest first. Empty when there are none. */
export async function readDeadLetterFile(dir: string): Promise<DeadLetterRecord[]> {
  const path = join(dir, DEAD_LETTERS)
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return []
    throw outputError(path, error)
  }
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

/** The dead letters of one recipe during a run; those of others pass through untouched. */
export class DeadLetters {
  readonly #dir: string
  readonly #recipe: Pick<DeadLetterRecord, 'model' | 'sample'>
  readonly #others: readonly DeadLetterRecord[]
  readonly #mine: Map<string, DeadLetterRecord>
  #saved = true

  constructor(
    dir: string,
    recipe: Pick<DeadLetterRecord, 'model' | 'sample'>,
    letters: readonly DeadLetterRecord[],
  ) {
    const isMine = (letter: DeadLetterRecord) =>
      letter.model === recipe.model && letter.sample === recipe.sample
    this.#dir = dir
    this.#recipe = recipe
    this.#others = letters.filter((letter) => !isMine(letter))
    this.#mine = new Map(letters.filter(isMine).map((letter) => [letter.source, letter]))
  }

  /** Whether a checkpoint has something to write. */
  get changed(): boolean {
    return !this.#saved
  }

  /** Adds a failure, with the history of earlier ones. */
  add(failure: Omit<DeadLetter, 'attempts' | 'firstFailedAt' | 'lastFailedAt'>): DeadLetter {
    const now = new Date().toISOString()
    const earlier = this.#mine.get(failure.source)
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
      const part = doneIn(source)
      if (part !== undefined && partTime(part) >= Date.parse(letter.lastFailedAt)) this.settle(source)
    }
  }

  /** Rewrites the file, whole, when something changed. */
  async save(): Promise<void> {
    if (this.#saved) return
    this.#saved = true
    try {
      const letters = [...this.#others, ...this.#mine.values()]
      const text = letters.map((letter) => `${JSON.stringify(letter)}\n`).join('')
      await writeWhole(join(this.#dir, DEAD_LETTERS), text)
    } catch (error) {
      this.#saved = false
      throw error
    }
  }
}
