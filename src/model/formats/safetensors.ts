import { createHash } from 'node:crypto'
import { closeSync, fstatSync, openSync } from 'node:fs'
import { z } from 'zod'
import { StanflowError } from '../../errors.js'
import type { Weights } from '../algebra.js'
import {
  byteSize,
  type Checkpoint,
  DTYPE_BYTES,
  type Dtype,
  readExactly,
  type StoredTensor,
} from './stored.js'
import { toFloat32 } from './values.js'

/** The format caps its header at 100 MB. */
const MAX_HEADER = 100_000_000

const Header = z.record(
  z.string(),
  z.object({
    dtype: z.string(),
    shape: z.array(z.int().nonnegative()),
    data_offsets: z.tuple([z.int().nonnegative(), z.int().nonnegative()]),
  }),
)

/** An open safetensors file: tensors are read one by one, so a checkpoint is never in memory twice. */
export interface SafetensorsFile extends Weights, Checkpoint {
  /** The header's own notes. */
  readonly metadata: Readonly<Record<string, string>>
  /** sha256 of the file, hex. */
  digest(): string
}

/** @throws StanflowError MODEL_NOT_FOUND, MODEL_WEIGHTS (not safetensors, cut off, or inconsistent) */
export function openSafetensors(path: string): SafetensorsFile {
  let fd: number
  try {
    fd = openSync(path, 'r')
  } catch (cause) {
    throw new StanflowError('MODEL_NOT_FOUND', `cannot open the weights ${path}`, { cause })
  }
  try {
    return readHeader(path, fd)
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

function readHeader(path: string, fd: number): SafetensorsFile {
  const broken = (why: string, cause?: unknown): StanflowError =>
    new StanflowError('MODEL_WEIGHTS', `${path} is not a whole safetensors file: ${why}`, { cause })

  const { size } = fstatSync(fd)
  if (size < 8) throw broken('it is too short')
  const headerBytes = Number(readExactly(fd, 0, 8, path).readBigUInt64LE())
  if (headerBytes > MAX_HEADER || 8 + headerBytes > size) throw broken('its header does not fit')
  let json: Record<string, unknown>
  try {
    json = JSON.parse(readExactly(fd, 8, headerBytes, path).toString('utf8')) as Record<string, unknown>
  } catch (cause) {
    throw broken('its header is not JSON', cause)
  }
  const { __metadata__: metadata, ...rest } = json
  const parsed = Header.safeParse(rest)
  if (!parsed.success) throw broken(z.prettifyError(parsed.error))

  const start = 8 + headerBytes
  const tensors = new Map<string, StoredTensor>()
  const shapes = new Map<string, readonly number[]>()
  for (const [name, entry] of Object.entries(parsed.data)) {
    const { dtype, shape, data_offsets: range } = entry
    const [from, to] = range
    shapes.set(name, shape)
    if (to < from || start + to > size) throw broken(`tensor ${name} lies beyond its end`)
    if (!isKnown(dtype)) continue
    const length = byteSize({ dtype, shape })
    if (to - from !== length) throw broken(`tensor ${name} has ${to - from} bytes, not ${length}`)
    tensors.set(name, { dtype, shape, bytes: () => readExactly(fd, start + from, length, path) })
  }

  return {
    tensors,
    skipped: [...shapes.keys()].filter((name) => !tensors.has(name)),
    metadata: (metadata ?? {}) as Record<string, string>,
    names: new Set(shapes.keys()),
    shape: (name) => shapes.get(name),
    stored: (name) => tensors.get(name),
    read(name) {
      const tensor = tensors.get(name)
      if (tensor !== undefined) return { shape: tensor.shape, data: toFloat32(tensor.dtype, tensor.bytes()) }
      const dtype = parsed.data[name]?.dtype
      throw new StanflowError(
        'MODEL_WEIGHTS',
        dtype === undefined
          ? `${path} has no tensor ${name}`
          : `${path}: tensor ${name} has the type ${dtype}, which is not supported`,
      )
    },
    digest: () => fileDigest(path, fd, size),
    close: () => closeSync(fd),
  }
}

const isKnown = (dtype: string): dtype is Dtype => Object.hasOwn(DTYPE_BYTES, dtype)

function fileDigest(path: string, fd: number, size: number): string {
  const hash = createHash('sha256')
  const step = 1 << 24
  for (let at = 0; at < size; at += step) hash.update(readExactly(fd, at, Math.min(step, size - at), path))
  return hash.digest('hex')
}
