import type { BackfillHooks, BackfillOptions, BackfillSummary } from '../../pipelines/backfill.js'
import type { Metrics } from '../telemetry/metrics.js'
import { JsonReporter } from './events.js'
import { printable } from './format.js'
import { progressReporter } from './progress.js'
import { drainOnSignals } from './signals.js'

/** A model that loads for longer than this is spoken of. */
const PATIENCE_MS = 3000

export interface Told {
  readonly json: boolean
  /** Whether to say which model, engine and reader work. Default true. */
  readonly opening?: boolean
  /** A line before the progress, where one command runs several. */
  readonly heading?: string
  /** Whether to say the model's notes with it; a caller may say them at the end. Default true. */
  readonly notes?: boolean
  readonly onPlan?: NonNullable<BackfillHooks['onPlan']>
  readonly metrics?: Metrics
  /** The model is there, and work begins. */
  readonly onReady?: () => void
}

/** Runs a backfill with its progress on stderr; the first SIGINT or SIGTERM ends it in order. */
export async function runBackfill(options: BackfillOptions, told: Told): Promise<BackfillSummary> {
  const { json, opening = true, heading, notes = true, onPlan, metrics, onReady } = told
  let isLoading = true
  const reporter = json ? new JsonReporter(process.stderr) : progressReporter(process.stderr)
  const drain = drainOnSignals(
    () => reporter.stopping(),
    () => reporter.end(),
    // A model that loads cannot be interrupted, and nothing has been begun that must be finished.
    () => isLoading,
  )
  const loading = setTimeout(() => {
    if (!json) process.stderr.write(`loading model ${printable(options.model)} ...\n`)
  }, PATIENCE_MS)
  try {
    // Loaded late: --help and --version need no model runtime.
    const { backfill } = await import('../../pipelines/backfill.js')
    const summary = await backfill(options, {
      signal: drain.signal,
      onStart: (about) => {
        clearTimeout(loading)
        isLoading = false
        onReady?.()
        if (opening) reporter.started(notes ? about : { ...about, notes: [] })
        if (heading !== undefined && !json) process.stderr.write(`${heading}\n`)
      },
      onDeadLetter: (letter) => reporter.failed?.(letter),
      ...(!options.dryRun && { onProgress: (progress) => reporter.progress(progress) }),
      ...(onPlan !== undefined && { onPlan }),
      ...(metrics !== undefined && { metrics }),
    })
    if (!json && !options.dryRun) reporter.progress(summary)
    return summary
  } finally {
    clearTimeout(loading)
    reporter.end()
    drain.release()
  }
}
