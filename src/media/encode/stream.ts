import { AV_CODEC_FLAG_GLOBAL_HEADER, AVFMT_GLOBALHEADER } from 'node-av/constants'
import type { CodecContext, FilterContext, FilterGraph, FormatContext, Packet, Stream } from 'node-av/lib'
import { StanflowError } from '../../errors.js'
import { check, checkWritten } from './check.js'
import type { EncodeOptions } from './options.js'

/** The graph's one output. */
export function openSource(graph: FilterGraph, filter: string): FilterContext {
  graph.alloc()
  check(graph.parsePtr(`${filter},buffersink`), `not a filter graph: ${filter}`)
  check(graph.configSync(), `not a filter graph: ${filter}`)
  const sink = graph.filters?.find((one) => one.isSink())
  if (sink === undefined) throw new StanflowError('INTERNAL', 'the filter graph has no output')
  return sink
}

/** The encoder as its pictures and the container want it. */
export function configure(
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

/** Writes what the encoder has ready. */
export async function drain(
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
    checkWritten(await output.interleavedWriteFrame(packet), 'a packet is refused')
  }
}

/** Nine 32-bit numbers, 16.16 fixed point but for the last column in 2.30: a turn clockwise. */
export function displayMatrix(rotation: 0 | 90 | 180 | 270, mirrored: boolean): Buffer {
  const [cos, sin] = { 0: [1, 0], 90: [0, 1], 180: [-1, 0], 270: [0, -1] }[rotation] as [number, number]
  const flip = mirrored ? -1 : 1
  const one = 1 << 16
  const values = [cos * one, sin * one, 0, -flip * sin * one, flip * cos * one, 0, 0, 0, 1 << 30]
  return Buffer.from(Int32Array.from(values).buffer)
}
