import { Observable, type OperatorFunction } from 'rxjs'

export interface BatchOptions {
  /** Items in a full batch; one that changes is asked for with every item. */
  readonly size: number | (() => number)
  /** Milliseconds after which a batch that is not full goes all the same. */
  readonly deadline: number
  /**
   * True while whoever takes batches is at work: a batch that is not full goes on filling then, as going would only make
   * it wait elsewhere. Default: never.
   */
  readonly busy?: () => boolean
}

/** How often it is looked whether a batch that is overdue can go. */
const LOOK_MS = 5

/**
 * Gathers items from all sources into batches: by size or by age of the oldest item, whichever comes first.
 *
 * @example clips.pipe(batch({ size: 8, deadline: 200 }))
 */
export function batch<T>({
  size,
  deadline,
  busy = () => false,
}: BatchOptions): OperatorFunction<T, readonly T[]> {
  const full = typeof size === 'number' ? () => size : size
  return (source) =>
    new Observable((subscriber) => {
      let items: T[] = []
      let timer: NodeJS.Timeout | undefined
      const flush = (): void => {
        clearTimeout(timer)
        timer = undefined
        if (items.length === 0) return
        const gathered = items
        items = []
        subscriber.next(gathered)
      }
      const flushIfFree = (): void => {
        if (busy()) timer = setTimeout(flushIfFree, LOOK_MS)
        else flush()
      }
      const subscription = source.subscribe({
        next: (item) => {
          items.push(item)
          if (items.length >= full()) flush()
          else timer ??= setTimeout(flushIfFree, deadline)
        },
        error: (error: unknown) => subscriber.error(error),
        complete: () => {
          flush()
          subscriber.complete()
        },
      })
      return () => {
        clearTimeout(timer)
        subscription.unsubscribe()
      }
    })
}
