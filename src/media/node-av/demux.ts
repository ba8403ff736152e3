import {
  AV_DISPOSITION_ATTACHED_PIC,
  AV_FIELD_BB,
  AV_FIELD_BT,
  AV_FIELD_TB,
  AV_FIELD_TT,
  AV_NOPTS_VALUE,
  AV_PKT_DATA_DISPLAYMATRIX,
  AV_PKT_FLAG_DISCARD,
  AV_PKT_FLAG_KEY,
  AVERROR_EIO,
  AVMEDIA_TYPE_VIDEO,
} from 'node-av/constants'
import { avGetCodecName, avGetPixFmtName, Dictionary, FormatContext, Packet, type Stream } from 'node-av/lib'
import type { Packets } from '../frame-times.js'
import { inputName, inputOptions } from '../location.js'
import { PacketColumns } from '../packet-columns.js'
import { Failed } from './failed.js'
import type { DemuxedHead, Task } from './protocol.js'

/** A file opened by libav, and its video stream. */
export interface Opened {
  readonly format: FormatContext
  readonly stream: Stream
}

export function openVideo(path: string): Opened {
  return open(path, inputOptions(path), (format) => {
    const found = format.findStreamInfoSync()
    if (found < 0) throw new Failed('open', `libav error ${found}`)
  })
}

/** An index file's packets hold nothing that could be looked into. */
function openIndex(path: string): Opened {
  return open(path, { ...inputOptions(path), fflags: '+noparse+nofillin' }, () => undefined)
}

function open(
  path: string,
  options: Readonly<Record<string, string>>,
  learn: (format: FormatContext) => void,
): Opened {
  const format = new FormatContext()
  const code = format.openInputSync(inputName(path), null, Dictionary.fromObject({ ...options }))
  if (code < 0) throw new Failed('open', `libav error ${code}`)
  try {
    learn(format)
    const stream = videoStream(format)
    if (stream === undefined) throw new Failed('stream', 'no video stream')
    return { format, stream }
  } catch (error) {
    closeVideo(format)
    throw error
  }
}

export function closeVideo(format: FormatContext): void {
  format.closeInputSync()
}

/** The first video stream that is no cover art. */
function videoStream(format: FormatContext): Stream | undefined {
  return format.streams.find(
    (stream) =>
      stream.codecpar.codecType === AVMEDIA_TYPE_VIDEO && !stream.hasDisposition(AV_DISPOSITION_ATTACHED_PIC),
  )
}

/**
 * One pass over the packets, nothing decoded; with `index`, over those of that small file with the same packets.
 * `alive` is called as it goes on.
 */
export function demux(
  { path, index }: Extract<Task, { kind: 'probe' }>,
  alive: () => void,
): { readonly head: DemuxedHead; readonly packets: Packets } {
  const { format, stream } = openVideo(path)
  const packet = new Packet()
  packet.alloc()
  try {
    const { packets, startsHidden, lasted } =
      index === undefined ? readPackets({ format, stream }, packet, alive) : readIndex(index, packet, alive)
    const { codecpar, timeBase, avgFrameRate } = stream
    const container = format.iformat?.name ?? ''
    const promised = format.duration === AV_NOPTS_VALUE ? 0 : Number(format.duration) / 1e6
    const head: DemuxedHead = {
      path,
      container,
      codec: avGetCodecName(codecpar.codecId) ?? '',
      width: codecpar.width,
      height: codecpar.height,
      sampleAspect: fraction(
        stream.sampleAspectRatio.num > 0 ? stream.sampleAspectRatio : codecpar.sampleAspectRatio,
      ),
      ...orientationOf(stream),
      pixelFormat: avGetPixFmtName(codecpar.format as Parameters<typeof avGetPixFmtName>[0]) ?? '',
      alphaBeside: stream.metadata?.get('alpha_mode') === '1',
      interlaced: INTERLACED.has(codecpar.toJSON().fieldOrder as number),
      averageRate: fraction(avgFrameRate),
      timeBase: fraction(timeBase),
      promisedFrames: Number(stream.nbFrames),
      promisedDuration: promised,
      lastedDuration: lasted,
      startsHidden,
    }
    return { head, packets }
  } finally {
    packet.free()
    closeVideo(format)
  }
}

const INTERLACED = new Set<number>([AV_FIELD_TT, AV_FIELD_BB, AV_FIELD_TB, AV_FIELD_BT])

const fraction = ({ num, den }: { num: number; den: number }) => ({ num, den })

interface Found {
  readonly packets: Packets
  readonly startsHidden: boolean
  readonly lasted: number
}

function readIndex(path: string, packet: Packet, alive: () => void): Found {
  const opened = openIndex(path)
  try {
    return readPackets(opened, packet, alive)
  } finally {
    closeVideo(opened.format)
  }
}

function readPackets({ format, stream: video }: Opened, packet: Packet, alive: () => void): Found {
  const columns = new PacketColumns()
  const units = format.streams.map(({ timeBase }) => timeBase.num / timeBase.den)
  let first = Number.POSITIVE_INFINITY
  let last = Number.NEGATIVE_INFINITY
  for (;;) {
    const code = format.readFrameSync(packet)
    if (code === AVERROR_EIO) throw new Failed('read', 'input/output error')
    if (code < 0) break
    alive()
    const { streamIndex, flags, pts: shown, dts } = packet
    const length = Number(packet.duration)
    const at = shown === AV_NOPTS_VALUE ? dts : shown
    if (at !== AV_NOPTS_VALUE) {
      const unit = units[streamIndex] ?? 0
      first = Math.min(first, Number(at) * unit)
      last = Math.max(last, (Number(at) + length) * unit)
    }
    if (streamIndex === video.index) {
      columns.add(shown === AV_NOPTS_VALUE ? Number.NaN : Number(shown), {
        key: (flags & AV_PKT_FLAG_KEY) !== 0,
        discard: (flags & AV_PKT_FLAG_DISCARD) !== 0,
      })
    }
    packet.unref()
  }
  const { packets, startsHidden } = columns
  return { packets, startsHidden, lasted: last > first ? last - first : 0 }
}

/** From the display matrix. */
function orientationOf(stream: Stream): Pick<DemuxedHead, 'rotation' | 'mirrored'> {
  const matrix = stream.codecpar.getCodedSideData(AV_PKT_DATA_DISPLAYMATRIX)
  if (matrix === null || matrix.length < 36) return { rotation: 0, mirrored: false }
  const [a, b, c, d] = [0, 4, 12, 16].map((at) => matrix.readInt32LE(at)) as [number, number, number, number]
  return { rotation: (Math.atan2(b, a) * 180) / Math.PI, mirrored: a * d - b * c < 0 }
}
