import {
  AV_FRAME_FLAG_CORRUPT,
  AV_NOPTS_VALUE,
  AVERROR_EAGAIN,
  AVERROR_EOF,
  AVSEEK_FLAG_BACKWARD,
  FF_THREAD_FRAME,
  type FFVideoDecoder,
} from 'node-av/constants'
import { Codec, CodecContext, type FormatContext, Frame, Packet, type Stream } from 'node-av/lib'
import { alphaDecoder, deinterlaceFilter, fitFilter, outputSize, type Size } from '../filters.js'
import { FrameIndex, keyframeBefore } from '../frame-index.js'
import type { VideoInfo } from '../reader.js'
import { closeVideo, openVideo } from './demux.js'
import { Failed } from './failed.js'
import { FilterChain } from './graph.js'
import type { Task } from './protocol.js'

type FrameTask = Extract<Task, { kind: 'frames' }>

/** Decoding on is cheaper than seeking over so few frames. */
const NEAR = 4
/** Whether the decoder had to patch up the frame, or made it from one that is missing. */
function isDamaged(frame: Frame): boolean {
  return frame.decodeErrorFlags !== 0 || frame.hasFlags(AV_FRAME_FLAG_CORRUPT)
}

/** Seconds before a keyframe to seek to, in turn, before decoding from the start. */
const RUN_UPS = [0, 1, 5, 30]

/**
 * Decodes the frames of a task one after another; `alive` is called with each decoded frame, wanted or not. The pixels
 * are overwritten by the next frame's.
 */
export function* decodeFrames(
  task: FrameTask,
  alive: () => void,
): Generator<{ index: number; pixels: Uint8Array }> {
  const { video } = task
  const decoder = new Decoder(task, alive)
  const fit = new FilterChain(fitFilter(video, task.geometry), video.timeBase)
  const { width, height } = outputSize(video, task.geometry)
  const pixels = new Uint8Array(width * height * 3)
  const fitted = new Frame()
  fitted.alloc()
  try {
    for (const index of task.indices) {
      const frame = decoder.frameAt(index)
      if (frame === undefined) continue
      fit.send(frame)
      if (!fit.receive(fitted)) throw new Failed('decode', 'the filters keep a frame')
      pack(fitted, { width, height }, pixels)
      yield { index, pixels }
      fitted.unref()
    }
  } finally {
    fitted.free()
    fit.free()
    decoder.close()
  }
}

/** Copies an RGB picture's rows out of libav's buffer, which pads them; a buffer of its own for each would pile up as garbage. */
function pack(frame: Frame, { width, height }: Size, into: Uint8Array): void {
  const [plane, stride] = [frame.data?.[0], frame.linesize[0]]
  if (frame.width !== width || frame.height !== height || plane === undefined || stride === undefined)
    throw new Failed('decode', `a frame is ${frame.width}×${frame.height}, not ${width}×${height}`)
  const row = width * 3
  for (let y = 0; y < height; y++) into.set(plane.subarray(y * stride, y * stride + row), y * row)
}

/** A decoder that goes to any frame: on from where it is, or by the last keyframe before, whichever is nearer. */
class Decoder {
  readonly #video: VideoInfo
  readonly #alive: () => void
  readonly #index: FrameIndex
  #format: FormatContext
  #stream: Stream
  readonly #context = new CodecContext()
  readonly #packet = new Packet()
  readonly #frame = new Frame()
  readonly #deinterlace: FilterChain | undefined
  readonly #whole = new Frame()
  /** Index of the frame in hand; what comes next is later. */
  #at = -1
  /** The packet of a keyframe that was sought, yet to be decoded. */
  #held = false
  #counted = -1

  constructor({ video, threads, pixels }: FrameTask, alive: () => void) {
    this.#video = video
    this.#alive = alive
    this.#index = new FrameIndex(video)
    const { format, stream } = openVideo(video.path)
    this.#format = format
    this.#stream = stream
    const special = alphaDecoder(video)
    const codec =
      (special && Codec.findDecoderByName(special as FFVideoDecoder)) ??
      Codec.findDecoder(stream.codecpar.codecId)
    if (codec === null) throw new Failed('unsupported', `no decoder for ${video.codec}`)
    this.#context.allocContext3(codec)
    this.#context.parametersToContext(stream.codecpar)
    this.#context.pktTimebase = stream.timeBase
    this.#context.threadCount = threads
    // Given to open2Sync in a dictionary, it would be freed twice.
    this.#context.setOption('max_pixels', String(pixels))
    this.#context.threadType = FF_THREAD_FRAME
    if (this.#context.open2Sync(codec, null) < 0)
      throw new Failed('unsupported', `the decoder for ${video.codec} does not open`)
    this.#packet.alloc()
    this.#frame.alloc()
    this.#whole.alloc()
    if (video.interlaced) this.#deinterlace = new FilterChain(deinterlaceFilter(video), stream.timeBase)
  }

  /** The frame, or undefined where the decoder gives none for it. */
  frameAt(wanted: number): Frame | undefined {
    if (wanted === this.#at) return this.#current()
    if (wanted < this.#at) return undefined
    // Deinterlacing looks at the frame before, too.
    const key = keyframeBefore(
      this.#video,
      this.#deinterlace === undefined ? wanted : Math.max(0, wanted - 1),
    )
    if (this.#video.timing === 'timestamps' && key > this.#at + NEAR) this.#seek(key)
    return this.#goOn(wanted)
  }

  close(): void {
    this.#deinterlace?.free()
    this.#whole.free()
    this.#frame.free()
    this.#packet.free()
    this.#context.freeContext()
    closeVideo(this.#format)
  }

  #current(): Frame {
    return this.#deinterlace === undefined ? this.#frame : this.#whole
  }

  /** Decodes on until the frame is in hand; undefined where it never comes. */
  #goOn(wanted: number): Frame | undefined {
    while (this.#at < wanted) {
      const index = this.#next()
      if (index === undefined) return undefined
      this.#at = index
    }
    return this.#at === wanted && !isDamaged(this.#current()) ? this.#current() : undefined
  }

  /**
   * Goes to a keyframe. Containers without an index may land late, or amid a group of pictures: earlier places are tried
   * and packets passed over until the keyframe's own comes.
   */
  #seek(key: number): void {
    const timestamp = this.#video.timestamps[key] ?? 0
    const second = this.#video.timeBase.den / this.#video.timeBase.num
    const found = RUN_UPS.some((seconds) => this.#find(timestamp, timestamp - seconds * second))
    if (!found) {
      this.#format.closeInputSync()
      const { format, stream } = openVideo(this.#video.path)
      this.#format = format
      this.#stream = stream
    }
    this.#restart()
  }

  /** Seeks to `from` and reads on to the keyframe's packet, which is then in hand; false where it doesn't come. */
  #find(keyframe: number, from: number): boolean {
    this.#held = false
    this.#packet.unref()
    const place = BigInt(Math.floor(from))
    if (this.#format.seekFrameSync(this.#stream.index, place, AVSEEK_FLAG_BACKWARD) < 0) return false
    while (this.#read()) {
      const { isKeyframe, pts } = this.#packet
      if (isKeyframe && pts !== AV_NOPTS_VALUE && Number(pts) >= keyframe) {
        this.#held = Number(pts) === keyframe
        return this.#held
      }
      this.#packet.unref()
    }
    return false
  }

  #restart(): void {
    this.#context.flushBuffers()
    this.#deinterlace?.free()
    this.#at = -1
  }

  /** Index of the next frame in display order; undefined at the end. */
  #next(): number | undefined {
    for (;;) {
      const frame = this.#deinterlace === undefined ? this.#decoded() : this.#deinterlaced(this.#deinterlace)
      if (frame === undefined) return undefined
      if (this.#video.timing === 'counted') return ++this.#counted
      const { bestEffortTimestamp: best, pts } = frame
      const shown = best === AV_NOPTS_VALUE ? pts : best
      const index = shown === AV_NOPTS_VALUE ? undefined : this.#index.at(Number(shown))
      if (index !== undefined) return index
    }
  }

  #deinterlaced(chain: FilterChain): Frame | undefined {
    this.#whole.unref()
    while (!chain.receive(this.#whole)) {
      const frame = this.#decoded()
      if (frame === undefined) {
        chain.send(null)
        return chain.receive(this.#whole) ? this.#whole : undefined
      }
      if (frame.pts === AV_NOPTS_VALUE) frame.pts = frame.bestEffortTimestamp
      chain.send(frame)
    }
    this.#whole.bestEffortTimestamp = this.#whole.pts
    return this.#whole
  }

  #decoded(): Frame | undefined {
    this.#frame.unref()
    for (;;) {
      const code = this.#context.receiveFrameSync(this.#frame)
      if (code >= 0) {
        this.#alive()
        return this.#frame
      }
      if (code === AVERROR_EOF) return undefined
      if (code === AVERROR_EAGAIN) this.#feed()
      // Anything else is one damaged frame: those after it may be good.
    }
  }

  #feed(): void {
    if (this.#held || this.#read()) this.#context.sendPacketSync(this.#packet)
    else this.#context.sendPacketSync(null)
    this.#held = false
    this.#packet.unref()
  }

  /** Reads the stream's next packet; false at the end. */
  #read(): boolean {
    while (this.#format.readFrameSync(this.#packet) >= 0) {
      if (this.#packet.streamIndex === this.#stream.index) return true
      this.#packet.unref()
    }
    return false
  }
}
