import { fstatSync, readSync } from 'node:fs'
import { StanflowError } from '../../errors.js'

/** Number types under safetensors' names, with their bytes. */
export const DTYPE_BYTES = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
} as const
export type Dtype = keyof typeof DTYPE_BYTES

/** A tensor in a file, as it is stored. */
export interface StoredTensor {
  readonly dtype: Dtype
  readonly shape: readonly number[]
  /** Reads it: row-major, little-endian, in a buffer of its own. @throws StanflowError MODEL_WEIGHTS */
  bytes(): Buffer
}

/** An open file of tensors; nothing but names and shapes is in memory until a tensor is asked for. */
export interface Checkpoint {
  readonly tensors: ReadonlyMap<string, StoredTensor>
  /** What else the file holds besides tensors' names: keys that were passed over. */
  readonly skipped: readonly string[]
  /** The file's own notes, where its format has such. */
  readonly metadata?: Readonly<Record<string, string>>
  close(): void
}

export const elements = (shape: readonly number[]): number => shape.reduce((n, side) => n * side, 1)

export const byteSize = ({ dtype, shape }: Pick<StoredTensor, 'dtype' | 'shape'>): number =>
  elements(shape) * DTYPE_BYTES[dtype]

/** Exactly `length` bytes at `position`. @throws StanflowError MODEL_WEIGHTS when the file ends before */
export function readExactly(fd: number, position: number, length: number, path: string): Buffer {
  // A header may claim any length; memory is taken for what is there only.
  if (position + length > fstatSync(fd).size) throw new StanflowError('MODEL_WEIGHTS', `${path} is cut off`)
  const buffer = Buffer.alloc(length)
  for (let done = 0; done < length; ) {
    const got = readSync(fd, buffer, done, Math.min(length - done, 1 << 30), position + done)
    if (got === 0) throw new StanflowError('MODEL_WEIGHTS', `${path} is cut off`)
    done += got
  }
  return buffer
}
