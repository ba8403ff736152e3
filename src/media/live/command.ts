import { changeFilter } from '../change.js'
import { LIMITS, MOST_LENGTH, PIECE_BYTES } from '../limits.js'
import { fullUrl, type InputKind } from './address.js'
import type { LiveSettings } from './settings.js'

/** What libav may open in turn from an address of a kind: nothing on this machine's disk, whatever a playlist says. */
const PROTOCOLS: Readonly<Record<'rtsp' | 'rtmp' | 'hls' | 'http', string>> = {
  rtsp: 'pipe,rtsp,rtsps,rtp,srtp,udp,tcp,tls,http,https,httpproxy,crypto',
  rtmp: 'pipe,rtmp,rtmps,rtmpt,rtmpte,rtmpts,tcp,tls,http,https,httpproxy,crypto',
  hls: 'pipe,http,https,tcp,tls,httpproxy,crypto',
  http: 'pipe,http,https,tcp,tls,httpproxy,crypto',
}
const SCALER = 'flags=bicubic+accurate_rnd+full_chroma_int+full_chroma_inp'
/** Microseconds of a stream that are looked at to learn what it is, at most. */
const ANALYSE = 3_000_000

export interface LiveCommand {
  readonly args: readonly string[]
  /** What goes to its stdin: the address, which other users of the machine could read among the arguments. */
  readonly stdin: string
  /** Whether the compressed stream comes out of file descriptor 3. */
  readonly pieces: boolean
}

/** ffmpeg for one connection to a camera: frames on stdout, their times on stderr, perhaps the stream itself on 3. */
export function liveCommand(
  settings: LiveSettings,
  { pieces, byArrival }: { readonly pieces: boolean; readonly byArrival: boolean },
): LiveCommand {
  const { hwaccel, hwaccelDevice, keyframesOnly, address } = settings
  const { pixels: mostPixels } = settings.limits ?? LIMITS
  const input = inputOf(settings)
  return {
    pieces,
    stdin: input.stdin,
    args: [
      ...['-hide_banner', '-nostdin', '-nostats', '-loglevel', 'info'],
      ...['-max_alloc', String(PIECE_BYTES), '-max_pixels', String(mostPixels)],
      ...(hwaccel === 'none' ? [] : ['-hwaccel', hwaccel]),
      ...(hwaccel === 'none' || hwaccelDevice === undefined ? [] : ['-hwaccel_device', hwaccelDevice]),
      ...['-threads', '1', ...(keyframesOnly ? ['-skip_frame', 'nokey'] : [])],
      ...(address.kind === 'rtsp' || address.kind === 'device' ? ['-fflags', '+nobuffer'] : []),
      ...(byArrival ? ['-use_wallclock_as_timestamps', '1'] : []),
      ...[...input.args, '-copyts'],
      ...['-map', '0:V:0', '-an', '-sn', '-dn', '-filter_threads', '1', '-vf', filters(settings)],
      // More threads, and the encoder that copies pixels holds a frame back.
      ...['-fps_mode', 'passthrough', '-threads', '1', '-pix_fmt', 'rgb24', '-flush_packets', '1'],
      ...['-f', 'rawvideo', 'pipe:1'],
      ...(pieces ? PIECES : []),
    ],
  }
}

/** A fragment a picture, timed as the input is, with the time that an RTSP camera gives it. */
const PIECES = [
  ...['-map', '0:V:0', '-c', 'copy', '-f', 'mp4', '-avoid_negative_ts', 'disabled', '-flush_packets', '1'],
  ...['-movflags', '+empty_moov+default_base_moof+frag_every_frame+frag_discont'],
  ...['-write_prft', 'wallclock', 'pipe:3'],
]

function inputOf({ address, transport, patience, loop }: LiveSettings): {
  args: readonly string[]
  stdin: string
} {
  const { kind, shown } = address
  if (kind === 'file') {
    const again = loop ? ['-stream_loop', '-1'] : []
    return { args: ['-protocol_whitelist', 'file', '-re', ...again, '-i', `file:${shown}`], stdin: '' }
  }
  if (kind === 'device') return { args: ['-f', grabber(), '-i', shown], stdin: '' }
  const timeout = String(Math.round(patience * 1e6))
  const options: Readonly<Record<string, string>> = {
    analyzeduration: String(ANALYSE),
    // Frames need not be watched for a second to learn their rate.
    fpsprobesize: '0',
    ...(kind === 'rtsp' ? { rtsp_transport: transport, timeout } : { rw_timeout: timeout }),
    ...(kind === 'rtsp' && transport === 'tcp' && { allowed_media_types: 'video' }),
  }
  const list = [
    'ffconcat version 1.0',
    `file '${fullUrl(address).replaceAll("'", String.raw`'\''`)}'`,
    ...Object.entries(options).map(([name, value]) => `option ${name} ${value}`),
  ]
  return {
    args: [
      ...['-protocol_whitelist', PROTOCOLS[kind], '-analyzeduration', String(ANALYSE)],
      // Segments come in one go: they are played at the speed of their own times.
      ...(kind === 'hls' ? ['-re'] : []),
      ...['-f', 'concat', '-safe', '0', '-i', 'pipe:0'],
    ],
    stdin: `${list.join('\n')}\n`,
  }
}

function grabber(): string {
  return process.platform === 'darwin' ? 'avfoundation' : process.platform === 'win32' ? 'dshow' : 'v4l2'
}

/** The first frame of every slot of the wanted rate, whichever way times go; then part, size and centre, as for videos. */
function filters({ fps, size, region, keyframesOnly, measureChange }: LiveSettings): string {
  const slot = (time: string): string => `floor(${time}*${fps})`
  const select = `isnan(prev_selected_t)+not(eq(${slot('t')},${slot('prev_selected_t')}))`
  const short = 'min(iw*sar,ih)'
  // No picture is that long: a pixel's shape or a line of pixels would become gigabytes.
  const side = (of: string): string => `clip(round(${size}*${of}/${short}),${size},${size * MOST_LENGTH})`
  return [
    ...(keyframesOnly ? [] : [`select='${select}'`]),
    'showinfo=checksum=0',
    ...(region === undefined
      ? []
      : [`crop=w=iw*${region.width}:h=ih*${region.height}:x=iw*${region.x}:y=ih*${region.y}`]),
    `scale=w='${side('iw*sar')}':h='${side('ih')}':${SCALER}`,
    `format=rgb24,crop=${size}:${size},setsar=1`,
    ...(measureChange ? [changeFilter(fps)] : []),
  ].join(',')
}

/** Whether an input says by itself when it is over, so that its end is no drop. */
export const hasEnd = (kind: InputKind): boolean => kind === 'file'
