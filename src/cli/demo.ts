import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { type Command, Option } from 'commander'
import type { BackfillOptions, BackfillSummary } from '../../pipelines/backfill.js'
import { type ConfigKey, DEFAULTS } from '../config/schema.js'
import { DEMO_SET, labelsOf, taskScenes } from '../scenes/sets.js'
import { readVerdicts, rightOf, type Verdict } from './demo-verdicts.js'
import { formatDuration, plural, printable, table } from './format.js'
import { backfillOptions } from './job.js'
import { runBackfill } from './run-backfill.js'
import { addSettings, readSettings } from './settings.js'

/** What the demo takes from flags, environment and file; all else is at its default. */
const KEYS: readonly ConfigKey[] = [
  'model',
  'branch',
  'structure',
  'engine',
  'device',
  'deviceId',
  'precision',
  'calibration',
  'reader',
  'batch',
  'concurrency',
  'json',
]

const UNIFORM = { kind: 'uniform', frames: 12 } as const
/** Short enough that every scene has a timeline. */
const WINDOW = { kind: 'window', frames: 12, length: 1, stride: 0.5 } as const

const EXAMPLES = `
Examples:
  stanflow demo
  stanflow demo --to /tmp/demo --model ~/models/clip-vit-base-patch32
`

const REPEATED = 'All of it was there from an earlier run; with another --to folder it is computed anew.'

interface Outcome {
  readonly verdicts: readonly Verdict[]
  /** How many of them are right. */
  readonly result: string
  /** By kind of sampling. */
  readonly runs: Readonly<Record<string, BackfillSummary>>
  /** Seconds. */
  readonly rendering: number
  readonly page: string
}

export function addDemoCommand(program: Command): void {
  const to = new Option('--to <folder>', 'where videos, results and the page go').default('demo')
  addSettings(program.command('demo').addOption(to.helpGroup('Results:')), KEYS)
    .description('render a few small videos, backfill them and show what came out')
    .addHelpText('after', EXAMPLES)
    .action((_options, command: Command) => demo(command))
}

/** Pixels along a side of its videos. */
const SIDE = 320

async function demo(command: Command): Promise<void> {
  const { config, origins } = await readSettings(command)
  const { to = 'demo', json } = config
  const kept = Object.fromEntries(KEYS.map((key) => [key, config[key]]))
  const { writeScenes } = await import('../../pipelines/scenes.js')
  const say = (line: string) => process.stderr.write(json ? '' : `${line}\n`)

  const started = performance.now()
  const scenes = taskScenes(DEMO_SET.task, DEMO_SET.split, DEMO_SET.seed, DEMO_SET.count)
  // Videos of another version of stanflow have a folder of their own: theirs are no part of this demo.
  const own = join(
    to,
    `scenes-${createHash('sha256')
      .update(JSON.stringify([scenes, SIDE]))
      .digest('hex')
      .slice(0, 8)}`,
  )
  const videos = join(own, 'videos')
  await writeScenes(
    { ...DEMO_SET, side: SIDE, to: videos, telling: true },
    { onProgress: (done, of) => say(`rendered ${done} of ${of}`) },
  )
  const rendering = (performance.now() - started) / 1000

  const results = join(own, 'results')
  const labels = labelsOf(scenes)
  const settings = { config: { ...DEFAULTS, ...kept, labels, to: results, root: videos }, origins }
  const options: BackfillOptions = { ...(await backfillOptions([videos], settings)), sampling: UNIFORM }
  const uniform = await runBackfill(options, { json, notes: false, heading: 'whole videos:' })
  const runs: Record<string, BackfillSummary> = { uniform }
  if (!uniform.drained) {
    const heading = `windows of ${WINDOW.length} s:`
    runs.window = await runBackfill({ ...options, sampling: WINDOW }, { json, opening: false, heading })
  }
  const { modelDigest } = uniform
  const checked = { modelDigest, sampling: UNIFORM }
  const captions = scenes.map(({ caption }) => caption.text)
  const verdicts = await readVerdicts(results, checked, captions)
  const result = rightOf(verdicts, scenes.length)

  const page = join(to, 'report.html')
  const note = noteOf(labels.length, runs.window !== undefined)
  const { writeReport } = await import('../../pipelines/report.js')
  await writeReport(results, page, {
    notes: uniform.notes,
    title: `Demo: ${scenes.length} drawn videos`,
    order: 'name',
    recipe: runs.window === undefined ? checked : { modelDigest, sampling: WINDOW },
    ...(verdicts.length > 0 && {
      checked: { title: 'Right labels', result, note, rows: verdicts, recipe: checked },
    }),
  })
  if (json) {
    const videos = verdicts.map(({ source, label, score, right }) => ({ source, label, score, right }))
    process.stdout.write(`${JSON.stringify({ videos, runs, report: page })}\n`)
  } else process.stdout.write(`${text({ verdicts, result, runs, rendering, page })}\n`)
}

/** What the page's table is of, and how the rest differs. */
function noteOf(labels: number, windows: boolean): string {
  const whole = `One clip over each whole video, ${UNIFORM.frames} frames of it, and the best of ${labels} labels.`
  if (!windows) return whole
  return `${whole} The rest of this page is of windows of ${WINDOW.length}\u00a0s, each labelled by itself: one with little or nothing to see in it still gets whichever label is best.`
}

function text({ verdicts, result, runs, rendering, page }: Outcome): string {
  const rows = verdicts.map(({ source, label, score, right }) => {
    return [printable(source), label, score.toFixed(2), right ? 'yes' : 'no']
  })
  const summaries = Object.entries(runs)
  const notes = new Set(summaries.flatMap(([, summary]) => summary.notes))
  return [
    ...table([['video', 'best label', 'score', 'right'], ...rows], [2]),
    result,
    '',
    `rendering  ${formatDuration(rendering)}`,
    ...summaries.map(([sample, summary]) => `${sample.padEnd(9)}  ${runLine(summary)}`),
    `report     ${printable(page)}`,
    ...(summaries.some(([, { done, failed, drained }]) => drained || done + failed > 0) ? [] : [REPEATED]),
    ...[...notes].map((note) => `note: ${note}`),
  ].join('\n')
}

function runLine({ done, skipped, failed, clips, seconds }: BackfillSummary): string {
  const counts = [plural(done, 'video'), plural(clips, 'clip'), `${skipped} done before`, `${failed} failed`]
  return `${formatDuration(seconds)}: ${counts.join(', ')}`
}
