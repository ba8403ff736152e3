import { createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'

const SAMPLE = 64 * 1024

/**
 * SHA-256, hex, over the size and three samples of 64 KiB: head, middle, tail (the whole content where that is less).
 * The same bytes have the same fingerprint on every machine.
 */
export async function fingerprint(file: FileHandle, bytes: number): Promise<string> {
  const size = Buffer.alloc(8)
  size.writeBigUInt64LE(BigInt(bytes))
  const hash = createHash('sha256').update(size)
  const starts =
    bytes <= 3 * SAMPLE ? [0, SAMPLE, 2 * SAMPLE] : [0, Math.floor((bytes - SAMPLE) / 2), bytes - SAMPLE]
  const buffer = Buffer.alloc(SAMPLE)
  for (const start of starts) {
    let filled = 0
    while (filled < SAMPLE) {
      const { bytesRead } = await file.read(buffer, filled, SAMPLE - filled, start + filled)
      if (bytesRead === 0) break
      filled += bytesRead
    }
    hash.update(buffer.subarray(0, filled))
  }
  return hash.digest('hex')
}
