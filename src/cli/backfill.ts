import type { Command } from 'commander'
import type { BackfillSummary } from '../../pipelines/backfill.js'
import type { Config } from '../config/schema.js'
import { type Plan, planJson, planLine, planSummary } from './dry-run.js'
import { backfillOptions } from './job.js'
import { runBackfill, type Told } from './run-backfill.js'
import { addSettings, readSettings, SETTINGS_HELP } from './settings.js'
import { summaryJson, summaryText } from './summary.js'

const EXAMPLES = `
Examples:
  stanflow backfill videos/ --to out
  stanflow backfill "archive/**/*.mp4" more.txt --to out --labels labels.txt --report out/report.html
  stanflow backfill match.mkv --to out --sample window --window 4s --stride 2s --labels "a goal, a foul" --top 2
  stanflow backfill s3://archive/cameras --to s3://archive/stanflow --since 36h --shard 0/4
  stanflow backfill videos/ --to out --json 2>/dev/null | jq .failed
  stanflow backfill archive/ --to out --listen :9464 &  curl -s --retry 9 --retry-connrefused localhost:9464/metrics

Running the same command again does only what is missing or changed. Ctrl-C finishes what is in flight and stores it.
It ends with 0 where a video was done, now or before; with 1 where all failed, and with --strict where any did. Stopped by
a signal it ends with 0 too, or as --stopped-status says: whoever starts it again then knows that there is more to do.
`

export function addBackfillCommand(program: Command): void {
  addSettings(program.command('backfill'))
    .description('turn videos into labelled clip embeddings')
    .argument(
      '<inputs...>',
      'videos, folders, globs, s3://bucket/prefix, .txt lists (a path a line), .jsonl lists ({"path": …} a line)',
    )
    .addHelpText('after', SETTINGS_HELP)
    .addHelpText('after', EXAMPLES)
    .action((inputs: string[], _options, command: Command) => run(inputs, command))
}

async function run(inputs: readonly string[], command: Command): Promise<void> {
  const settings = await readSettings(command)
  const { json, strict, report, dryRun, stoppedStatus } = settings.config
  const options = await backfillOptions(inputs, settings)
  const plans: object[] = []
  const onPlan = (plan: Plan): void => {
    if (json) plans.push(planJson(plan))
    else process.stdout.write(`${planLine(plan)}\n`)
  }
  const summary = await seen(settings.config, (told) => runBackfill(options, { ...told, json, onPlan }))
  let page: string | undefined
  try {
    if (report !== undefined && !dryRun && !summary.drained) {
      const { writeReport } = await import('../../pipelines/report.js')
      const recipe = { modelDigest: summary.modelDigest, sampling: options.sampling }
      await writeReport(options.to, report, {
        recipe,
        notes: summary.notes,
        ...(options.s3 !== undefined && { s3: options.s3 }),
      })
      page = report
    }
  } finally {
    // What was done is told even where the page could not be written.
    const more = { ...(dryRun && { plans }), ...(page !== undefined && { report: page }) }
    // Notes were said at the start.
    const text = dryRun ? planSummary(summary) : summaryText({ ...summary, notes: [] }, page)
    process.stdout.write(`${json ? summaryJson(summary, more) : text}\n`)
  }
  if ((strict && summary.failed > 0) || isFruitless(summary)) process.exitCode = 1
  else if (summary.drained) process.exitCode = stoppedStatus
}

/** Runs it under the eyes of those who operate it, where `--listen` asks for that. */
async function seen<T>(
  config: Config,
  job: (told: Pick<Told, 'metrics' | 'onReady'>) => Promise<T>,
): Promise<T> {
  if (config.listen === undefined) return job({})
  const { openStatus } = await import('./status.js')
  let isReady = false
  const { metrics, address, close } = await openStatus('backfill', config, {
    failing: () => undefined,
    waiting: () => (isReady ? undefined : 'the model is being loaded'),
  })
  process.stderr.write(
    config.json
      ? `${JSON.stringify({ event: 'serving', address })}\n`
      : `serving /metrics, /healthz and /readyz at ${address}\n`,
  )
  try {
    return await job({
      metrics,
      onReady: () => {
        isReady = true
      },
    })
  } finally {
    await close()
  }
}

/** Where every single video failed there is no success to speak of; some failures among others are dead letters. */
function isFruitless({ done, skipped, failed, drained }: BackfillSummary): boolean {
  return !drained && failed > 0 && done + skipped === 0
}
