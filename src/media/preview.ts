import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rename, rm } from 'node:fs/promises'
import { StanflowError } from '../errors.js'
import { findFfmpeg } from './ffmpeg/find.js'
import { inputFlags, inputName } from './location.js'

const WIDEST = 960
const STDERR_KEPT = 2000
const PATIENCE_MS = 60_000

export interface PreviewRequest {
  /** A local path, or a URL of this machine. */
  readonly path: string
  /** Seconds from the first frame. */
  readonly start: number
  readonly end: number
  /** The MP4; it appears whole. */
  readonly to: string
}

/**
 * A moment of any video that ffmpeg reads, as a small H.264 MP4 without sound.
 * @throws StanflowError READER_MISSING, MEDIA_DECODE, MEDIA_TIMEOUT
 */
export async function makePreview({ path, start, end, to }: PreviewRequest): Promise<void> {
  const programs = await findFfmpeg()
  if (programs === undefined) {
    throw new StanflowError('READER_MISSING', 'Previews are made by ffmpeg, which is not installed here.', {
      hint: 'Install ffmpeg (apt-get install ffmpeg) or set FFMPEG_PATH on the machine that runs `stanflow serve`.',
    })
  }
  const part = `${to}.part`
  const child = spawn(
    programs.ffmpeg,
    [
      ...['-hide_banner', '-nostdin', '-nostats', '-v', 'error', '-y'],
      ...inputFlags(path),
      ...['-ss', start.toFixed(3), '-t', (end - start).toFixed(3), '-i', inputName(path)],
      ...['-map', '0:V:0', '-an', '-sn', '-dn', '-map_metadata', '-1', '-map_chapters', '-1'],
      ...['-vf', `scale=w='min(${WIDEST},iw)':h=-2`, '-pix_fmt', 'yuv420p'],
      ...['-c:v', 'libx264', '-preset', 'veryfast', '-crf', '25', '-threads', '2'],
      ...['-movflags', '+faststart', '-f', 'mp4', part],
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-STDERR_KEPT)
  })
  let late = false
  const watchdog = setTimeout(() => {
    late = true
    child.kill('SIGKILL')
  }, PATIENCE_MS)
  try {
    const [code] = (await once(child, 'close')) as [number | null]
    if (late) throw new StanflowError('MEDIA_TIMEOUT', 'Making the preview took too long.')
    if (code !== 0)
      throw new StanflowError('MEDIA_DECODE', 'No preview can be made of this.', { cause: said })
    await rename(part, to)
  } catch (error) {
    await rm(part, { force: true })
    throw error
  } finally {
    clearTimeout(watchdog)
  }
}
