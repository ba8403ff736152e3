import { join } from 'node:path'
import { type Command, Option } from 'commander'
import type { BackfillOptions, BackfillSummary } from '../../pipelines/backfill.js'
import { type ConfigKey, DEFAULTS } from '../config/schema.js'
import type { Sampling } from '../domain.js'
import { formatDuration, plural, printable, table } from './format.js'
import { backfillOptions } from './job.js'
import { runBackfill } from './run-backfill.js'
import { addSettings, readSettings } from './settings.js'

/** What the demo takes from flags, environment and file; all else is at its default. */
const KEYS: readonly ConfigKey[] = ['model', 'branch', 'structure', 'reader', 'batch', 'concurrency', 'json']

const UNIFORM: Sampling = { kind: 'uniform', frames: 12 }
/** Short enough that every scene has a timeline. */
const WINDOW: Sampling = { kind: 'window', frames: 12, length: 1, stride: 0.5 }

const EXAMPLES = `
Examples:
  stanflow demo
  stanflow demo --to /tmp/demo --model ~/models/clip-vit-base-patch32
`

/** A demo video with what the model says of it. */
interface Verdict {
  readonly source: string
  readonly label: string
  /** 0..1 */
  readonly score: number
}

interface Outcome {
  readonly uniform: BackfillSummary
  readonly windows: BackfillSummary
  readonly page: string
  /** Seconds. */
  readonly rendering: number
}

export function addDemoCommand(program: Command): void {
  const to = new Option('--to <folder>', 'where videos, results and the page go').default('demo')
  addSettings(program.command('demo').addOption(to.helpGroup('Results:')), KEYS)
    .description('render a few small videos, backfill them and show what came out')
    .addHelpText('after', EXAMPLES)
    .action((_options, command: Command) => demo(command))
}

async function demo(command: Command): Promise<void> {
  const { config, origins } = await readSettings(command)
  const { to = 'demo', json } = config
  const kept = Object.fromEntries(KEYS.map((key) => [key, config[key]]))
  const { DEMO_SCENES, renderDemoScenes } = await import('../media/scenes.js')
  const say = (line: string) => process.stderr.write(json ? '' : `${line}\n`)

  const started = performance.now()
  const videos = join(to, 'videos')
  await renderDemoScenes(videos, (file) => say(`rendering ${file}`))
  const rendering = (performance.now() - started) / 1000

  const results = join(to, 'results')
  const labels = [...new Set(DEMO_SCENES.map(({ caption }) => caption))]
  const settings = { config: { ...DEFAULTS, ...kept, labels, to: results, root: videos }, origins }
  const options: BackfillOptions = { ...(await backfillOptions([videos], settings)), sampling: UNIFORM }
  const uniform = await runBackfill(options, { json })
  const windows = await runBackfill({ ...options, sampling: WINDOW }, { json, opening: false })
  const verdicts = await readVerdicts(uniform)

  const page = join(to, 'report.html')
  const { writeReport } = await import('../../pipelines/report.js')
  await writeReport(results, page)
  if (json) process.stdout.write(`${JSON.stringify({ videos: verdicts, uniform, windows, report: page })}\n`)
  else process.stdout.write(`${text(verdicts, { uniform, windows, rendering, page })}\n`)
}

async function readVerdicts({ to, modelDigest }: BackfillSummary): Promise<readonly Verdict[]> {
  const { readResults } = await import('../connect/files/results.js')
  const verdicts: Verdict[] = []
  for await (const { source, clips } of readResults(to, { recipe: { modelDigest, sampling: UNIFORM } })) {
    const best = clips[0]?.labels[0]
    if (best !== undefined) verdicts.push({ source, label: best.label, score: best.score })
  }
  return verdicts.sort((a, b) => a.source.localeCompare(b.source))
}

function text(verdicts: readonly Verdict[], { uniform, windows, rendering, page }: Outcome): string {
  const rows = verdicts.map(({ source, label, score }) => [printable(source), label, score.toFixed(2)])
  return [
    ...table([['video', 'best label', 'score'], ...rows], [2]),
    '',
    `rendered in ${formatDuration(rendering)}`,
    runLine('whole videos', uniform),
    runLine('windows', windows),
    ...uniform.notes.map((note) => `note: ${note}`),
    `report: ${printable(page)}`,
  ].join('\n')
}

function runLine(name: string, { done, skipped, failed, clips, seconds }: BackfillSummary): string {
  const before = skipped > 0 ? `, ${skipped} done before` : ''
  return `${name}: ${plural(done, 'video')}, ${plural(clips, 'clip')} in ${formatDuration(seconds)}, ${failed} failed${before}`
}
