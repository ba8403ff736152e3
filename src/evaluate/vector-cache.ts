import { createHash, randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { outputError } from '../connect/files/fs-errors.js'
import { makeFolder } from '../disk/folder.js'
import { openSafetensors, type SafetensorsFile } from '../model/formats/safetensors.js'
import type { StoredTensor } from '../model/formats/stored.js'
import { writeSafetensors } from '../model/formats/write-safetensors.js'

/** What a model makes of a video, or of a part of it. All vectors have unit length. */
export interface ItemVectors {
  /** `[dim]` for each crop, the middle one first. */
  readonly views: readonly Float32Array[]
  /** `[T, dim]` of the middle one; where it was kept. */
  readonly frames?: Float32Array
  /** `[T]`: how much each frame counts in `wti`. */
  readonly weights?: Float32Array
  /** `[T]`, seconds. */
  readonly times: readonly number[]
}

/** What a model makes of a text. */
export interface CaptionVectors {
  /** `[dim]` */
  readonly text: Float32Array
  /** `[tokens, dim]`; where it was kept. */
  readonly tokens?: Float32Array
  /** `[tokens]`: how much each token counts in `wti`. */
  readonly weights?: Float32Array
}

type Tensors = ReadonlyMap<string, StoredTensor>

/**
 * Vectors on disk, a safetensors file for each video and for each piece of a list of texts. A file that a crash or a full disk
 * left damaged counts as missing.
 */
export class VectorCache {
  readonly #folder: string

  /** `model`: digest of what makes the vectors. */
  constructor(folder: string, model: string) {
    this.#folder = join(folder, model.slice(0, 12))
  }

  /** `key`: everything that the vectors depend on besides the model. Parts that were not kept make it a miss where they are `needed`. */
  item(key: readonly unknown[], needed: { frames: boolean }): ItemVectors | undefined {
    return this.#read('videos', key, (file) => {
      const all = read(file, 'views')
      const { shape } = file.tensors.get('views') as StoredTensor
      const dim = shape[1] as number
      const frames = optional(file, 'frames')
      if (needed.frames && frames === undefined) return undefined
      const weights = optional(file, 'weights')
      return {
        views: Array.from({ length: shape[0] as number }, (_, n) => all.subarray(n * dim, (n + 1) * dim)),
        ...(frames !== undefined && { frames }),
        ...(weights !== undefined && { weights }),
        times: [...new Float64Array(copy(file, 'times'))],
      }
    })
  }

  /** @throws StanflowError OUTPUT_* */
  async putItem(key: readonly unknown[], { views, frames, weights, times }: ItemVectors): Promise<void> {
    const dim = views[0]?.length ?? 0
    await this.#write('videos', key, {
      views: floats([views.length, dim], joined(views)),
      times: {
        dtype: 'F64',
        shape: [times.length],
        bytes: () => Buffer.from(Float64Array.from(times).buffer),
      },
      ...(frames !== undefined && { frames: floats([times.length, dim], frames) }),
      ...(weights !== undefined && { weights: floats([times.length], weights) }),
    })
  }

  texts(key: readonly unknown[], needed: { tokens: boolean }): CaptionVectors[] | undefined {
    return this.#read('texts', key, (file) => {
      const texts = read(file, 'texts')
      const dim = (file.tensors.get('texts') as StoredTensor).shape[1] as number
      const lengths = optional(file, 'lengths')
      const tokens = needed.tokens ? optional(file, 'tokens') : undefined
      if (needed.tokens && tokens === undefined) return undefined
      const weights = needed.tokens ? optional(file, 'weights') : undefined
      let at = 0
      return Array.from({ length: texts.length / dim }, (_, n) => {
        const text = texts.subarray(n * dim, (n + 1) * dim)
        const [from, to] = [at, at + (lengths?.[n] ?? 0)]
        at = to
        return {
          text,
          ...(tokens !== undefined && { tokens: tokens.subarray(from * dim, to * dim) }),
          ...(weights !== undefined && { weights: weights.subarray(from, to) }),
        }
      })
    })
  }

  /** @throws StanflowError OUTPUT_* */
  async putTexts(key: readonly unknown[], texts: readonly CaptionVectors[]): Promise<void> {
    const dim = texts[0]?.text.length ?? 0
    const tokens = texts.flatMap((text) => text.tokens ?? [])
    const weights = texts.flatMap((text) => text.weights ?? [])
    const lengths = Float32Array.from(tokens, (own) => own.length / dim)
    const total = lengths.reduce((sum, length) => sum + length, 0)
    await this.#write('texts', key, {
      texts: floats([texts.length, dim], joined(texts.map(({ text }) => text))),
      ...(tokens.length > 0 && {
        lengths: floats([lengths.length], lengths),
        tokens: floats([total, dim], joined(tokens)),
      }),
      ...(weights.length > 0 && { weights: floats([total], joined(weights)) }),
    })
  }

  #read<T>(room: string, key: readonly unknown[], take: (file: SafetensorsFile) => T): T | undefined {
    const path = this.#pathOf(room, key)
    if (!existsSync(path)) return undefined
    let file: SafetensorsFile | undefined
    try {
      file = openSafetensors(path)
      return take(file)
    } catch {
      return undefined
    } finally {
      file?.close()
    }
  }

  async #write(room: string, key: readonly unknown[], tensors: Record<string, StoredTensor>): Promise<void> {
    const path = this.#pathOf(room, key)
    const temporary = join(dirname(path), `.tmp-${randomBytes(6).toString('hex')}`)
    try {
      await makeFolder(dirname(path))
      await writeSafetensors(temporary, new Map(Object.entries(tensors)) satisfies Tensors)
      await rename(temporary, path)
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined)
      throw outputError(path, error)
    }
  }

  #pathOf(room: string, key: readonly unknown[]): string {
    const name = createHash('sha256').update(JSON.stringify(key)).digest('hex').slice(0, 32)
    return join(this.#folder, room, name.slice(0, 2), `${name}.safetensors`)
  }
}

function floats(shape: readonly number[], values: Float32Array): StoredTensor {
  const bytes = () => Buffer.from(values.buffer, values.byteOffset, values.byteLength)
  return { dtype: 'F32', shape, bytes }
}

function joined(vectors: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(vectors.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const vector of vectors) {
    all.set(vector, at)
    at += vector.length
  }
  return all
}

/** Buffers of small reads share memory, at any offset. */
function copy(file: SafetensorsFile, name: string): ArrayBuffer {
  const bytes = (file.tensors.get(name) as StoredTensor).bytes()
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer
}

const read = (file: SafetensorsFile, name: string): Float32Array => new Float32Array(copy(file, name))
const optional = (file: SafetensorsFile, name: string): Float32Array | undefined =>
  file.tensors.has(name) ? read(file, name) : undefined
