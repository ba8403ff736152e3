import type { OutgoingRecord } from '../client.js'
import type { Standing } from './hold.js'
import type { Note } from './note.js'
import type { Work } from './work.js'

/** What goes into one transaction. */
export interface Cut extends Standing {
  readonly records: readonly OutgoingRecord[]
  /** Work that is committed whole with it. */
  readonly done: readonly Work[]
}

const MOST_BYTES = 2 * 1024 * 1024
/** What a record takes beside its value. */
const ENVELOPE_BYTES = 100

/**
 * What can be committed next of works in the order of their records: results up to the first work that is not done, of
 * that one the clips that are there. Undefined where nothing is.
 */
export function cut(
  works: readonly Work[],
  from: Standing,
  by: Pick<Note, 'by' | 'recipe'>,
): Cut | undefined {
  const records: OutgoingRecord[] = []
  const done: Work[] = []
  let [offset, clips] = [from.offset, from.note.clips]
  let progress = false
  let room = MOST_BYTES
  for (const work of works) {
    const taken = work.take(room)
    records.push(...taken.records)
    for (const { value } of taken.records) room -= (value?.length ?? 0) + ENVELOPE_BYTES
    progress ||= taken.clips > 0 || taken.done
    if (!taken.done) {
      if (taken.clips === 0) break
      // The record may lie beyond the committed offset: in between are marks of transactions.
      const before = offset === work.record.offset ? clips : 0
      ;[offset, clips] = [work.record.offset, before + taken.clips]
      break
    }
    done.push(work)
    ;[offset, clips] = [work.record.offset + 1n, 0]
    if (room <= 0) break
  }
  return progress ? { records, offset, note: { clips, deaths: 0, ...by }, done } : undefined
}
