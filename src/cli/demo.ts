import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { type Command, Option } from 'commander'
import type { BackfillOptions, BackfillSummary } from '../../pipelines/backfill.js'
import { type ConfigKey, DEFAULTS } from '../config/schema.js'
import type { Sampling } from '../domain.js'
import { DEMO_SET, labelsOf, taskScenes } from '../scenes/sets.js'
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

const UNIFORM: Sampling = { kind: 'uniform', frames: 12 }
/** Short enough that every scene has a timeline. */
const WINDOW: Sampling = { kind: 'window', frames: 12, length: 1, stride: 0.5 }

const EXAMPLES = `
Examples:
  stanflow demo
  stanflow demo --to /tmp/demo --model ~/models/clip-vit-base-patch32
`

const REPEATED = 'All of it was there from an earlier run; with another --to folder it is computed anew.'

/** A demo video with what the model says of it. */
interface Verdict {
  readonly source: string
  readonly label: string
  /** 0..1 */
  readonly score: number
  /** Whether that is what the video shows. */
  readonly right: boolean
}

interface Outcome {
  readonly verdicts: readonly Verdict[]
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
  const uniform = await runBackfill(options, { json, notes: false })
  const runs: Record<string, BackfillSummary> = { uniform }
  if (!uniform.drained) {
    runs.window = await runBackfill({ ...options, sampling: WINDOW }, { json, opening: false })
  }
  const verdicts = await readVerdicts(
    uniform,
    scenes.map(({ caption }) => caption.text),
  )

  const page = join(to, 'report.html')
  const { writeReport } = await import('../../pipelines/report.js')
  await writeReport(results, page, { notes: uniform.notes })
  if (json) process.stdout.write(`${JSON.stringify({ videos: verdicts, runs, report: page })}\n`)
  else process.stdout.write(`${text({ verdicts, runs, rendering, page })}\n`)
}

async function readVerdicts(
  { to, modelDigest }: BackfillSummary,
  captions: readonly string[],
): Promise<readonly Verdict[]> {
  const { readResults } = await import('../connect/files/results.js')
  const { Folder } = await import('../connect/files/folder-blobs.js')
  const verdicts: Verdict[] = []
  const recipe = { modelDigest, sampling: UNIFORM }
  for await (const { source, clips } of readResults(new Folder(to), { recipe })) {
    const best = clips[0]?.labels[0]
    if (best === undefined) continue
    const { label, score } = best
    verdicts.push({ source, label, score, right: label === captions[Number.parseInt(source, 10) - 1] })
  }
  return verdicts.sort((a, b) => a.source.localeCompare(b.source))
}

function text({ verdicts, runs, rendering, page }: Outcome): string {
  const rows = verdicts.map(({ source, label, score, right }) => {
    return [printable(source), label, score.toFixed(2), right ? 'yes' : 'no']
  })
  const summaries = Object.entries(runs)
  const notes = new Set(summaries.flatMap(([, summary]) => summary.notes))
  return [
    ...table([['video', 'best label', 'score', 'right'], ...rows], [2]),
    `${verdicts.filter(({ right }) => right).length} of ${verdicts.length} right`,
    '',
    `rendering  ${formatDuration(rendering)}`,
    ...summaries.map(([sample, summary]) => `${sample.padEnd(9)}  ${runLine(summary)}`),
    `report     ${printable(page)}`,
    ...(summaries.some(([, { done, failed }]) => done + failed > 0) ? [] : [REPEATED]),
    ...[...notes].map((note) => `note: ${note}`),
  ].join('\n')
}

function runLine({ done, skipped, failed, clips, seconds }: BackfillSummary): string {
  const counts = [plural(done, 'video'), plural(clips, 'clip'), `${skipped} done before`, `${failed} failed`]
  return `${formatDuration(seconds)}: ${counts.join(', ')}`
}
