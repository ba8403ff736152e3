import type { BackfillSummary } from '../../pipelines/backfill.js'
import type { DeadLetter } from '../connect/store.js'
import type { ErrorCode } from '../errors.js'
import { formatBytes, formatCount, formatDuration, formatRate, plural, printable, table } from './format.js'

const EXAMPLES_SHOWN = 10

/** What a backfill did, for people: counts, where, failures by code, what to do next. */
export function summaryText(summary: BackfillSummary, report?: string): string {
  const {
    found,
    done,
    skipped,
    relabelled,
    failed,
    clips,
    frames,
    fetchedBytes,
    seconds,
    to,
    drained,
    notes,
  } = summary
  const rows = [
    ['found', formatCount(found), found === 1 ? 'video' : 'videos'],
    ['done', formatCount(done)],
    ['skipped', formatCount(skipped), ...(skipped > 0 ? ['done before'] : [])],
    ...(relabelled > 0 ? [['relabelled', formatCount(relabelled), 'clips, from their stored vectors']] : []),
    ['failed', formatCount(failed)],
    ['clips', formatCount(clips), ...(clips > 0 ? [`${formatRate(rate(clips, seconds))} clips/s`] : [])],
    ['frames', formatCount(frames), ...(clips > 0 ? [`${formatRate(rate(frames, seconds))} frames/s`] : [])],
    ...(fetchedBytes > 0 ? [['read', formatBytes(fetchedBytes), 'from S3']] : []),
    ['time', formatDuration(seconds)],
  ]
  return [
    ...table(rows, [1]),
    `where    ${printable(to)}`,
    ...(report === undefined ? [] : [`report   ${printable(report)}`]),
    ...failures(summary),
    ...(drained ? ['Stopped early; the same command goes on where this run ended.'] : []),
    ...notes.map((note) => `note: ${note}`),
  ].join('\n')
}

/** The summary as scripts get it. */
export function summaryJson(summary: BackfillSummary, more: object = {}): string {
  const { clips, frames, seconds } = summary
  return JSON.stringify(
    { ...summary, clipsPerSecond: rate(clips, seconds), framesPerSecond: rate(frames, seconds), ...more },
    null,
    2,
  )
}

const rate = (count: number, seconds: number): number => (seconds > 0 ? count / seconds : 0)

/** What stays as it is until somebody does something about the file. */
const LASTING: ReadonlySet<string> = new Set<ErrorCode>([
  'INPUT_EMPTY',
  'INPUT_NOT_A_FILE',
  'MEDIA_NOT_VIDEO',
  'MEDIA_NO_VIDEO_STREAM',
  'MEDIA_STILL_IMAGE',
  'MEDIA_TOO_SHORT',
  'MEDIA_TRUNCATED',
  'MEDIA_DECODE',
])

function failures({ deadLetters, deadLetterFile }: BackfillSummary): string[] {
  if (deadLetters.length === 0) return []
  const lines = ['']
  for (const [code, letters] of byCode(deadLetters)) {
    lines.push(`${code}  ${plural(letters.length, 'video')}: ${letters[0]?.hint ?? ''}`)
    for (const { source, message } of letters.slice(0, EXAMPLES_SHOWN)) {
      lines.push(`  ${printable(source)}  ${printable(message)}`)
    }
    const rest = letters.length - EXAMPLES_SHOWN
    if (rest > 0) lines.push(`  and ${formatCount(rest)} more`)
  }
  return [
    ...lines,
    `all of them: ${printable(deadLetterFile)}`,
    deadLetters.every(({ code }) => LASTING.has(code))
      ? 'once they are repaired or replaced, the same command takes them up'
      : 'retry: run the same command again',
    '',
  ]
}

/** Most frequent first. */
function byCode(letters: readonly DeadLetter[]): [string, DeadLetter[]][] {
  const groups = new Map<string, DeadLetter[]>()
  for (const letter of letters) groups.set(letter.code, [...(groups.get(letter.code) ?? []), letter])
  return [...groups].sort(([, a], [, b]) => b.length - a.length)
}
