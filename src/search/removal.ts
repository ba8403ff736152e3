import type { Table } from '@lancedb/lancedb'
import { lance } from './errors.js'
import { CAMERA, condition, type Filter } from './filter.js'
import type { IndexedModel, MomentIndex } from './moment-index.js'
import { equals, matches, numeral, textList } from './sql.js'

/** Drops clips of these sources, of every model. Answers with how many. */
export async function removeSources(
  index: MomentIndex,
  filter: Pick<Filter, 'sources' | 'cameras'>,
): Promise<number> {
  const where = condition(filter)
  return where === undefined ? 0 : removeWhere(index, await index.models(), where)
}

/**
 * Drops clips that are older than so many seconds, of every model: those of cameras by when they were shown, others by when
 * they were indexed. Answers with how many.
 */
export async function removeOlder(index: MomentIndex, seconds: number, nowMs = Date.now()): Promise<number> {
  const since = nowMs - seconds * 1000
  const isCamera = matches('source', `${CAMERA}*`)
  const shown = `(${isCamera} AND \`end\` < ${numeral(since / 1000)})`
  const indexed = `(NOT ${isCamera} AND indexed_at < to_timestamp_millis(${numeral(Math.floor(since))}))`
  return removeWhere(index, await index.models(), `${shown} OR ${indexed}`)
}

/** Seconds that labels wait for their clip: what has not come by then comes no more. */
const LONGEST_WAIT = 7 * 86_400

/** Lets go of labels whose clip never came. Answers with how many. */
export async function forgetWaiting(index: MomentIndex, nowMs = Date.now()): Promise<number> {
  const since = Math.floor(nowMs - LONGEST_WAIT * 1000)
  return remove(await index.waiting(), `indexed_at < to_timestamp_millis(${numeral(since)})`)
}

/** Of what was read from a part, only these sources stay. */
export async function retainSources(
  index: MomentIndex,
  digest: string,
  origin: string,
  sources: ReadonlySet<string>,
): Promise<number> {
  const others = sources.size === 0 ? '' : ` AND source NOT IN (${textList([...sources])})`
  return removeWhere(index, [await index.model(digest)], `${equals('origin', origin)}${others}`)
}

async function removeWhere(
  index: MomentIndex,
  models: readonly IndexedModel[],
  where: string,
): Promise<number> {
  let removed = 0
  for (const model of models) {
    removed += await remove(await index.clips(model), where)
    const frames = await index.frames(model)
    if (frames !== undefined) await remove(frames, where)
  }
  return removed
}

async function remove(table: Table, where: string): Promise<number> {
  return lance('Cannot delete from the index', async () => {
    await table.checkoutLatest()
    // A version of its own for nothing would be kept and read for nothing.
    if ((await table.countRows(where)) === 0) return 0
    return (await table.delete(where)).numDeletedRows
  })
}
