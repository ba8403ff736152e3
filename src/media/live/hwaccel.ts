import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { StanflowError } from '../../errors.js'
import type { FfmpegPrograms } from '../ffmpeg/find.js'
import type { Hwaccel } from './settings.js'

const run = promisify(execFile)
const PROBE_MS = 15_000

/**
 * Checks that this machine can decode with an accelerator: that ffmpeg knows it, and that the device opens.
 * @throws StanflowError HWACCEL_UNFIT in words
 */
export async function checkHwaccel(
  { ffmpeg }: FfmpegPrograms,
  hwaccel: Exclude<Hwaccel, 'none'>,
  device?: string,
): Promise<void> {
  const listed = await run(ffmpeg, ['-hide_banner', '-hwaccels'], { timeout: PROBE_MS }).catch(
    () => undefined,
  )
  // Below a headline, one a line.
  const [, ...lines] = (listed?.stdout ?? '').split(/\r?\n/)
  const known = lines.map((line) => line.trim()).filter((name) => name !== '')
  if (!known.includes(hwaccel)) {
    throw new StanflowError(
      'HWACCEL_UNFIT',
      `This ffmpeg cannot decode with ${hwaccel}; it knows ${known.join(', ') || 'none'}.`,
    )
  }
  const opened = device === undefined ? hwaccel : `${hwaccel}:${device}`
  // One drawn picture: the device is opened first, whatever is played.
  const args = [
    '-v',
    'error',
    '-init_hw_device',
    opened,
    '-f',
    'lavfi',
    '-i',
    'color=size=64x64',
    '-frames:v',
    '1',
  ]
  try {
    await run(ffmpeg, [...args, '-f', 'null', '-'], { timeout: PROBE_MS })
  } catch (cause) {
    const { stderr = '' } = cause as { readonly stderr?: string }
    const said =
      stderr
        .trim()
        .split('\n')[0]
        ?.replace(/^\[[^\]]*\] /, '') ?? ''
    throw new StanflowError('HWACCEL_UNFIT', `${opened} does not open here: ${said.replace(/\.$/, '')}.`, {
      cause,
    })
  }
}
