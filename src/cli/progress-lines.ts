import { styleText } from 'node:util'
import type { BackfillProgress } from '../../pipelines/backfill.js'
import { formatCount, formatDuration, formatRate, plural } from './format.js'
import { handled, type Pace } from './rates.js'

const BAR_WIDTH = 30

export interface Look {
  /** Columns of the terminal. */
  readonly width: number
  readonly colour: boolean
  /** A signal came; what is in flight is being finished. */
  readonly stopping: boolean
}

/** The two lines that are redrawn on a terminal; what does not fit is left out, the least needed first. */
export function drawnLines(progress: BackfillProgress, pace: Pace, look: Look): readonly [string, string] {
  const { failed, skipped, seconds } = progress
  const paint = (format: 'red' | 'yellow', text: string) =>
    look.colour ? styleText(format, text, { validateStream: false }) : text
  const first = [
    { text: counted(progress) },
    ...(failed > 0 ? [{ text: `${formatCount(failed)} failed`, format: 'red' as const }] : []),
    ...(skipped > 0 ? [{ text: `${formatCount(skipped)} skipped` }] : []),
  ]
  const busy = [
    { text: `${formatRate(pace.clipsPerSecond)} clips/s` },
    ...(look.stopping ? [{ text: 'stopping', format: 'yellow' as const }] : [{ text: eta(progress, pace) }]),
    { text: `${formatRate(pace.framesPerSecond)} frames/s` },
    { text: `${formatDuration(seconds)} so far` },
  ]
  const second = isNothingLeft(progress) ? [{ text: NOTHING_LEFT }] : busy
  const join = (parts: readonly Part[], width: number) =>
    fitting(parts, width)
      .map(({ text, format }) => (format ? paint(format, text) : text))
      .join(SEPARATOR)
  const barWidth = Math.min(BAR_WIDTH, Math.floor(look.width / 3))
  const line = join(first, look.width - barWidth - 2)
  return [
    barWidth < 5 ? join(first, look.width - 1) : `${bar(fraction(progress), barWidth)} ${line}`,
    join(second, look.width - 1),
  ]
}

/** One line for a log. */
export function plainLine(progress: BackfillProgress, pace: Pace, stopping = false): string {
  const { failed, skipped, clips, seconds } = progress
  if (isNothingLeft(progress)) return `${plural(skipped, 'video')} skipped${SEPARATOR}${NOTHING_LEFT}`
  return [
    counted(progress),
    `${formatCount(failed)} failed`,
    ...(skipped > 0 ? [`${formatCount(skipped)} skipped`] : []),
    plural(clips, 'clip'),
    `${formatRate(pace.clipsPerSecond)} clips/s`,
    `${formatRate(pace.framesPerSecond)} frames/s`,
    `${formatDuration(seconds)} so far`,
    stopping ? 'stopping' : eta(progress, pace),
  ].join(SEPARATOR)
}

/** `fraction` of `width` columns filled, to an eighth of a column. */
export function bar(fraction: number, width: number): string {
  const eighths = Math.round(Math.min(Math.max(fraction, 0), 1) * width * 8)
  const full = Math.floor(eighths / 8)
  const part = eighths % 8 === 0 ? '' : (' ▏▎▍▌▋▊▉'[eighths % 8] ?? '')
  return `${'█'.repeat(full)}${part}`.padEnd(width, '░')
}

interface Part {
  readonly text: string
  readonly format?: 'red' | 'yellow'
}

const SEPARATOR = '  '

function fitting(parts: readonly Part[], width: number): readonly Part[] {
  let used = -SEPARATOR.length
  return parts.filter(({ text }) => {
    const wider = used + SEPARATOR.length + text.length
    if (wider <= width) used = wider
    return wider <= width
  })
}

/** `12/100 videos`; `12/40… videos` while more are being found. What earlier runs did does not count. */
function counted(progress: BackfillProgress): string {
  const { found, skipped, listed } = progress
  return `${formatCount(handled(progress))}/${formatCount(found - skipped)}${listed ? '' : '…'} videos`
}

function fraction(progress: BackfillProgress): number {
  const wanted = progress.found - progress.skipped
  return wanted > 0 ? handled(progress) / wanted : Number(isNothingLeft(progress))
}

const NOTHING_LEFT = 'nothing left to do'

/** Earlier runs did it all: no rate has a meaning. */
const isNothingLeft = ({ found, skipped, listed }: BackfillProgress): boolean => listed && found === skipped

function eta({ listed }: BackfillProgress, { eta: seconds }: Pace): string {
  if (seconds !== undefined) return `ETA ${formatDuration(Math.ceil(seconds))}`
  return listed ? 'ETA …' : 'still listing'
}
