import { readFile } from 'node:fs/promises'
import sharp from 'sharp'
import type { S3Settings } from '../../src/connect/s3/client.js'
import type { LoadedModel, TextVectors } from '../../src/engine/engine.js'
import { asStanflowError, StanflowError } from '../../src/errors.js'
import { openReader } from '../../src/media/open-reader.js'
import type { IndexedModel } from '../../src/search/moment-index.js'
import { type ModelOptions, openModel } from '../open-model.js'
import { Places } from '../places.js'
import { sampleVideos } from '../sample-videos.js'

export interface EncoderOptions {
  readonly model: IndexedModel
  /** Frames in the index's clips. */
  readonly frames: number
  readonly wish?: Partial<Omit<ModelOptions, 'sampling'>>
  readonly s3?: S3Settings
}

/** What was asked for as vectors `[dim]` of the index's own model, which is loaded when it is needed. */
export class Encoder {
  readonly #options: EncoderOptions
  #loaded: Promise<LoadedModel> | undefined

  constructor(options: EncoderOptions) {
    this.#options = options
  }

  /** @throws StanflowError INDEX_MODEL, MODEL_*, ENGINE_* */
  async texts(texts: readonly string[]): Promise<readonly Float32Array[]> {
    return (await this.#model()).encodeText(texts)
  }

  /** Texts with their tokens' vectors, and how many tokens they are padded to. @throws the same */
  async tokens(texts: readonly string[]): Promise<{ texts: readonly TextVectors[]; paddedTo: number }> {
    const model = await this.#model()
    return { texts: await model.encodeTokens(texts), paddedTo: model.info.textLength }
  }

  /** A picture as a clip in which nothing moves: a file, or its bytes. @throws StanflowError INPUT_*, INDEX_MODEL */
  async image(image: string | Uint8Array): Promise<Float32Array> {
    const model = await this.#model()
    const { size, frames } = model.info
    const bytes = typeof image === 'string' ? await readImage(image) : image
    const name = typeof image === 'string' ? image : 'The picture'
    if (!isPicture(bytes)) throw noPicture(name)
    const pixels = await sharp(bytes)
      .rotate()
      .resize({ width: size, height: size, fit: 'cover', kernel: 'cubic' })
      .toColourspace('srgb')
      .flatten({ background: '#000' })
      .raw()
      .toBuffer()
      .catch((cause: unknown) => {
        throw noPicture(name, cause)
      })
    const frame = { pixels: new Uint8Array(pixels) }
    return first(await model.encodeVideo([{ frames: Array.from({ length: frames }, () => frame) }]))
  }

  /** A whole video as one clip. @throws StanflowError INPUT_*, MEDIA_*, INDEX_MODEL */
  async video(path: string): Promise<Float32Array> {
    const model = await this.#model()
    const { size: side, frames } = model.info
    const { reader } = await openReader('auto')
    const places = new Places(this.#options.s3)
    const failures: StanflowError[] = []
    try {
      for await (const clip of sampleVideos({
        ...{ inputs: [path], places, reader, frames, side, signal: new AbortController().signal },
        onFailure: (_source, error) => failures.push(error),
      })) {
        return first(await model.encodeVideo([clip]))
      }
    } finally {
      await reader.close()
      await places.close()
    }
    throw failures[0] ?? new StanflowError('INPUT_NOT_FOUND', `There is no video ${path}.`)
  }

  async close(): Promise<void> {
    await (await this.#loaded?.catch(() => undefined))?.close()
  }

  #model(): Promise<LoadedModel> {
    const loaded = this.#loaded ?? this.#load()
    this.#loaded = loaded
    loaded.catch(() => {
      this.#loaded = undefined
    })
    return loaded
  }

  /** The model that made the index's vectors: no other makes comparable ones. */
  async #load(): Promise<LoadedModel> {
    const { model: indexed, wish, frames } = this.#options
    const { name = 'default', structure = 'auto', precision, digest } = indexed
    const { model } = await openModel({
      ...{ model: name, structure, engine: 'auto', device: 'auto' },
      precision: (precision as ModelOptions['precision'] | undefined) ?? 'fp32',
      ...wish,
      ...{ sampling: { kind: 'uniform', frames }, batch: 1, concurrency: 1 },
    }).catch((thrown: unknown) => {
      const error = asStanflowError(thrown)
      if (error.code !== 'MODEL_NOT_FOUND' || wish?.model !== undefined) throw error
      throw new StanflowError(
        'INDEX_MODEL',
        `The index's vectors are of the model ${name}, which is not here.`,
        {
          hint: 'Name the folder it lies in with --model, or pull it.',
          cause: error,
        },
      )
    })
    if (model.info.digest === digest) return model
    await model.close()
    const { info } = model
    const own = [indexed.name, indexed.structure].filter(Boolean).join(' + ') || 'another model'
    throw new StanflowError(
      'INDEX_MODEL',
      `The index's vectors are of ${own} (${digest.slice(0, 12)}), not of ${info.name} + ${info.structure} (${info.digest.slice(0, 12)}).`,
      {
        hint: 'Name that model with --model, with the --structure and --precision that the results were made with.',
      },
    )
  }
}

/** By their first bytes: a format that could name other files never gets to a decoder, whatever the file is called. */
function isPicture(bytes: Uint8Array): boolean {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(12, bytes.byteLength)).toString('latin1')
  return (
    head.startsWith('\xff\xd8\xff') ||
    head.startsWith('\x89PNG\r\n\x1a\n') ||
    (head.startsWith('RIFF') && head.endsWith('WEBP'))
  )
}

const noPicture = (name: string, cause?: unknown): StanflowError =>
  new StanflowError('INPUT_READ', `${name} is no picture that can be read.`, {
    hint: 'Give a JPEG, PNG or WebP file.',
    ...(cause !== undefined && { cause }),
  })

async function readImage(path: string): Promise<Buffer> {
  try {
    return await readFile(path)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    const missing = code === 'ENOENT' || code === 'ENOTDIR'
    throw new StanflowError(
      missing ? 'INPUT_NOT_FOUND' : code === 'EISDIR' ? 'INPUT_NOT_A_FILE' : 'INPUT_PERMISSION',
      missing ? `There is no picture ${path}.` : `The picture ${path} cannot be read.`,
      { cause },
    )
  }
}

function first(vectors: readonly Float32Array[]): Float32Array {
  const [vector] = vectors
  if (vector === undefined) throw new TypeError('a clip without a vector')
  return vector
}
