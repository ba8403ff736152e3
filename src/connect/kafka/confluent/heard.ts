import { codeOf, confluentError, isDisconnect } from './errors.js'
import type { LibraryError } from './library.js'

interface Emitter {
  on(event: string, listener: (fact: never) => void): unknown
}

/** What waiting does not mend, and what librdkafka tells of only in passing. */
const TELLING: readonly (string | undefined)[] = ['KAFKA_AUTH', 'KAFKA_TLS']

/**
 * What a client of the library tells beside its answers: why no connection comes about. A call then merely fails for
 * want of an answer, and many things fail after the one that matters.
 */
export class Heard {
  #error: unknown
  #hasWorked = false
  readonly #telling = new Set<(error: unknown) => void>()

  /** Listens to a client. */
  listen(client: Emitter): void {
    for (const [event, listener] of Object.entries(this.listeners)) client.on(event, listener)
  }

  get listeners(): Readonly<Record<string, (fact: never) => void>> {
    return {
      'event.error': (error: LibraryError) => this.hear(error),
      'event.log': (line: { readonly message?: string }) => this.hear(new Error(line.message ?? '')),
      // Nobody listening to it would end the process.
      error: (error: LibraryError) => this.hear(error),
    }
  }

  /** Something succeeded: what was heard before is over, and a connection that ends from now on is merely one that ended. */
  works(): void {
    this.#hasWorked = true
    this.#error = undefined
  }

  /**
   * Whether it is a connection that ended after others had worked. librdkafka guesses at reasons then, TLS or a password,
   * which hold for the first connection only.
   */
  isPassing(error: unknown): boolean {
    return this.#hasWorked && isDisconnect(error)
  }

  hear(error: unknown): void {
    if (this.isPassing(error)) return
    const code = codeOf(error)
    // Its log has the words, and comes first.
    if (code === undefined || TELLING.includes(codeOf(this.#error))) return
    this.#error = error
    if (TELLING.includes(code)) for (const tell of this.#telling) tell(error)
  }

  /** Of a call that failed. */
  why(what: string, thrown: unknown): Error {
    return confluentError(what, thrown, this.#error)
  }

  /** A call's answer, or what was heard meanwhile that makes waiting for it useless. */
  async unless<T>(what: string, call: Promise<T>): Promise<T> {
    let tell: (error: unknown) => void = () => undefined
    const heard = new Promise<never>((_, reject) => {
      tell = reject
      this.#telling.add(tell)
    })
    try {
      const answer = await Promise.race([call, heard])
      this.works()
      return answer
    } catch (error) {
      throw this.why(what, error)
    } finally {
      this.#telling.delete(tell)
    }
  }
}
