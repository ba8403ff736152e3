import { type RecordBatch, Table, tableFromIPC, tableToIPC } from 'apache-arrow'
import * as parquet from 'parquet-wasm/node'
import { type Column, recordBatch } from './columns.js'

const PROPERTIES = { vectorColumn: 'embedding.list.item', frameColumn: 'frame_embeddings.list.item' }

/**
 * A Parquet file with ZSTD pages and key-value metadata. The vectors' column has no dictionary: its values do not
 * repeat. parquet-wasm frees the table and the properties it is given.
 */
export function writeParquet(
  columns: readonly Column[],
  rows: number,
  metadata: ReadonlyMap<string, string>,
): Uint8Array {
  const table = new Table(recordBatch(columns, rows))
  const properties = new parquet.WriterPropertiesBuilder()
    .setCompression(parquet.Compression.ZSTD)
    .setColumnDictionaryEnabled(PROPERTIES.vectorColumn, false)
    .setColumnDictionaryEnabled(PROPERTIES.frameColumn, false)
    .setKeyValueMetadata(new Map(metadata))
    .build()
  return parquet.writeParquet(parquet.Table.fromIPCStream(tableToIPC(table, 'stream')), properties)
}

/** The record batches of a Parquet file, reduced to the columns named. */
export function readParquet(bytes: Uint8Array, columns: readonly string[]): readonly RecordBatch[] {
  const table = parquet.readParquet(bytes, { columns: [...columns] })
  return tableFromIPC(table.intoIPCStream()).batches
}

/** The key-value metadata of a Parquet file. */
export function parquetMetadata(bytes: Uint8Array): ReadonlyMap<string, string> {
  return parquet.readSchema(bytes).metadata()
}
