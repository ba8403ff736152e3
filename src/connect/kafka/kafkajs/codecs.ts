import { Decoder, Encoder } from '@toondepauw/node-zstd'
import kafkajs from 'kafkajs'
import { compressFrame, decompressFrame } from 'lz4-napi'
import { packSnappy, unpackSnappy } from './snappy.js'

const { CompressionCodecs, CompressionTypes } = kafkajs
const ZSTD_LEVEL = 3

/** What kafkajs hands a codec: its own encoder, of which only the bytes matter. */
interface Encoded {
  readonly buffer: Buffer
}

/** kafkajs knows gzip only; its codecs are registered once a process. */
export function registerCodecs(): void {
  const encoder = new Encoder(ZSTD_LEVEL)
  const decoder = new Decoder()
  CompressionCodecs[CompressionTypes.ZSTD] = () => ({
    compress: ({ buffer }: Encoded) => encoder.encode(buffer),
    decompress: (buffer: Buffer) => decoder.decode(buffer),
  })
  CompressionCodecs[CompressionTypes.LZ4] = () => ({
    compress: ({ buffer }: Encoded) => compressFrame(buffer),
    decompress: (buffer: Buffer) => decompressFrame(buffer),
  })
  CompressionCodecs[CompressionTypes.Snappy] = () => ({
    compress: ({ buffer }: Encoded) => packSnappy(buffer),
    decompress: unpackSnappy,
  })
}
