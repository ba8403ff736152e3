const AT_ONCE = 16

/** What `work` makes of each item, in their order, a few being worked on ahead. */
export async function* inOrder<T, R>(
  items: readonly T[],
  work: (item: T) => Promise<R>,
): AsyncGenerator<R, void, undefined> {
  const ahead: Promise<R>[] = []
  let next = 0
  const begin = (): void => {
    while (ahead.length < AT_ONCE && next < items.length) {
      const result = work(items[next++] as T)
      // Thrown when its turn comes; until then it must not count as unhandled.
      result.catch(() => undefined)
      ahead.push(result)
    }
  }
  for (begin(); ahead.length > 0; begin()) yield await (ahead.shift() as Promise<R>)
}
