import type { Table } from '@lancedb/lancedb'
import type { Table as ArrowTable } from 'apache-arrow'
import type { FrameVectors } from '../domain.js'
import { arrow } from './arrow.js'
import { lance } from './errors.js'
import { type IndexedClip, table } from './rows.js'
import { frameSchema } from './schema.js'
import { textList } from './sql.js'

export type FramedClip = Pick<IndexedClip, 'clipId' | 'source' | 'end' | 'origin' | 'indexedMs'> & {
  readonly frames: FrameVectors
}

/** Keeps clips' frame vectors; those that are there stay as they are. */
export async function keepFrames(into: Table, clips: readonly FramedClip[]): Promise<void> {
  if (clips.length === 0) return
  await lance('Cannot write to the index', () =>
    into.mergeInsert('clip_id').whenNotMatchedInsertAll().execute(frameTable(clips)),
  )
}

/** Frame vectors of those of these clips that have any. */
export async function framesOf(
  kept: Table,
  ids: readonly string[],
): Promise<ReadonlyMap<string, FrameVectors>> {
  if (ids.length === 0) return new Map()
  const rows = await lance('Cannot read the index', async () => {
    await kept.checkoutLatest()
    return kept
      .query()
      .where(`clip_id IN (${textList(ids)})`)
      .select(['clip_id', 'frames', 'weights'])
      .toArray()
  })
  return new Map(
    rows.map((row: { clip_id: string; frames: Floats; weights: Floats | null }) => [
      row.clip_id,
      {
        vectors: Float32Array.from(row.frames.toArray()),
        ...(row.weights !== null && { weights: Float32Array.from(row.weights.toArray()) }),
      },
    ]),
  )
}

interface Floats {
  toArray(): ArrayLike<number>
}

const frameTable = (clips: readonly FramedClip[]): ArrowTable =>
  table(frameSchema(), clips.length, {
    clip_id: clips.map(({ clipId }) => clipId),
    source: clips.map(({ source }) => source),
    end: clips.map(({ end }) => end),
    origin: clips.map(({ origin }) => origin),
    indexed_at: clips.map(({ indexedMs }) => indexedMs),
    frames: lists(clips.map(({ frames }) => frames.vectors)),
    weights: lists(clips.map(({ frames }) => frames.weights)),
  })

/** Flat and at once: a clip has thousands of numbers. */
function lists(values: readonly (Float32Array | undefined)[]) {
  const valueOffsets = new Int32Array(values.length + 1)
  const nullBitmap = new Uint8Array(Math.ceil(values.length / 8))
  let nullCount = 0
  values.forEach((value, i) => {
    valueOffsets[i + 1] = (valueOffsets[i] ?? 0) + (value?.length ?? 0)
    if (value === undefined) nullCount++
    else nullBitmap[i >> 3] = (nullBitmap[i >> 3] ?? 0) | (1 << (i & 7))
  })
  const data = new Float32Array(valueOffsets[values.length] ?? 0)
  values.forEach((value, i) => {
    if (value !== undefined) data.set(value, valueOffsets[i])
  })
  const child = arrow.makeData({ type: new arrow.Float32(), data })
  const type = new arrow.List(new arrow.Field('item', new arrow.Float32(), false))
  return arrow.makeData({ type, length: values.length, nullCount, nullBitmap, valueOffsets, child })
}
