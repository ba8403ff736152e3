import { createHash } from 'node:crypto'
import { statSync } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { makingError } from '../src/connect/files/fs-errors.js'
import { newRun } from '../src/connect/files/layout.js'
import { takeLock } from '../src/connect/files/lock.js'
import { makeOutputFolder } from '../src/connect/files/output-folder.js'
import { isTaken } from '../src/connect/holder.js'
import { StanflowError } from '../src/errors.js'
import { type EncodeOptions, encodeFrames } from '../src/media/encode.js'
import { openReader } from '../src/media/open-reader.js'
import type { VideoReader } from '../src/media/reader.js'
import { drawing } from '../src/scenes/draw.js'
import { randomFrom } from '../src/scenes/random.js'
import type { Scene } from '../src/scenes/scene.js'
import { type ClipSet, openClipSet, shardBytes } from '../src/train/clips.js'

/** Scenes as a model is trained on them: drawn, encoded as real video, decoded again. */
export interface ShardRequest {
  /** Where shards are kept; those that are there and whole are taken as they are. */
  readonly dir: string
  /** Begins their names. */
  readonly name: string
  readonly scenes: readonly Scene[]
  readonly frames: number
  /** Pixels along a side of the video, and of the frames decoded from it. */
  readonly side: number
  readonly size: number
  /** Every frame at a random moment of its own segment, not in the middle. */
  readonly jitter: boolean
  /** Clips that are there: of shards made before, by this process or by others; then while they are drawn and encoded. */
  readonly onProgress?: (clips: number) => void
  /** All that is missing is being made by others; `why` names one of them. */
  readonly onWait?: (why: string) => void
  readonly signal?: AbortSignal
}

/** Frames in a shard, about. */
const PER_FILE = 3000

/** Of one clip at least, between two keyframes. */
const GOP = 12

/** Codecs and qualities in turn, a shard each: the model must not mistake one codec's traces for the world. */
const CODINGS: readonly (EncodeOptions & { readonly extension: string })[] = [
  { extension: 'mp4', codec: 'h264', encoderOptions: { crf: '23', threads: '1' } },
  { extension: 'webm', codec: 'vp9', encoderOptions: { threads: '1' } },
  { extension: 'mp4', codec: 'h264', encoderOptions: { crf: '31', threads: '1' } },
  { extension: 'avi', codec: 'mpeg4', encoderOptions: { q: '5', threads: '1' } },
]

/**
 * Makes what is missing. Processes may do so side by side: each shard is made by one of them, and all wait for the last.
 * @throws StanflowError MEDIA_*, OUTPUT_*; `signal`'s reason
 */
export async function clipShards(request: ShardRequest): Promise<ClipSet> {
  const { dir, name, scenes, frames, size, jitter } = request
  const perFile = Math.max(1, Math.floor(PER_FILE / frames))
  await makeOutputFolder(dir)
  const shards = Array.from({ length: Math.ceil(scenes.length / perFile) }, (_, number): Shard => {
    const from = number * perFile
    const mark = markOf(request, from, perFile)
    const file = join(dir, `${name}-${String(number).padStart(3, '0')}-${mark}.rgb`)
    const part = scenes.slice(from, from + perFile)
    return { file, number, scenes: part, bytes: shardBytes(part.length, request) }
  })
  await makeMissing(shards, request)
  const files = shards.map(({ file }) => file)
  const moments = scenes.map((scene) => momentsOf(scene, frames, jitter))
  return openClipSet({ scenes, moments, files, perFile, frames, size })
}

interface Shard {
  readonly file: string
  readonly number: number
  readonly scenes: readonly Scene[]
  /** Of a whole file; one that was cut is made anew. */
  readonly bytes: number
}

const isMissing = ({ file, bytes }: Shard): boolean =>
  statSync(file, { throwIfNoEntry: false })?.size !== bytes

const LOOK_AGAIN_MS = 250

async function makeMissing(shards: readonly Shard[], request: ShardRequest): Promise<void> {
  const { signal, onProgress, onWait } = request
  let missing = shards.filter(isMissing)
  if (missing.length === 0) return
  const others = (shard?: Shard): number =>
    shards.reduce((sum, one) => sum + (one === shard || isMissing(one) ? 0 : one.scenes.length), 0)
  onProgress?.(others())
  const { reader } = await openReader('node-av')
  try {
    while (missing.length > 0) {
      let taken: string | undefined
      for (const shard of missing) {
        signal?.throwIfAborted()
        const before = others(shard)
        const told = (clips: number): void => onProgress?.(before + clips)
        taken = (await makeAlone(shard, reader, { ...request, onProgress: told }))?.message ?? taken
      }
      const before = missing.length
      missing = missing.filter(isMissing)
      if (missing.length < before) onProgress?.(others())
      else {
        // What is left is being made by others; by nobody, where one of them was killed.
        if (taken !== undefined) onWait?.(taken)
        await wait(LOOK_AGAIN_MS, undefined, signal && { signal }).catch(() => undefined)
      }
    }
  } finally {
    await reader.close()
  }
}

/** What says that another process makes it, where one does. */
async function makeAlone(
  shard: Shard,
  reader: VideoReader,
  request: ShardRequest,
): Promise<StanflowError | undefined> {
  const lock = await takeLock(`${shard.file}.lock`, newRun()).catch((error: unknown) => {
    if (isTaken(error)) return error
    throw error
  })
  if (lock instanceof StanflowError) return lock
  try {
    if (isMissing(shard)) await makeShard(shard, reader, request)
    return undefined
  } finally {
    await lock.release()
  }
}

/** Of what is in the shard that begins with this scene: other scenes, other name. */
function markOf({ scenes, frames, side, size, jitter }: ShardRequest, from: number, perFile: number): string {
  const facts = [scenes.slice(from, from + perFile), frames, side, size, jitter]
  return createHash('sha256').update(JSON.stringify(facts)).digest('hex').slice(0, 8)
}

/** Moments of a clip's frames, 0..1: one in each of `frames` segments of equal length. */
export function momentsOf({ id }: Scene, frames: number, jitter: boolean): number[] {
  const random = randomFrom(`moments ${id}`)
  return Array.from({ length: frames }, (_, t) => (t + (jitter ? random.next() : 0.5)) / frames)
}

/** One video of all the scenes behind each other, each from a keyframe on; then its frames, as the model takes them. */
async function makeShard(
  { file, number, scenes, bytes }: Shard,
  reader: VideoReader,
  { frames, side, size, jitter, signal, onProgress }: ShardRequest,
): Promise<void> {
  const { extension, ...coding } = CODINGS[number % CODINGS.length] as (typeof CODINGS)[number]
  const video = `${file}.unfinished.${extension}`
  function* pictures(): Generator<Uint8Array> {
    const picture = new Uint8Array(side * side * 3)
    for (const [n, scene] of scenes.entries()) {
      signal?.throwIfAborted()
      onProgress?.(n)
      const { frame } = drawing(scene, side)
      for (const moment of momentsOf(scene, frames, jitter)) {
        frame(moment, picture)
        yield picture
      }
    }
  }
  const unfinished = `${file}.unfinished`
  try {
    await encodeFrames(
      video,
      { ...coding, gop: Math.max(frames, GOP) },
      { width: side, height: side, rate: 6, frames: pictures() },
    )
    const info = await reader.probe(video)
    const indices = [...info.timestamps.keys()]
    const out = await open(unfinished, 'w')
    try {
      for await (const { pixels } of reader.frames({
        video: info,
        indices,
        geometry: { kind: 'crop', size },
      }))
        await out.writeFile(pixels)
    } finally {
      await out.close()
    }
    const { size: written } = statSync(unfinished)
    // It would be found missing again, and made for ever.
    if (written !== bytes)
      throw new StanflowError('MEDIA_DECODE', `${video}: ${written} bytes came out of it, not ${bytes}`)
    await rename(unfinished, file)
  } catch (error) {
    throw makingError(file, error)
  } finally {
    await rm(video, { force: true })
    await rm(unfinished, { force: true })
  }
}
