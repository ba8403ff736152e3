import {
  AV_LOG_ERROR,
  AV_PICTURE_TYPE_NONE,
  AV_PKT_DATA_DISPLAYMATRIX,
  AVERROR_EAGAIN,
  AVERROR_EOF,
  type FFVideoEncoder,
} from 'node-av/constants'
import { Codec, CodecContext, Dictionary, FilterGraph, FormatContext, Frame, Log, Packet } from 'node-av/lib'
import { StanflowError } from '../errors.js'
import { check, checkWritten } from './encode/check.js'
import { type Feeder, feeder } from './encode/feeder.js'
import { type DrawnFrames, ENCODERS, type EncodeOptions, type RenderOptions } from './encode/options.js'
import { configure, displayMatrix, drain, openSource } from './encode/stream.js'

export type { DrawnFrames, EncodeOptions, RenderOptions, VideoCodec } from './encode/options.js'

/** Renders a video file; the container follows the extension. Works without an ffmpeg program. @throws StanflowError MEDIA_UNSUPPORTED; the system's error where the disk is full or refuses */
export function renderVideo(path: string, options: RenderOptions): Promise<void> {
  return encode(path, options, options.filter, undefined)
}

/** Encodes pictures into a video file, as `renderVideo` does, and throws what it does. */
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
    checkWritten(await output.openOutput(), `cannot write ${path}`)
    checkWritten(
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
    checkWritten(await output.writeTrailer(), `cannot finish ${path}`)
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
