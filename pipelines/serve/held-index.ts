import { type OpenIndex, type OpenIndexOptions, openIndex } from '../search.js'

interface Held {
  readonly index: OpenIndex
  users: number
  isOld: boolean
}

/**
 * The index as it is searched while others write to it: opened when it is needed, opened anew once another of its models is to be
 * searched or it lies there no more, and closed when the last who uses it is done.
 */
export class HeldIndex {
  readonly #options: OpenIndexOptions
  #held: Promise<Held> | undefined

  constructor(options: OpenIndexOptions) {
    this.#options = options
  }

  /** @throws StanflowError INDEX_MISSING, INDEX_FAILED, and what the work throws */
  async use<T>(work: (index: OpenIndex) => Promise<T>): Promise<T> {
    const held = await this.#current()
    held.users++
    try {
      return await work(held.index)
    } finally {
      held.users--
      await leave(held)
    }
  }

  /** Sees to it that what is searched is what the index says by now. `ready` is done with a new model before searches get it. */
  async follow(ready: (index: OpenIndex) => Promise<void>): Promise<void> {
    const held = await this.#current()
    const chosen = await held.index.chosen().catch(async (error: unknown) => {
      this.#held = undefined
      await retire(held)
      throw error
    })
    if (chosen === undefined || chosen === held.index.model.digest) return
    const index = await openIndex(this.#options)
    try {
      await ready(index)
    } catch (error) {
      await index.close()
      throw error
    }
    this.#held = Promise.resolve({ index, users: 0, isOld: false })
    await retire(held)
  }

  async close(): Promise<void> {
    const held = await this.#held?.catch(() => undefined)
    if (held !== undefined) await retire(held)
  }

  #current(): Promise<Held> {
    if (this.#held !== undefined) return this.#held
    const opening = openIndex(this.#options).then((index): Held => ({ index, users: 0, isOld: false }))
    this.#held = opening
    opening.catch(() => {
      if (this.#held === opening) this.#held = undefined
    })
    return opening
  }
}

async function retire(held: Held): Promise<void> {
  held.isOld = true
  await leave(held)
}

async function leave({ isOld, users, index }: Held): Promise<void> {
  if (isOld && users === 0) await index.close()
}
