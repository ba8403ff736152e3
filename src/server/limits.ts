import { StanflowError } from '../errors.js'

/** Runs a few at a time; lets so many wait and turns the rest away. */
export class Gate {
  readonly #width: number
  readonly #most: number
  readonly #waiting: (() => void)[] = []
  #running = 0

  constructor(width: number, mostWaiting: number) {
    this.#width = width
    this.#most = mostWaiting
  }

  /** @throws StanflowError SERVER_BUSY */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#width) {
      if (this.#waiting.length >= this.#most)
        throw new StanflowError('SERVER_BUSY', 'Too much is asked for at once.')
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    } else this.#running++
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#running--
      else next()
    }
  }
}

/** The last few answers, by key; what is being made is made once. */
export class Recent<T> {
  readonly #most: number
  readonly #kept = new Map<string, Promise<T>>()
  readonly #gone: (value: T) => void

  constructor(most: number, gone: (value: T) => void = () => undefined) {
    this.#most = most
    this.#gone = gone
  }

  get(key: string, make: () => Promise<T>): Promise<T> {
    const known = this.#kept.get(key)
    if (known !== undefined) {
      this.#kept.delete(key)
      this.#kept.set(key, known)
      return known
    }
    const made = make()
    this.#kept.set(key, made)
    made.catch(() => this.#kept.delete(key))
    for (const [oldest, value] of this.#kept) {
      if (this.#kept.size <= this.#most) break
      this.#kept.delete(oldest)
      value.then(this.#gone, () => undefined)
    }
    return made
  }
}
