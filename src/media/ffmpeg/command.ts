import ffmpeg, { type FfmpegCommand } from 'fluent-ffmpeg'
import { alphaDecoder } from '../filters.js'
import { keyframeBefore } from '../frame-index.js'
import type { FrameRequest } from '../reader.js'
import { frameTime } from '../stand-in.js'
import type { FfmpegPrograms } from './find.js'
import { filterChain } from './select.js'

/** Seconds that a seek aims before the keyframe it wants, so that it doesn't land after; some containers only seek roughly. */
const SEEK_MARGIN = { exact: 0.5, rough: 3 }
const EXACT = /^(mov|matroska|avi)/
/** Decoding so many seconds is quicker than to worry about seeking. */
const SEEK_WORTH = 5

/** One ffmpeg that writes the wanted frames, and perhaps some more, to its output as raw RGB. */
export function commandFor(
  { ffmpeg: program, fpsMode }: FfmpegPrograms,
  request: FrameRequest,
  threads: number,
): FfmpegCommand {
  const { video } = request
  const seek = seekSeconds(request)
  const decoder = alphaDecoder(video)
  return ffmpeg()
    .setFfmpegPath(program)
    .input(`file:${video.path}`)
    .inputOptions([
      ...['-hide_banner', '-nostdin', '-nostats', '-loglevel', 'info', '-protocol_whitelist', 'file'],
      ...['-threads', String(threads), '-noautorotate'],
      ...(decoder === undefined ? [] : ['-c:v', decoder]),
      ...(seek === undefined ? [] : ['-noaccurate_seek', '-ss', String(seek)]),
      '-copyts',
    ])
    .outputOptions(['-map', '0:V:0', '-an', '-sn', '-dn', '-filter_threads', '1'])
    .outputOptions('-vf', filterChain(request))
    .outputOptions([fpsMode ? '-fps_mode' : '-vsync', 'passthrough', '-pix_fmt', 'rgb24'])
    .outputOptions('-flush_packets', '1')
    .format('rawvideo')
}

/** Where to start reading, in seconds from the start of the file; undefined: at the start. */
function seekSeconds({ video, indices }: FrameRequest): number | undefined {
  if (video.timing === 'counted') return undefined
  const key = frameTime(video, keyframeBefore(video, indices[0] ?? 0))
  const margin = EXACT.test(video.container) ? SEEK_MARGIN.exact : SEEK_MARGIN.rough
  return key > SEEK_WORTH ? key - margin : undefined
}
