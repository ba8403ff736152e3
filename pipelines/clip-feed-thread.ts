import { parentPort, workerData } from 'node:worker_threads'
import { uniformIndices } from '../operators/index.js'
import { asStanflowError, StanflowError } from '../src/errors.js'
import { framesIn } from '../src/evaluate/plan.js'
import { openReader } from '../src/media/open-reader.js'
import type { VideoReader } from '../src/media/reader.js'
import { randomFrom } from '../src/scenes/random.js'
import { mirror, zoom } from '../src/train/augment.js'
import type { DecodedClips, FailedClip } from '../src/train/on-data/batch.js'
import { type ClipRequest, randomIndices } from '../src/train/on-data/draw.js'
import type { ClipFeedOptions, FeedAnswer, FeedQuestion } from './clip-feed.js'
import { ClipQueue } from './clip-queue.js'
import { timelineOf } from './streams.js'

const { reader: wish, frames: T, size, concurrency } = workerData as ClipFeedOptions
const port = parentPort
if (port === null) throw new StanflowError('INTERNAL', 'the feed runs as a worker thread only')
const FRAME_BYTES = size * size * 3
// Shared by all questions: a step with `accumulate` asks several at once.
const queue = new ClipQueue(concurrency)
let reader: Promise<VideoReader> | undefined

async function answer({ id, requests }: FeedQuestion): Promise<void> {
  const open = port as NonNullable<typeof port>
  try {
    reader ??= openReader(wish).then((opened) => opened.reader)
    const clips = await decode(await reader, requests)
    open.postMessage({ id, clips } satisfies FeedAnswer, [clips.pixels.buffer as ArrayBuffer])
  } catch (error) {
    open.postMessage({ id, error: asStanflowError(error).message } satisfies FeedAnswer)
  }
}

async function decode(open: VideoReader, requests: readonly ClipRequest[]): Promise<DecodedClips> {
  const pixels = new Uint8Array(requests.length * T * FRAME_BYTES)
  const failed: FailedClip[] = []
  await queue.all(
    requests.map((request, index) => async () => {
      try {
        await decodeClip(open, request, pixels, index * T * FRAME_BYTES)
      } catch (error) {
        failed.push({ index, message: asStanflowError(error).message })
      }
    }),
  )
  return { pixels, failed: failed.sort((a, b) => a.index - b.index) }
}

async function decodeClip(
  open: VideoReader,
  request: ClipRequest,
  target: Uint8Array,
  at: number,
): Promise<void> {
  const { path, segment, moments, window, mirrored } = request
  const video = await open.probe(path)
  const { first, count } = framesIn(timelineOf(video).times, segment)
  const chosen = (
    moments === undefined ? uniformIndices(count, T) : randomIndices(count, T, randomFrom(moments))
  ).map((index) => index + first)
  const indices = [...new Set(chosen)]
  const frames = open.frames({ video, indices, geometry: { kind: 'crop', size } })
  for await (const { index, pixels } of frames) {
    for (const [t, wanted] of chosen.entries()) if (wanted === index) target.set(pixels, at + t * FRAME_BYTES)
  }
  const clip = { pixels: target, at, count: T, size }
  if (window !== undefined) zoom(clip, window)
  if (mirrored === true) mirror(clip)
}

port.on('message', (question: FeedQuestion | 'close') => {
  if (question !== 'close') {
    void answer(question)
    return
  }
  void (async () => {
    await (await reader?.catch(() => undefined))?.close()
    process.exit()
  })()
})
