import type { Table } from '@lancedb/lancedb'
import type { Table as ArrowTable } from 'apache-arrow'
import type { FrameVectors } from '../domain.js'
import { arrow } from './arrow.js'
import { lance } from './errors.js'
import type { IndexedClip } from './rows.js'
import { frameSchema } from './schema.js'
import { textList } from './sql.js'

export type FramedClip = Pick<IndexedClip, 'clipId' | 'source' | 'end' | 'origin' | 'indexedMs'> & {
  readonly frames: FrameVectors
}

/** Keeps clips' frame vectors; those that are there stay as they are. */
export async function keepFrames(table: Table, clips: readonly FramedClip[]): Promise<void> {
  if (clips.length === 0) return
  await lance('Cannot write to the index', () =>
    table.mergeInsert('clip_id').whenNotMatchedInsertAll().execute(frameTable(clips)),
  )
}

/** Frame vectors of those of these clips that have any. */
export async function framesOf(
  table: Table,
  ids: readonly string[],
): Promise<ReadonlyMap<string, FrameVectors>> {
  if (ids.length === 0) return new Map()
  const rows = await lance('Cannot read the index', async () => {
    await table.checkoutLatest()
    return table
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

function frameTable(clips: readonly FramedClip[]): ArrowTable {
  const schema = frameSchema()
  const columns = [
    arrow.vectorFromArray(
      clips.map(({ clipId }) => clipId),
      new arrow.Utf8(),
    ).data[0],
    arrow.vectorFromArray(
      clips.map(({ source }) => source),
      new arrow.Utf8(),
    ).data[0],
    arrow.makeData({ type: new arrow.Float64(), data: Float64Array.from(clips, ({ end }) => end) }),
    arrow.vectorFromArray(
      clips.map(({ origin }) => origin),
      new arrow.Utf8(),
    ).data[0],
    arrow.vectorFromArray(
      clips.map(({ indexedMs }) => indexedMs),
      new arrow.TimestampMillisecond(),
    ).data[0],
    lists(clips.map(({ frames }) => frames.vectors)),
    lists(clips.map(({ frames }) => frames.weights)),
  ].map((data) => data ?? arrow.makeData({ type: new arrow.Utf8() }))
  const struct = arrow.makeData({
    ...{ type: new arrow.Struct(schema.fields), length: clips.length, nullCount: 0 },
    children: columns,
  })
  return new arrow.Table(schema, [new arrow.RecordBatch(schema, struct)])
}

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
