import { basename } from 'node:path'
import type { BrokenLine, DataSet } from '../datasets/dataset.js'
import { plural, printable } from './format.js'

/** Missing videos, failed ones and broken lines that are named; --json has all. */
const MOST_NAMED = 10

/** `MSR-VTT 1k-A, split test: 998 videos, 2 videos missing, 1 line not read` */
export function setLine({ title, split, items, missing, broken = [] }: DataSet): string {
  const absent = missing.length === 0 ? '' : `, ${plural(missing.length, 'video')} missing`
  const unread = broken.length === 0 ? '' : `, ${plural(broken.length, 'line')} not read`
  return printable(`${title}, split ${split}: ${plural(items.length, 'video')}${absent}${unread}`)
}

/** `what`, then the first of `all`, a line each. */
export function listed(what: string, all: readonly string[]): string[] {
  if (all.length === 0) return []
  const more = all.length - MOST_NAMED
  return [
    `${what}:`,
    ...all.slice(0, MOST_NAMED).map((one) => `  ${printable(one)}`),
    ...(more > 0 ? [`  and ${more} more`] : []),
  ]
}

/** Lines of annotations that were passed over, and why; each once, as two splits may be of one file. */
export function brokenLines(broken: readonly BrokenLine[]): string[] {
  const told = [...new Set(broken.map(({ file, at, why }) => `${basename(file)}, ${at}: ${why}`))]
  return listed(`${plural(told.length, 'line')} of the annotations not read`, told)
}
