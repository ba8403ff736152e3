import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { StanflowError } from '../../errors.js'
import type { Demuxed, Fraction } from '../demuxed.js'
import { limited, type MediaLimits, PIECE_BYTES, PROBE_SECONDS, tooCostly } from '../limits.js'
import { inputFlags, inputName } from '../location.js'
import { PacketColumns } from '../packet-columns.js'
import { openingError } from '../source-file.js'

// One pass of ffprobe: what the file is, and every packet's times, as `section|key=value|…` lines that are read as they come.
const HEAD_ENTRIES = [
  'format=format_name,duration,start_time',
  'stream=index,codec_type,codec_name,width,height,sample_aspect_ratio,pix_fmt,field_order,avg_frame_rate,time_base,nb_frames',
  'stream_disposition=attached_pic',
  'stream_side_data=rotation,displaymatrix',
  'stream_tags=alpha_mode',
]
const PACKET_ENTRIES = 'packet=stream_index,pts,pts_time,dts_time,duration_time,flags'
/** An index file's packets hold nothing that could be looked into. */
const UNSEEN = ['-fflags', '+noparse+nofillin', '-nofind_stream_info']
const STDERR_KEPT = 2000

type Fields = Readonly<Record<string, string>>

interface Probing {
  readonly ffprobe: string
  readonly stallMs: number
  readonly limits: MediaLimits
  readonly signal: AbortSignal | undefined
}

interface Probed {
  readonly format: Fields
  readonly streams: readonly Fields[]
  readonly packets: AllPackets
  readonly stderr: string
}

/**
 * `index`: a small file with the same packets, where there is one.
 * @throws StanflowError MEDIA_NOT_VIDEO, MEDIA_TRUNCATED, MEDIA_NO_VIDEO_STREAM, MEDIA_TIMEOUT
 */
export async function demuxWithFfprobe(
  path: string,
  index: string | undefined,
  probing: Probing,
): Promise<Demuxed> {
  const whole = index === undefined ? [...HEAD_ENTRIES, PACKET_ENTRIES] : HEAD_ENTRIES
  const { format, streams, stderr, ...found } = await probe(path, whole, [], probing)
  if (format.format_name === undefined) throw await openingError(path, stderr)
  const stream = streams.find(isVideo)
  if (stream === undefined)
    throw new StanflowError('MEDIA_NO_VIDEO_STREAM', `${path} has no video stream`, { cause: stderr })
  const indexed =
    index === undefined ? undefined : await probe(index, [...HEAD_ENTRIES, PACKET_ENTRIES], UNSEEN, probing)
  const packets = indexed?.packets ?? found.packets
  const columns = packets.of(Number((indexed?.streams.find(isVideo) ?? stream).index))
  return {
    path,
    container: format.format_name,
    codec: stream.codec_name ?? '',
    width: Number(stream.width ?? 0),
    height: Number(stream.height ?? 0),
    sampleAspect: fraction(stream.sample_aspect_ratio),
    // ffprobe counts counter-clockwise.
    rotation: -number(stream.rotation, 0),
    mirrored: isMirrored(stream.displaymatrix),
    pixelFormat: stream.pix_fmt ?? '',
    alphaBeside: stream['tag:alpha_mode'] === '1',
    interlaced: ['tt', 'bb', 'tb', 'bt'].includes(stream.field_order ?? ''),
    averageRate: fraction(stream.avg_frame_rate),
    timeBase: fraction(stream.time_base),
    promisedFrames: number(stream.nb_frames, 0),
    promisedDuration: number(format.duration, 0),
    lastedDuration: packets.lasted,
    startsHidden: columns.startsHidden,
    packets: columns.packets,
  }
}

function isVideo(stream: Fields): boolean {
  return stream.codec_type === 'video' && stream['disposition:attached_pic'] !== '1'
}

/** One run of ffprobe. @throws StanflowError MEDIA_TIMEOUT, MEDIA_CRASH */
async function probe(
  path: string,
  entries: readonly string[],
  flags: readonly string[],
  { ffprobe, stallMs, limits, signal }: Probing,
): Promise<Probed> {
  signal?.throwIfAborted()
  const args = [
    '-v',
    'error',
    // Not the limit of pixels: it would hide how many there are.
    ...['-max_alloc', String(PIECE_BYTES)],
    ...inputFlags(path),
    ...flags,
    '-show_entries',
    entries.join(':'),
    '-of',
    'compact',
  ]
  const within = limited(ffprobe, { memory: limits.memory, cpu: PROBE_SECONDS })
  const child = spawn(within.program, [...within.args, ...args, inputName(path)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stderr = ''
  child.stderr.on('data', (chunk: Buffer) => {
    stderr = (stderr + chunk.toString()).slice(-STDERR_KEPT)
  })
  const stop = (): void => void child.kill('SIGKILL')
  signal?.addEventListener('abort', stop, { once: true })
  let stalled = false
  const watchdog = setTimeout(() => {
    stalled = true
    stop()
  }, stallMs)
  const closed = once(child, 'close').catch((error: unknown) => error)
  const packets = new AllPackets()
  const streams: Fields[] = []
  let format: Fields = {}
  try {
    for await (const lines of linesOf(child.stdout)) {
      watchdog.refresh()
      for (const line of lines) {
        const { section, fields } = parse(line)
        if (section === 'packet') packets.add(fields)
        else if (section === 'stream') streams.push(fields)
        else if (section === 'format') format = fields
      }
    }
    await closed
  } finally {
    clearTimeout(watchdog)
    signal?.removeEventListener('abort', stop)
    stop()
  }
  signal?.throwIfAborted()
  if (stalled) {
    throw new StanflowError('MEDIA_TIMEOUT', `ffprobe said nothing of ${path} for ${stallMs / 1000} s`)
  }
  if (child.signalCode === 'SIGXCPU') throw tooCostly(path, PROBE_SECONDS)
  if (child.signalCode !== null) {
    throw new StanflowError('MEDIA_CRASH', `ffprobe ended with ${child.signalCode} on ${path}`, {
      cause: stderr.trim(),
    })
  }
  return { format, streams, packets, stderr: stderr.trim() }
}

/** Lines as they come, those of a chunk together: queued one by one, a long video's would outlive the small collections. */
async function* linesOf(output: Readable): AsyncGenerator<readonly string[]> {
  let rest = ''
  for await (const chunk of output.setEncoding('latin1')) {
    const lines = (rest + (chunk as string)).split(/\r?\n/)
    rest = lines.pop() ?? ''
    yield lines
  }
  if (rest !== '') yield [rest]
}

/** `packet|pts=512|flags=K_` and the like; a side data section nests as `side_data|rotation=-90`. */
function parse(line: string): { section: string; fields: Fields } {
  const [section = '', ...pairs] = line.split('|')
  const fields: Record<string, string> = {}
  for (const pair of pairs) {
    const at = pair.indexOf('=')
    if (at > 0) fields[pair.slice(0, at)] ??= pair.slice(at + 1)
  }
  return { section, fields }
}

/** Packets of all streams; only video needs keeping, but which stream that is comes last. */
class AllPackets {
  readonly #streams = new Map<number, PacketColumns>()
  #first = Number.POSITIVE_INFINITY
  #last = Number.NEGATIVE_INFINITY

  add(fields: Fields): void {
    const seconds = number(fields.pts_time, number(fields.dts_time, Number.NaN))
    if (!Number.isNaN(seconds)) {
      this.#first = Math.min(this.#first, seconds)
      this.#last = Math.max(this.#last, seconds + number(fields.duration_time, 0))
    }
    const flags = fields.flags ?? ''
    this.of(Number(fields.stream_index)).add(number(fields.pts, Number.NaN), {
      key: flags.includes('K'),
      discard: flags.includes('D'),
    })
  }

  /** Seconds from the start of the earliest packet to the end of the latest. */
  get lasted(): number {
    return this.#last > this.#first ? this.#last - this.#first : 0
  }

  of(stream: number): PacketColumns {
    const columns = this.#streams.get(stream) ?? new PacketColumns()
    this.#streams.set(stream, columns)
    return columns
  }
}

/** `00000000: 65536 0 0` and two more such lines, their ends written as `\\n`. */
function isMirrored(matrix = ''): boolean {
  const [first = [], second = []] = matrix
    .split('\\n')
    .filter((line) => line.includes(':'))
    .map((line) =>
      line
        .slice(line.indexOf(':') + 1)
        .trim()
        .split(/ +/)
        .map(Number),
    )
  const [[a = 0, b = 0], [c = 0, d = 0]] = [first, second]
  return a * d - b * c < 0
}

function number(text: string | undefined, otherwise: number): number {
  const value = Number(text)
  return text === undefined || Number.isNaN(value) ? otherwise : value
}

function fraction(text = '0:1'): Fraction {
  const [num = 0, den = 1] = text.split(/[/:]/).map(Number)
  return { num, den }
}
