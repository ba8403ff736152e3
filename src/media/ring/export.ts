import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { StanflowError } from '../../errors.js'
import type { Cut } from './ring.js'

const QUIET = ['-hide_banner', '-nostdin', '-loglevel', 'error', '-threads', '1']
const TIMEOUT_MS = 30_000
const STDERR = 2000
/** A picture is no wider than this. */
const WIDTH = 960
/** Seconds. */
const END_SLACK = 0.5

/**
 * An MP4 of what was cut, not encoded anew: playable while it is fetched, with the wall time of its first frame.
 * `hvc1` is what browsers and Apple's players ask of HEVC.
 * @throws StanflowError MEDIA_CRASH, MEDIA_TIMEOUT, MEDIA_DECODE
 */
export async function cutToMp4(ffmpeg: string, cut: Cut, signal?: AbortSignal): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), 'stanflow-cut-'))
  const path = join(folder, 'cut.mp4')
  const to = (tag: readonly string[]): readonly string[] => [
    ...['-f', 'mp4', '-i', 'pipe:0', '-map', '0:v:0', '-map', '0:a:0?', '-c', 'copy', ...tag],
    ...['-avoid_negative_ts', 'make_zero', '-movflags', '+faststart'],
    ...['-metadata', `creation_time=${new Date(cut.start * 1000).toISOString()}`, '-f', 'mp4', '-y', path],
  ]
  try {
    await run(ffmpeg, [...QUIET, ...to(cut.codec === 'hevc' ? ['-tag:v', 'hvc1'] : [])], cut, signal)
    return await readFile(path)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/**
 * A JPEG of the first frame from `unixSeconds` on, or of the last there is.
 * @throws StanflowError MEDIA_CRASH, MEDIA_TIMEOUT, MEDIA_DECODE
 */
export async function cutToJpeg(
  ffmpeg: string,
  cut: Cut,
  unixSeconds: number,
  signal?: AbortSignal,
): Promise<Buffer> {
  const wanted = Math.min(Math.max(0, unixSeconds - cut.start), Math.max(0, cut.end - cut.start))
  // Pictures that were to be shown before the keyframe are lost, so the last one may come a little early.
  for (const early of [0, END_SLACK, wanted]) {
    const picture = await run(ffmpeg, pictureArgs(Math.max(0, wanted - early)), cut, signal)
    if (picture.length > 0) return picture
  }
  throw new StanflowError('MEDIA_DECODE', 'No picture could be decoded of the moment.')
}

/** The first picture from so many seconds on. */
function pictureArgs(seconds: number): readonly string[] {
  // A little less, as times have been through floating point.
  const from = Math.max(0, seconds - 0.005).toFixed(3)
  return [
    ...[...QUIET, '-f', 'mp4', '-i', 'pipe:0', '-map', '0:v:0', '-an', '-frames:v', '1'],
    ...['-vf', `setpts=PTS-STARTPTS,select='gte(t,${from})',scale='min(${WIDTH},iw)':-2`],
    ...['-c:v', 'mjpeg', '-q:v', '4', '-pix_fmt', 'yuvj420p', '-f', 'image2pipe', 'pipe:1'],
  ]
}

/** Gives a run of ffmpeg its input, and answers with its output. */
function run(ffmpeg: string, args: readonly string[], input: Cut, signal?: AbortSignal): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const child = spawn(ffmpeg, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: TIMEOUT_MS,
      killSignal: 'SIGKILL',
      signal,
    })
    const output: Buffer[] = []
    let said = ''
    child.stdout.on('data', (piece: Buffer) => output.push(piece))
    child.stderr.on('data', (piece: Buffer) => {
      said = (said + piece.toString()).slice(-STDERR)
    })
    child.on('error', (cause) => reject(failed('MEDIA_CRASH', 'ffmpeg could not be run', cause)))
    child.on('close', (code, killed) => {
      if (code === 0) resolve(Buffer.concat(output))
      else if (killed === null)
        reject(failed('MEDIA_DECODE', 'what was kept of the stream could not be read', said))
      else reject(failed('MEDIA_TIMEOUT', `ffmpeg was ended by ${killed}`, said))
    })
    // It may have all it wants before it has all there is.
    child.stdin.on('error', () => undefined)
    for (const piece of input.pieces) child.stdin.write(piece)
    child.stdin.end()
  })
}

function failed(
  code: 'MEDIA_CRASH' | 'MEDIA_DECODE' | 'MEDIA_TIMEOUT',
  why: string,
  cause: unknown,
): StanflowError {
  return new StanflowError(code, `No picture or video of an event: ${why}.`, { cause })
}
