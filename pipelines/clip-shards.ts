import { createHash } from 'node:crypto'
import { open, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { makeOutputFolder } from '../src/connect/files/output-folder.js'
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
  readonly onProgress?: (clips: number) => void
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

/** @throws StanflowError MEDIA_*, OUTPUT_*; `signal`'s reason */
export async function clipShards(request: ShardRequest): Promise<ClipSet> {
  const { dir, name, scenes, frames, size, jitter } = request
  const perFile = Math.max(1, Math.floor(PER_FILE / frames))
  await makeOutputFolder(dir)
  const files: string[] = []
  let reader: VideoReader | undefined
  try {
    for (let from = 0; from < scenes.length; from += perFile) {
      request.signal?.throwIfAborted()
      const number = String(files.length).padStart(3, '0')
      const file = join(dir, `${name}-${number}-${markOf(request, from, perFile)}.rgb`)
      const part = scenes.slice(from, from + perFile)
      const there = await stat(file).catch(() => undefined)
      if (there?.size !== shardBytes(part.length, request)) {
        reader ??= (await openReader('node-av')).reader
        await makeShard(file, files.length, part, reader, request)
      }
      files.push(file)
      request.onProgress?.(Math.min(from + perFile, scenes.length))
    }
  } finally {
    await reader?.close()
  }
  const moments = scenes.map((scene) => momentsOf(scene, frames, jitter))
  return openClipSet({ scenes, moments, files, perFile, frames, size })
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
  file: string,
  number: number,
  scenes: readonly Scene[],
  reader: VideoReader,
  { frames, side, size, jitter }: ShardRequest,
): Promise<void> {
  const { extension, ...coding } = CODINGS[number % CODINGS.length] as (typeof CODINGS)[number]
  const video = `${file}.unfinished.${extension}`
  function* pictures(): Generator<Uint8Array> {
    const picture = new Uint8Array(side * side * 3)
    for (const scene of scenes) {
      const { frame } = drawing(scene, side)
      for (const moment of momentsOf(scene, frames, jitter)) {
        frame(moment, picture)
        yield picture
      }
    }
  }
  await encodeFrames(
    video,
    { ...coding, gop: Math.max(frames, GOP) },
    { width: side, height: side, rate: 6, frames: pictures() },
  )
  const info = await reader.probe(video)
  const indices = [...info.timestamps.keys()]
  const out = await open(`${file}.unfinished`, 'w')
  try {
    for await (const { pixels } of reader.frames({ video: info, indices, geometry: { kind: 'crop', size } }))
      await out.writeFile(pixels)
  } finally {
    await out.close()
  }
  await rename(`${file}.unfinished`, file)
  await rm(video)
}
