import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { byteSize, DTYPE_BYTES, type StoredTensor } from './stored.js'

export interface WriteOptions {
  /** Notes for the header; text only. */
  readonly metadata?: Readonly<Record<string, string>>
  /** Bytes written since the last call. */
  readonly onBytes?: (count: number) => void
  readonly signal?: AbortSignal | undefined
}

/** What was written. */
export interface WrittenFile {
  /** sha256, hex. */
  readonly sha256: string
  readonly bytes: number
}

/**
 * Writes a safetensors file, tensor by tensor: one is in memory at a time. It is on the disk (fsync) when this returns, under
 * the name given: atomicity is the caller's. The same tensors give the same bytes.
 * @throws what the file system throws, and `signal`'s reason
 */
export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, StoredTensor>,
  { metadata = {}, onBytes, signal }: WriteOptions = {},
): Promise<WrittenFile> {
  // Wide numbers first, so that each is aligned for readers that map the file.
  const entries = [...tensors].sort(
    ([a, { dtype: x }], [b, { dtype: y }]) => DTYPE_BYTES[y] - DTYPE_BYTES[x] || (a < b ? -1 : 1),
  )
  const hash = createHash('sha256')
  const file = await open(path, 'w')
  let bytes = 0
  const write = async (chunk: Uint8Array): Promise<void> => {
    signal?.throwIfAborted()
    hash.update(chunk)
    await writeAll(file, chunk)
    bytes += chunk.length
    onBytes?.(chunk.length)
  }
  try {
    await write(header(entries, metadata))
    for (const [, tensor] of entries) await write(tensor.bytes())
    await file.sync()
  } finally {
    await file.close()
  }
  return { sha256: hash.digest('hex'), bytes }
}

/** Length as 8 bytes, then JSON filled up with spaces to a multiple of 8. */
function header(
  entries: readonly (readonly [string, StoredTensor])[],
  metadata: Readonly<Record<string, string>>,
): Buffer {
  const described: Record<string, unknown> = { __metadata__: { format: 'pt', ...metadata } }
  let at = 0
  for (const [name, { dtype, shape }] of entries) {
    const end = at + byteSize({ dtype, shape })
    described[name] = { dtype, shape, data_offsets: [at, end] }
    at = end
  }
  const json = Buffer.from(JSON.stringify(described))
  const padded = Buffer.alloc(8 + Math.ceil(json.length / 8) * 8, ' ')
  padded.writeBigUInt64LE(BigInt(padded.length - 8))
  json.copy(padded, 8)
  return padded
}

/** One write takes at most two gigabytes. */
async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.length; ) {
    const { bytesWritten } = await file.write(chunk, at, Math.min(chunk.length - at, 1 << 30))
    at += bytesWritten
  }
}
