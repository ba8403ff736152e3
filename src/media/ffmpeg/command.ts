import ffmpeg, { type FfmpegCommand } from 'fluent-ffmpeg'
import { alphaDecoder } from '../filters.js'
import { keyframeBefore } from '../frame-index.js'
import { cpuSeconds, limited, type MediaLimits, PIECE_BYTES } from '../limits.js'
import { inputFlags, inputName, isUrl } from '../location.js'
import type { FrameRequest, VideoInfo } from '../reader.js'
import { frameTime } from '../stand-in.js'
import type { FfmpegPrograms } from './find.js'
import { filterChain } from './select.js'

/** Seconds that a seek aims before the keyframe it wants, so that it doesn't land after; some containers only seek roughly. */
const SEEK_MARGIN = { exact: 0.5, rough: 3 }
const EXACT = /^(mov|matroska|avi)/
/** Containers that say where each keyframe is. */
const INDEXED = /^mov/
/** Decoding so many seconds is quicker than to worry about seeking. */
const SEEK_WORTH = 5

/** One ffmpeg that writes the wanted frames, and perhaps some more, to its output as raw RGB. */
export function commandFor(
  { ffmpeg: program, fpsMode }: FfmpegPrograms,
  request: FrameRequest,
  { threads, limits }: { readonly threads: number; readonly limits: MediaLimits },
): FfmpegCommand {
  const { video } = request
  const seek = seekFlags(request)
  const decoder = alphaDecoder(video)
  const within = limited(program, { memory: limits.memory })
  return withoutQuestions(ffmpeg())
    .setFfmpegPath(within.program)
    .input(inputName(video.path))
    .inputOptions(
      ...within.args,
      ...['-hide_banner', '-nostdin', '-nostats', '-loglevel', 'info', ...inputFlags(video.path)],
      ...['-timelimit', String(cpuSeconds(video, limits)), '-max_alloc', String(PIECE_BYTES)],
      ...['-max_pixels', String(limits.pixels), '-threads', String(threads), '-noautorotate'],
      ...(decoder === undefined ? [] : ['-c:v', decoder]),
      ...seek,
      '-copyts',
    )
    .outputOptions(['-map', '0:V:0', '-an', '-sn', '-dn', '-filter_threads', '1'])
    .outputOptions('-vf', filterChain(request))
    .outputOptions([fpsMode ? '-fps_mode' : '-vsync', 'passthrough', '-pix_fmt', 'rgb24'])
    .outputOptions('-flush_packets', '1')
    .format('rawvideo')
}

/** What fluent-ffmpeg asks the program before it runs it: a shell, which sets the limits, knows no formats. */
function withoutQuestions(command: FfmpegCommand): FfmpegCommand {
  return Object.assign(command, { _checkCapabilities: (done: () => void) => done() })
}

/** Where to start reading; nothing: at the start. */
function seekFlags({ video, indices }: FrameRequest): readonly string[] {
  if (video.timing === 'counted') return []
  const key = keyframeBefore(video, indices[0] ?? 0)
  const time = frameTime(video, key)
  if (isUrl(video.path) && INDEXED.test(video.container)) {
    // Up to the keyframe itself: one before it would have to be fetched.
    return ['-noaccurate_seek', '-seek_timestamp', '1', '-ss', String(shortlyAfter(video, key))]
  }
  const margin = EXACT.test(video.container) ? SEEK_MARGIN.exact : SEEK_MARGIN.rough
  return time > SEEK_WORTH ? ['-noaccurate_seek', '-ss', String(time - margin)] : []
}

/** A time between a frame's and the next one's, in seconds, as the file counts them. */
function shortlyAfter({ timestamps, timeBase }: VideoInfo, index: number): number {
  const at = timestamps[index] ?? 0
  const next = timestamps[index + 1] ?? at + 1
  return ((at + (next - at) / 2) * timeBase.num) / timeBase.den
}
