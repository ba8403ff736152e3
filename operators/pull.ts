import { Observable } from 'rxjs'
import type { Budget } from './budget.js'

/**
 * An async iterable as an observable that is pulled: the next item is asked for only when the last has been taken and
 * `budget` has room. Unsubscribing ends the iteration, so that its decoder or file is let go.
 *
 * @example pull(reader.frames(request), budget).pipe(map((frame) => frame.time))
 */
export function pull<T>(source: AsyncIterable<T>, budget?: Budget): Observable<T> {
  return new Observable((subscriber) => {
    const iterator = source[Symbol.asyncIterator]()
    const run = async (): Promise<void> => {
      try {
        while (!subscriber.closed) {
          await budget?.room()
          if (subscriber.closed) break
          const { done, value } = await iterator.next()
          if (done === true) return subscriber.complete()
          subscriber.next(value)
        }
      } catch (error) {
        subscriber.error(error)
      }
    }
    void run()
    return () => {
      // A generator that is still working ends after its current step; its own failure no longer matters to anyone.
      iterator.return?.()?.catch(() => undefined)
    }
  })
}
