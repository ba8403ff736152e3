import { createHash } from 'node:crypto'
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { z } from 'zod'
import { StanflowError } from '../errors.js'
import type { HostTensor, Weights } from './algebra.js'

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
type Entry = z.infer<typeof Header>[string]

const BYTES: Readonly<Record<string, number>> = { F32: 4, F16: 2, BF16: 2, I32: 4 }

/** An open safetensors file: tensors are read one by one, so a checkpoint is never in memory twice. */
export interface SafetensorsFile extends Weights {
  /** sha256 of the file, hex. */
  digest(): string
  close(): void
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
  const headerBytes = Number(readRange(fd, 0, 8).readBigUInt64LE())
  if (headerBytes > MAX_HEADER || 8 + headerBytes > size) throw broken('its header does not fit')
  let json: Record<string, unknown>
  try {
    json = JSON.parse(readRange(fd, 8, headerBytes).toString('utf8')) as Record<string, unknown>
  } catch (cause) {
    throw broken('its header is not JSON', cause)
  }
  const { __metadata__: _, ...tensors } = json
  const parsed = Header.safeParse(tensors)
  if (!parsed.success) throw broken(z.prettifyError(parsed.error))

  const start = 8 + headerBytes
  const entries = new Map(Object.entries(parsed.data))
  for (const [
    name,
    {
      dtype,
      shape,
      data_offsets: [from, to],
    },
  ] of entries) {
    const width = BYTES[dtype]
    const count = shape.reduce((product, side) => product * side, 1)
    if (to < from || start + to > size) throw broken(`tensor ${name} lies beyond its end`)
    if (width !== undefined && to - from !== count * width)
      throw broken(`tensor ${name} has ${to - from} bytes, not ${count * width}`)
  }

  return {
    names: new Set(entries.keys()),
    shape: (name) => entries.get(name)?.shape,
    read(name) {
      const entry = entries.get(name)
      if (entry === undefined) throw new StanflowError('MODEL_WEIGHTS', `${path} has no tensor ${name}`)
      const [from, to] = entry.data_offsets
      return {
        shape: entry.shape,
        data: toFloat32(path, name, entry, readRange(fd, start + from, to - from)),
      }
    },
    digest: () => fileDigest(fd, size),
    close: () => closeSync(fd),
  }
}

function readRange(fd: number, position: number, length: number): Buffer {
  const buffer = Buffer.alloc(length)
  for (let done = 0; done < length; ) {
    const got = readSync(fd, buffer, done, Math.min(length - done, 1 << 30), position + done)
    if (got === 0) break
    done += got
  }
  return buffer
}

function fileDigest(fd: number, size: number): string {
  const hash = createHash('sha256')
  const step = 1 << 24
  for (let at = 0; at < size; at += step) hash.update(readRange(fd, at, Math.min(step, size - at)))
  return hash.digest('hex')
}

function toFloat32(path: string, name: string, { dtype }: Entry, bytes: Buffer): HostTensor['data'] {
  const { buffer, byteOffset, byteLength } = bytes
  switch (dtype) {
    case 'F32':
      return new Float32Array(buffer, byteOffset, byteLength / 4)
    case 'I32':
      return Float32Array.from(new Int32Array(buffer, byteOffset, byteLength / 4))
    case 'BF16': {
      const words = Uint32Array.from(
        new Uint16Array(buffer, byteOffset, byteLength / 2),
        (half) => half << 16,
      )
      return new Float32Array(words.buffer)
    }
    case 'F16': {
      const table = halfTable()
      return Float32Array.from(
        new Uint16Array(buffer, byteOffset, byteLength / 2),
        (half) => table[half] as number,
      )
    }
    default:
      throw new StanflowError(
        'MODEL_WEIGHTS',
        `${path}: tensor ${name} has the type ${dtype}, not F32, F16 or BF16`,
      )
  }
}

let halves: Float32Array | undefined

/** All 65,536 half-precision values as float32: a look-up is quicker than unpacking bits each time. */
function halfTable(): Float32Array {
  if (halves !== undefined) return halves
  halves = new Float32Array(65_536)
  for (let bits = 0; bits < 65_536; bits++) {
    const exponent = (bits >> 10) & 31
    const fraction = bits & 1023
    const magnitude =
      exponent === 31
        ? fraction === 0
          ? Number.POSITIVE_INFINITY
          : Number.NaN
        : exponent === 0
          ? fraction * 2 ** -24
          : (1 + fraction / 1024) * 2 ** (exponent - 15)
    halves[bits] = bits >> 15 ? -magnitude : magnitude
  }
  return halves
}
