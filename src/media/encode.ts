import {
  AV_CODEC_FLAG_GLOBAL_HEADER,
  AV_LOG_ERROR,
  AV_PICTURE_TYPE_NONE,
  AV_PIX_FMT_RGB24,
  AV_PKT_DATA_DISPLAYMATRIX,
  AVERROR_EAGAIN,
  AVERROR_EOF,
  AVFMT_GLOBALHEADER,
  type FFVideoEncoder,
} from 'node-av/constants'
import {
  Codec,
  CodecContext,
  Dictionary,
  type FilterContext,
  FilterGraph,
  FormatContext,
  Frame,
  Log,
  Packet,
  type Stream,
} from 'node-av/lib'
import { StanflowError } from '../errors.js'

export type VideoCodec = 'h264' | 'hevc' | 'vp9' | 'av1' | 'mpeg4' | 'mpeg2' | 'ffv1' | 'prores' | 'qtrle'

/** Encoder, its default pixel format, and options that favour speed. */
const ENCODERS: Readonly<Record<VideoCodec, readonly [string, string, Readonly<Record<string, string>>]>> = {
  h264: ['libx264', 'yuv420p', { preset: 'veryfast' }],
  hevc: ['libx265', 'yuv420p', { preset: 'ultrafast', 'x265-params': 'log-level=none' }],
  vp9: ['libvpx-vp9', 'yuv420p', { deadline: 'realtime', 'cpu-used': '8' }],
  av1: ['libsvtav1', 'yuv420p', { preset: '12' }],
  mpeg4: ['mpeg4', 'yuv420p', { q: '4' }],
  mpeg2: ['mpeg2video', 'yuv420p', { q: '4' }],
  ffv1: ['ffv1', 'yuv420p', {}],
  prores: ['prores_ks', 'yuva444p10le', { profile: '4444' }],
  qtrle: ['qtrle', 'argb', {}],
}

export interface EncodeOptions {
  readonly codec: VideoCodec
  readonly pixelFormat?: string
  /** Frames from one keyframe to the next. Default: 30. */
  readonly gop?: number
  readonly bFrames?: number
  /** Clockwise turn that a player applies, written as a display matrix. */
  readonly rotation?: 0 | 90 | 180 | 270
  /** Written beside the rotation: players flip the picture before they turn it. */
  readonly mirrored?: boolean
  /** More options of the encoder and of the container, by libav's names. */
  readonly encoderOptions?: Readonly<Record<string, string>>
  readonly containerOptions?: Readonly<Record<string, string>>
}

export interface RenderOptions extends EncodeOptions {
  /** A libavfilter graph without inputs and with one video output, such as `testsrc2=size=320x180:rate=25:duration=4`. */
  readonly filter: string
}

/** Pictures drawn elsewhere. */
export interface DrawnFrames {
  readonly width: number
  readonly height: number
  /** Frames per second. */
  readonly rate: number
  /** RGB `[height, width, 3]`, one after another; a buffer may be used again for the next. */
  readonly frames: Iterable<Uint8Array>
}

/** Renders a video file; the container follows the extension. Works without an ffmpeg program. @throws StanflowError MEDIA_UNSUPPORTED */
export function renderVideo(path: string, options: RenderOptions): Promise<void> {
  return encode(path, options, options.filter, undefined)
}

/** Encodes pictures into a video file, as `renderVideo` does. @throws StanflowError MEDIA_UNSUPPORTED */
export function encodeFrames(path: string, options: EncodeOptions, drawn: DrawnFrames): Promise<void> {
  const { width, height, rate } = drawn
  const input = `buffer=video_size=${width}x${height}:pix_fmt=rgb24:time_base=1/${rate}:frame_rate=${rate}`
  return encode(path, options, input, drawn)
}

async function encode(
  path: string,
  options: EncodeOptions,
  filter: string,
  drawn: DrawnFrames | undefined,
): Promise<void> {
  Log.setLevel(AV_LOG_ERROR)
  process.env.SVT_LOG ??= '1'
  const [encoderName, pixelFormat, defaults] = ENCODERS[options.codec]
  const graph = new FilterGraph()
  const output = new FormatContext()
  const encoder = new CodecContext()
  const packet = new Packet()
  const frame = new Frame()
  let feed: Feeder | undefined
  try {
    const source = openSource(graph, `${filter},format=${options.pixelFormat ?? pixelFormat}`)
    feed = drawn && feeder(graph, drawn)
    check(output.allocOutputContext2(null, null, path), `no container for ${path}`)
    const codec = Codec.findEncoderByName(encoderName as FFVideoEncoder)
    if (codec === null) throw new StanflowError('MEDIA_UNSUPPORTED', `there is no encoder ${encoderName}`)
    encoder.allocContext3(codec)
    configure(encoder, source, options, Number(output.oformat?.flags ?? 0))
    check(
      await encoder.open2(codec, Dictionary.fromObject({ ...defaults, ...options.encoderOptions })),
      `${encoderName} does not open`,
    )
    const stream = output.newStream(null)
    check(stream.codecpar.fromContext(encoder), 'the stream takes no parameters')
    stream.timeBase = encoder.timeBase
    stream.sampleAspectRatio = encoder.sampleAspectRatio
    if (options.rotation !== undefined)
      stream.codecpar.addCodedSideData(
        AV_PKT_DATA_DISPLAYMATRIX,
        displayMatrix(options.rotation, options.mirrored ?? false),
      )
    check(await output.openOutput(), `cannot write ${path}`)
    check(
      await output.writeHeader(Dictionary.fromObject({ ...options.containerOptions })),
      `cannot write ${path}`,
    )

    packet.alloc()
    frame.alloc()
    for (;;) {
      const got = await source.buffersinkGetFrame(frame)
      if (got === AVERROR_EOF) break
      if (got === AVERROR_EAGAIN && feed !== undefined) {
        await feed.next()
        continue
      }
      check(got, 'the filter graph fails')
      frame.pictType = AV_PICTURE_TYPE_NONE
      check(await encoder.sendFrame(frame), 'a frame is refused')
      frame.unref()
      await drain(encoder, packet, stream, output)
    }
    await encoder.sendFrame(null)
    await drain(encoder, packet, stream, output)
    check(await output.writeTrailer(), `cannot finish ${path}`)
    await output.closeOutput()
  } finally {
    feed?.free()
    packet.free()
    frame.free()
    encoder.freeContext()
    graph.free()
    output.freeContext()
  }
}

interface Feeder {
  next(): Promise<void>
  free(): void
}

/** Gives the graph one picture after the other, then the end. */
function feeder(graph: FilterGraph, { width, height, frames }: DrawnFrames): Feeder {
  const source = graph.filters?.find((one) => one.isSource())
  if (source === undefined) throw new StanflowError('INTERNAL', 'the filter graph has no input')
  const pictures = frames[Symbol.iterator]()
  const picture = new Frame()
  picture.alloc()
  let time = 0n
  return {
    free: () => picture.free(),
    async next() {
      const { value } = pictures.next()
      if (value === undefined) {
        check(await source.buffersrcAddFrame(null), 'the filter graph takes no end')
        return
      }
      picture.width = width
      picture.height = height
      picture.format = AV_PIX_FMT_RGB24
      check(picture.allocBuffer(), 'no room for a picture')
      check(
        picture.fromBuffer(Buffer.from(value.buffer, value.byteOffset, value.byteLength)),
        'a picture of another size',
      )
      picture.pts = time++
      check(await source.buffersrcAddFrame(picture), 'the filter graph takes no picture')
      picture.unref()
    },
  }
}

function openSource(graph: FilterGraph, filter: string): FilterContext {
  graph.alloc()
  check(graph.parsePtr(`${filter},buffersink`), `not a filter graph: ${filter}`)
  check(graph.configSync(), `not a filter graph: ${filter}`)
  const sink = graph.filters?.find((one) => one.isSink())
  if (sink === undefined) throw new StanflowError('INTERNAL', 'the filter graph has no output')
  return sink
}

function configure(
  encoder: CodecContext,
  source: FilterContext,
  options: EncodeOptions,
  containerFlags: number,
): void {
  encoder.width = source.buffersinkGetWidth()
  encoder.height = source.buffersinkGetHeight()
  encoder.pixelFormat = source.buffersinkGetFormat() as typeof encoder.pixelFormat
  encoder.timeBase = source.buffersinkGetTimeBase()
  encoder.framerate = source.buffersinkGetFrameRate()
  encoder.sampleAspectRatio = source.buffersinkGetSampleAspectRatio()
  encoder.gopSize = options.gop ?? 30
  if (options.bFrames !== undefined) encoder.maxBFrames = options.bFrames
  if ((containerFlags & AVFMT_GLOBALHEADER) !== 0) encoder.setFlags(AV_CODEC_FLAG_GLOBAL_HEADER)
}

async function drain(
  encoder: CodecContext,
  packet: Packet,
  stream: Stream,
  output: FormatContext,
): Promise<void> {
  const { num, den } = encoder.framerate
  const { timeBase } = encoder
  while ((await encoder.receivePacket(packet)) >= 0) {
    packet.streamIndex = stream.index
    // Encoders leave the duration out; without it the last frame would have none.
    if (packet.duration === 0n && num > 0)
      packet.duration = BigInt(Math.round((den * timeBase.den) / (num * timeBase.num)))
    packet.rescaleTs(timeBase, stream.timeBase)
    check(await output.interleavedWriteFrame(packet), 'a packet is refused')
  }
}

/** Nine 32-bit numbers, 16.16 fixed point but for the last column in 2.30: a turn clockwise. */
function displayMatrix(rotation: 0 | 90 | 180 | 270, mirrored: boolean): Buffer {
  const [cos, sin] = { 0: [1, 0], 90: [0, 1], 180: [-1, 0], 270: [0, -1] }[rotation] as [number, number]
  const flip = mirrored ? -1 : 1
  const one = 1 << 16
  const values = [cos * one, sin * one, 0, -flip * sin * one, flip * cos * one, 0, 0, 0, 1 << 30]
  return Buffer.from(Int32Array.from(values).buffer)
}

function check(code: number, what: string): void {
  if (code < 0) throw new StanflowError('MEDIA_UNSUPPORTED', `${what} (libav error ${code})`)
}
