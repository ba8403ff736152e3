import type { Embedding } from '../../../domain.js'
import { npyFolder } from '../layout.js'
import type { Codec } from './codec.js'
import { fileMetadata, momentColumns, parquetCodec, readMoments } from './parquet.js'
import { writeParquet } from './parquet-file.js'

/**
 * NumPy in clip-retrieval's layout: `img_emb/img_emb_<part>.npy`, float32 `[n, dim]`, and the other columns, row by
 * row, in `metadata/metadata_<part>.parquet`. Labels are Parquet as elsewhere.
 */
export const npyCodec: Codec = {
  labelsFormat: 'parquet',

  encodeEmbeddings(place, part, rows, facts) {
    const folder = npyFolder(place)
    return [
      { path: `${folder}/img_emb/img_emb_${part}.npy`, bytes: npyBytes(rows, facts.dim) },
      {
        path: `${folder}/metadata/metadata_${part}.parquet`,
        bytes: writeParquet(momentColumns(rows), rows.length, fileMetadata(facts)),
      },
    ]
  },

  decodeEmbeddings([npy, metadata], { vectors, keep = () => true }) {
    if (npy === undefined || metadata === undefined) return []
    const all = readMoments(metadata, false)
    const kept = all.filter(keep)
    if (!vectors) return kept
    const { rows, dim, values } = npyValues(npy)
    const described = [all, kept].find((moments) => moments.length === rows)
    if (described === undefined) throw new RangeError(`${rows} vectors, ${all.length} descriptions`)
    return described
      .map((moment, i) => ({ ...moment, vector: values.slice(i * dim, (i + 1) * dim) }))
      .filter(keep)
  },

  encodeLabels: parquetCodec.encodeLabels,
  decodeLabels: parquetCodec.decodeLabels,
}

const MAGIC = Buffer.from('\x93NUMPY\x01\x00', 'latin1')

/** Format version 1.0: magic, header length (uint16), a Python dict padded so that the data start at 64·k. */
function npyBytes(rows: readonly Embedding[], dim: number): Uint8Array {
  const dict = `{'descr': '<f4', 'fortran_order': False, 'shape': (${rows.length}, ${dim}), }`
  const start = Math.ceil((MAGIC.length + 2 + dict.length + 1) / 64) * 64
  const bytes = new Uint8Array(start + rows.length * dim * 4)
  const view = new DataView(bytes.buffer)
  bytes.set(MAGIC)
  view.setUint16(MAGIC.length, start - MAGIC.length - 2, true)
  bytes.set(Buffer.from(`${dict.padEnd(start - MAGIC.length - 3)}\n`, 'latin1'), MAGIC.length + 2)
  const values = new Float32Array(bytes.buffer, start)
  rows.forEach((row, i) => {
    values.set(row.vector, i * dim)
  })
  return bytes
}

function npyValues(bytes: Uint8Array) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const start = MAGIC.length + 2 + view.getUint16(MAGIC.length, true)
  const header = Buffer.from(bytes.subarray(0, start)).toString('latin1')
  const [, rows, dim] = /'shape': \((\d+), (\d+)\)/.exec(header) ?? []
  return {
    rows: Number(rows),
    dim: Number(dim),
    values: new Float32Array(Uint8Array.from(bytes.subarray(start)).buffer),
  }
}
