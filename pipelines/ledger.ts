import { setTimeout as sleep } from 'node:timers/promises'
import type { DeadLetter, ResultStore } from '../src/connect/store.js'
import type { Video } from '../src/domain.js'
import type { StanflowError } from '../src/errors.js'

interface Account {
  /** Clips stored by earlier runs, and by this one. */
  stored: number
  /** Clips there will be once every one cut so far is stored. */
  cut: number
  outcome?: 'complete' | StanflowError
}

/**
 * Ctrl-C in a terminal reaches decoder processes too, perhaps before it reaches this one: what then looks like a damaged
 * video is none. So a failure counts only if no drain follows within this time.
 */
const GRACE_MS = 100

/** The part of a store that a ledger settles with. */
export type Settlement = Pick<ResultStore, 'finish' | 'fail'>

export interface LedgerEvents {
  readonly done: (video: Video) => void
  readonly failed: (letter: DeadLetter) => void
}

/**
 * Keeps account of every video under way: cutting runs ahead of storing, and a video is settled (done, or failed with
 * what it has) only when all clips cut from it are stored.
 */
export class Ledger {
  readonly #store: Settlement
  readonly #events: LedgerEvents
  readonly #signal: AbortSignal
  readonly #accounts = new Map<Video, Account>()
  #settling: Promise<void> = Promise.resolve()

  /** `signal`: aborts when the run drains. */
  constructor(store: Settlement, events: LedgerEvents, signal: AbortSignal) {
    this.#store = store
    this.#events = events
    this.#signal = signal
  }

  start(video: Video, alreadyStored: number): void {
    this.#accounts.set(video, { stored: alreadyStored, cut: alreadyStored })
  }

  cut(video: Video): void {
    this.#account(video, (account) => account.cut++)
  }

  stored(video: Video): void {
    this.#account(video, (account) => account.stored++)
  }

  complete(video: Video): void {
    this.#account(video, (account) => {
      account.outcome = 'complete'
    })
  }

  failed(video: Video, error: StanflowError): void {
    this.#account(video, (account) => {
      account.outcome = error
    })
  }

  /** An input that never became a video. */
  unreadable(input: { readonly source: string; readonly path: string; readonly error: StanflowError }): void {
    this.#settle(async () => this.#events.failed(await this.#store.fail(input, input.error)))
  }

  /** Resolves once everything said so far is settled. @throws what the store threw */
  settled(): Promise<void> {
    return this.#settling
  }

  #account(video: Video, change: (account: Account) => void): void {
    const account = this.#accounts.get(video)
    if (account === undefined) return
    change(account)
    const { outcome, stored, cut } = account
    if (outcome === undefined || stored < cut) return
    this.#accounts.delete(video)
    if (outcome === 'complete') {
      this.#settle(async () => {
        await this.#store.finish(video, stored)
        this.#events.done(video)
      })
    } else {
      const grace = sleep(GRACE_MS)
      this.#settle(async () => {
        await grace
        if (this.#signal.aborted) return
        this.#events.failed(await this.#store.fail(video, outcome))
      })
    }
  }

  #settle(step: () => Promise<void>): void {
    this.#settling = this.#settling.then(step)
    // Whoever awaits `settled` sees the failure; until then it must not count as unhandled.
    this.#settling.catch(() => undefined)
  }
}
