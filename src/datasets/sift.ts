import type { StanflowError } from '../errors.js'
import type { BrokenLine } from './dataset.js'
import { invalid } from './invalid.js'

/** A line that says nothing usable, and why. */
export class Unreadable {
  readonly why: string

  constructor(why: string) {
    this.why = why
  }
}

/** A line with where it stands: `line 7`, `entry 7`. */
export type Placed<T> = readonly [at: string, line: T]

export interface Sifted<T> {
  readonly rows: readonly Placed<T>[]
  readonly broken: readonly BrokenLine[]
}

/**
 * Reads line by line, so that a broken one ends nothing.
 * @throws StanflowError CONFIG_INVALID where all are broken: then it is not the lines
 */
export function sift<L, T>(
  file: string,
  lines: Iterable<Placed<L | Unreadable>>,
  read: (line: L) => T | Unreadable,
  refuse: (why: string) => StanflowError = (why) => invalid(file, why),
): Sifted<T> {
  const rows: Placed<T>[] = []
  const broken: BrokenLine[] = []
  for (const [at, line] of lines) {
    const row: T | Unreadable = line instanceof Unreadable ? line : read(line)
    if (row instanceof Unreadable) broken.push({ file, at, why: row.why })
    else rows.push([at, row])
  }
  const [first] = broken
  if (rows.length > 0 || first === undefined) return { rows, broken }
  throw refuse(`${broken.length > 1 ? 'no line can be read; ' : ''}${first.at}: ${first.why}`)
}

/** For a data set: nothing where nothing is broken. */
export function brokenIn(...lists: readonly (readonly BrokenLine[])[]): { broken?: readonly BrokenLine[] } {
  const broken = lists.flat()
  return broken.length > 0 ? { broken } : {}
}

/** Lines of a text that are not empty. */
export function* textLines(content: string): Generator<Placed<string>> {
  for (const [n, line] of content.split('\n').entries())
    if (line.trim() !== '') yield [`line ${n + 1}`, line.replace(/\r$/, '')]
}
