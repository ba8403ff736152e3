import { StanflowError } from '../../errors.js'
import { type Demuxed, judge } from '../demuxed.js'
import { outputSize } from '../filters.js'
import { cpuSeconds, LIMITS, type MediaLimits, PROBE_SECONDS, tooCostly, withinLimits } from '../limits.js'
import type { FrameRequest, VideoReader } from '../reader.js'
import { withIndexFile } from '../remote/index-file.js'
import { checkSourceFile, checkStillThere, openingError } from '../source-file.js'
import { frameTime, type Produced, withStandIns } from '../stand-in.js'
import { DecoderProcess, type Record } from './process.js'
import { type DemuxedHead, type Failure, Kind, type Task } from './protocol.js'

export interface NodeAvOptions {
  /** Threads of each decoder. Default: 1, as many videos are decoded at once. */
  readonly threads?: number
  /** A decoder that gives nothing for so long hangs. Default: 60 s. */
  readonly stallMs?: number
  readonly limits?: MediaLimits
}

/** Reads videos with libav in child processes: no ffmpeg program needed, exact seeking, crashes contained. */
export function createNodeAvReader({
  threads = 1,
  stallMs = 60_000,
  limits = LIMITS,
}: NodeAvOptions = {}): VideoReader {
  const idle: DecoderProcess[] = []
  const running = new Set<DecoderProcess>()

  const take = (): DecoderProcess => {
    for (let decoder = idle.pop(); decoder !== undefined; decoder = idle.pop())
      if (decoder.usable) return decoder
    return new DecoderProcess(stallMs, limits.memory)
  }

  /** What a task gives. Left early, its process is ended: it may be deep in a decoder. */
  async function* records(
    path: string,
    task: Task,
    signal?: AbortSignal,
    allocate?: (bytes: number) => Uint8Array,
  ): AsyncGenerator<Record> {
    signal?.throwIfAborted()
    const decoder = take()
    const kill = (): void => decoder.kill()
    signal?.addEventListener('abort', kill, { once: true })
    running.add(decoder)
    try {
      decoder.start(task)
      for (;;) {
        const record = await decoder.record(path, allocate)
        if (record.kind === Kind.end) return
        if (record.kind === Kind.alive) continue
        if (record.kind === Kind.failed)
          throw await failed(path, JSON.parse(Buffer.from(record.body).toString()), decoder.stderr, task)
        yield record
      }
    } catch (error) {
      // A process that was ended on purpose looks like a crash.
      signal?.throwIfAborted()
      throw error
    } finally {
      signal?.removeEventListener('abort', kill)
      running.delete(decoder)
      if (decoder.usable) {
        decoder.idle()
        idle.push(decoder)
      } else {
        decoder.kill()
      }
    }
  }

  return {
    name: 'node-av',

    async probe(path, signal) {
      await checkSourceFile(path, limits)
      let head: DemuxedHead | undefined
      const columns: Uint8Array[] = []
      await withIndexFile(path, signal, async (index) => {
        for await (const { kind, body } of records(
          path,
          { kind: 'probe', path, index, cpu: PROBE_SECONDS, pixels: limits.pixels },
          signal,
        )) {
          if (kind === Kind.demuxed) head = JSON.parse(Buffer.from(body).toString()) as DemuxedHead
          else columns.push(body)
        }
      })
      const [pts, key] = columns
      if (head === undefined || pts === undefined || key === undefined) {
        throw new StanflowError('INTERNAL', 'the decoder process left a probe unfinished')
      }
      const packets = { pts: new Float64Array(pts.buffer, pts.byteOffset, pts.byteLength / 8), key }
      return withinLimits(judge({ ...head, packets } satisfies Demuxed), limits)
    },

    frames(request) {
      const { video, signal, allocate } = request
      const task: Task = {
        kind: 'frames',
        video,
        indices: request.indices,
        geometry: request.geometry,
        threads,
        cpu: cpuSeconds(video, limits),
        pixels: limits.pixels,
      }
      return withStandIns(request, produced(request, records(video.path, task, signal, allocate)))
    },

    async close() {
      for (const decoder of [...idle.splice(0), ...running]) decoder.kill()
    },
  }
}

async function* produced(
  { video, indices, geometry }: FrameRequest,
  records: AsyncIterable<Record>,
): AsyncGenerator<Produced> {
  if (indices.length === 0) return
  await checkStillThere(video.path)
  const size = outputSize(video, geometry)
  for await (const { value: index, body: pixels } of records)
    yield { index, time: frameTime(video, index), ...size, pixels }
}

async function failed(
  path: string,
  { stage, detail }: Failure,
  stderr: string,
  { cpu }: Task,
): Promise<StanflowError> {
  const cause = [detail, stderr].filter(Boolean).join('\n')
  switch (stage) {
    case 'open':
      return openingError(path, cause)
    case 'stream':
      return new StanflowError('MEDIA_NO_VIDEO_STREAM', `${path} has no video stream`, { cause })
    case 'unsupported':
      return new StanflowError('MEDIA_UNSUPPORTED', `${path}: ${detail}`, { cause })
    case 'read':
      return new StanflowError('INPUT_READ', `${path} cannot be read to its end`, { cause })
    case 'costly':
      return tooCostly(path, cpu)
    case 'decode':
      return new StanflowError('MEDIA_DECODE', `${path} cannot be decoded: ${detail}`, { cause })
  }
}
