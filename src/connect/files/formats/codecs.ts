import type { ResultFormat } from '../../store.js'
import type { Codec } from './codec.js'
import { jsonlCodec } from './jsonl.js'
import { npyCodec } from './npy.js'
import { parquetCodec } from './parquet.js'

export const CODECS: Readonly<Record<ResultFormat, Codec>> = {
  parquet: parquetCodec,
  jsonl: jsonlCodec,
  npy: npyCodec,
}
