import { mergeMap, Subject } from 'rxjs'

type Job = () => Promise<void>

/** Runs jobs in the order they come, no more than `concurrency` at once, whoever they are for. */
export class ClipQueue {
  readonly #jobs = new Subject<Job>()

  constructor(concurrency: number) {
    this.#jobs.pipe(mergeMap((job) => job(), concurrency)).subscribe()
  }

  /** Resolves once all of them are done; jobs do not reject. */
  async all(jobs: readonly Job[]): Promise<void> {
    await Promise.all(
      jobs.map((job) => new Promise<void>((resolve) => this.#jobs.next(() => job().finally(resolve)))),
    )
  }
}
