import { type ErrorCode, StanflowError } from '../../errors.js'
import { type LiveAddress, redacted } from './address.js'

/** What ffmpeg says, and what it means; the first that fits counts. */
const MEANINGS: readonly (readonly [RegExp, ErrorCode])[] = [
  [/exceeds specified max pixel count/, 'MEDIA_TOO_LARGE'],
  [/401 Unauthorized|authorization failed|403 Forbidden|access denied/i, 'CAMERA_AUTH'],
  [/404 (Stream )?Not Found|No such file or directory/i, 'CAMERA_NOT_FOUND'],
  [
    /Connection refused|timed out|No route to host|Network is unreachable|Failed to resolve|Name or service not known|Temporary failure in name/i,
    'CAMERA_UNREACHABLE',
  ],
  [/hwaccel|hardware device|Device creation failed|No device available/i, 'HWACCEL_UNFIT'],
]
/** Lines that say nothing of why. */
const CHATTER =
  /Metadata:|encoder +:|Duration:|Stream #|Stream mapping|^Output #|^Input #|Press \[q\]|muxing overhead|^frame=|^ *$|Exiting normally|No meaningful edit list|Last message repeated|corrupt decoded frame|concealing/

/** How a connection's ffmpeg ended. */
export interface Ending {
  readonly hadFrames: boolean
  /** Where nobody asked it to end. */
  readonly signal: NodeJS.Signals | null
}

/** Why a connection came to nothing, from what ffmpeg last said. */
export function failure(
  said: readonly string[],
  address: LiveAddress,
  { hadFrames, signal }: Ending,
): StanflowError {
  const lines = said.filter((line) => !CHATTER.test(line)).map((line) => redacted(line, address))
  const text = lines.join('\n')
  const cause = text === '' ? {} : { cause: text.slice(-2000) }
  if (signal !== null)
    return new StanflowError('MEDIA_CRASH', `${address.shown}: ffmpeg ended with ${signal}`, cause)
  const known = MEANINGS.find(([pattern]) => pattern.test(text))
  const code = known?.[1] ?? (hadFrames ? 'CAMERA_ENDED' : 'CAMERA_FAILED')
  const line = lines.find((one) => known?.[0].test(one) ?? /^\[/.test(one)) ?? lines.at(-1)
  const why = line === undefined ? '' : `: ${line.replace(/^\[[^\]]*\] /, '').trim()}`
  const what = hadFrames ? 'the stream ended' : 'it does not open'
  return new StanflowError(code, `${address.shown}: ${what}${why}`, cause)
}
