import { existsSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { basename } from 'node:path'
import { outputError } from '../connect/files/fs-errors.js'
import { StanflowError } from '../errors.js'
import { openSafetensors } from '../model/formats/safetensors.js'
import type { StoredTensor } from '../model/formats/stored.js'
import { writeSafetensors } from '../model/formats/write-safetensors.js'
import { toHalf } from './half.js'
import { type Parameters, parameter } from './parameters.js'

/** Where a run stands: the next thing it does is `step` of `stage`. */
export interface Position {
  readonly stage: number
  readonly step: number
  /** Steps since the run began, over all stages. */
  readonly total: number
  /** Seconds spent in steps so far, over all sittings. */
  readonly seconds: number
  readonly bestScore: number
  /** Of the stage so far, and validations since then without a better one. */
  readonly stageBest: number
  readonly waited: number
  /** A run goes on only with its own. Of one on scenes stages may be given more steps meanwhile, and data more clips. */
  readonly recipe: string
}

const FIRST = 'first.'
const SECOND = 'second.'

/** Writes parameters and the optimizer's state, whole or not at all. @throws StanflowError OUTPUT_FULL, OUTPUT_PERMISSION, OUTPUT_WRITE */
export async function saveCheckpoint(
  path: string,
  parameters: Parameters,
  position: Position,
): Promise<void> {
  const tensors = new Map<string, StoredTensor>()
  for (const [name, { shape, value, first, second }] of parameters) {
    tensors.set(name, float32(shape, value))
    tensors.set(FIRST + name, float32(shape, first))
    tensors.set(SECOND + name, float32(shape, second))
  }
  await writeTensors(path, tensors, { position: JSON.stringify(position) })
}

async function writeTensors(
  path: string,
  tensors: ReadonlyMap<string, StoredTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<number> {
  const unfinished = `${path}.unfinished`
  try {
    const { bytes } = await writeSafetensors(unfinished, tensors, { metadata })
    await rename(unfinished, path)
    return bytes
  } catch (error) {
    // On a full disk it would take the room that the next try needs.
    await rm(unfinished, { force: true }).catch(() => undefined)
    throw outputError(path, error)
  }
}

export interface Restored {
  readonly parameters: Parameters
  readonly position: Position
}

/** Undefined where there is none yet. @throws StanflowError OUTPUT_CORRUPT */
export function readCheckpoint(path: string): Restored | undefined {
  if (!existsSync(path)) return undefined
  try {
    return restore(path)
  } catch (cause) {
    if (!(cause instanceof SyntaxError) && !(cause instanceof StanflowError)) throw cause
    const isBest = basename(path) === 'best.safetensors'
    throw new StanflowError('OUTPUT_CORRUPT', `${path} is no whole checkpoint: ${cause.message}`, {
      hint: isBest
        ? 'Remove it, then run the same command again: the model will be of the last step, or of a better one to come.'
        : 'Put a copy back, or best.safetensors in its place to go on from the best validation, or remove it to begin anew.',
      cause,
    })
  }
}

function restore(path: string): Restored {
  const file = openSafetensors(path)
  try {
    const copy = (name: string): Float32Array => Float32Array.from(file.read(name).data)
    const names = [...file.names].filter((name) => !name.startsWith(FIRST) && !name.startsWith(SECOND))
    const parameters = names.map((name) => {
      const { shape } = file.read(name)
      const fresh = parameter(shape, copy(name))
      fresh.first.set(copy(FIRST + name))
      fresh.second.set(copy(SECOND + name))
      return [name, fresh] as const
    })
    return {
      parameters: new Map(parameters),
      position: JSON.parse(file.metadata.position ?? '') as Position,
    }
  } finally {
    file.close()
  }
}

/** The model as users load it: half precision, without what served training only. @throws as `saveCheckpoint` */
export async function saveModel(path: string, parameters: Parameters): Promise<number> {
  const tensors = new Map<string, StoredTensor>()
  for (const [name, { shape, value }] of parameters) {
    if (name.startsWith('aux.')) continue
    const half = toHalf(value)
    tensors.set(name, { dtype: 'F16', shape, bytes: () => bytesOf(half) })
  }
  return writeTensors(path, tensors)
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array | Uint16Array): Buffer =>
  Buffer.from(buffer, byteOffset, byteLength)

const float32 = (shape: readonly number[], data: Float32Array): StoredTensor => ({
  dtype: 'F32',
  shape,
  bytes: () => bytesOf(data),
})
