import { dirname, join } from 'node:path'
import type { Command } from 'commander'
import type { Evaluation } from '../../pipelines/evaluate.js'
import type { ConfigKey } from '../config/schema.js'
import type { Retrieval } from '../evaluate/metrics.js'
import { PUBLISHED_RESULTS } from '../model/published.js'
import { JsonReporter } from './events.js'
import { plural, printable, table } from './format.js'
import { progressReporter } from './progress.js'
import { addSettings, readSettings } from './settings.js'
import { drainOnSignals } from './signals.js'

const KEYS: readonly ConfigKey[] = [
  ...(['model', 'branch', 'structure', 'engine', 'device', 'deviceId', 'precision', 'calibration'] as const),
  ...(['frames', 'prompts', 'root', 'batch', 'concurrency', 'reader', 'json'] as const),
]

const EXAMPLES = `
Examples:
  stanflow evaluate captions.jsonl --model ~/models/stan-b32
  stanflow evaluate test.csv --root videos/ --structure mean
  stanflow scenes --to scenes --count 256 && stanflow evaluate scenes/captions.jsonl --json

A line of .jsonl is {"path": "a.mp4", "text": "a dog runs"}, or with "label" for recognition; a .csv has these as columns.
A video may have several lines. Embeddings are kept in --cache: the same videos are not computed twice.
`

interface Flags {
  readonly cache?: string
  readonly confusion?: boolean
}

export function addEvaluateCommand(program: Command): void {
  addSettings(program.command('evaluate'), KEYS)
    .description('measure a model on videos with captions or labels')
    .argument('<data>', 'a .jsonl or .csv of videos with text or label')
    .option('--cache <folder>', 'where embeddings are kept (default: .stanflow-cache beside the data)')
    .option('--confusion', 'print which class was taken for which')
    .addHelpText('after', EXAMPLES)
    .action((data: string, flags: Flags, command: Command) => run(data, flags, command))
}

async function run(data: string, flags: Flags, command: Command): Promise<void> {
  const { config } = await readSettings(command)
  const { json } = config
  const { model, structure, engine, device, precision, prompts, batch, concurrency, reader } = config
  const reporter = json ? new JsonReporter(process.stderr) : progressReporter(process.stderr)
  const drain = drainOnSignals(
    () => reporter.stopping(),
    () => reporter.end(),
  )
  let evaluation: Evaluation
  try {
    const { evaluate } = await import('../../pipelines/evaluate.js')
    evaluation = await evaluate(
      {
        ...{ data, model, structure, engine, device, precision, prompts, batch, concurrency, reader },
        ...(config.branch !== undefined && { branch: config.branch }),
        ...(config.deviceId !== undefined && { deviceId: config.deviceId }),
        ...(config.calibration !== undefined && { calibration: config.calibration }),
        ...(config.root !== undefined && { root: config.root }),
        cache: flags.cache ?? join(dirname(data), '.stanflow-cache'),
        sampling: { kind: 'uniform', frames: config.frames },
      },
      {
        signal: drain.signal,
        onStart: (about) => reporter.started(about),
        onProgress: (progress) => reporter.progress(progress),
        onDeadLetter: (letter) => reporter.failed?.(letter),
      },
    )
  } finally {
    reporter.end()
    drain.release()
  }
  if (!evaluation.complete) process.exitCode = 130
  process.stdout.write(
    json
      ? `${JSON.stringify({ ...evaluation, published: PUBLISHED_RESULTS })}\n`
      : `${text(evaluation, flags)}\n`,
  )
}

const percent = (share: number | undefined): string => (share === undefined ? '' : (100 * share).toFixed(1))

function text(evaluation: Evaluation, { confusion = false }: Flags): string {
  const { videos, failed, cached, retrieval, recognition, order, notes, model, complete } = evaluation
  if (!complete) return 'stopped; run the same command again to go on'
  const lines = [
    `${printable(model)}: ${plural(videos, 'video')}, ${cached} from the cache, ${failed.length} failed`,
  ]
  if (retrieval !== undefined) {
    const row = (name: string, of: Retrieval): string[] => {
      const { queries, candidates, r1, r5, r10, medianRank, meanRank } = of
      const shares = [r1, r5, r10].map(percent)
      return [name, `${queries} among ${candidates}`, ...shares, medianRank.toFixed(1), meanRank.toFixed(1)]
    }
    const head = ['retrieval', '', 'R@1', 'R@5', 'R@10', 'MdR', 'MnR']
    const rows = [
      row('text to video', retrieval.textToVideo),
      row('video to text', retrieval.videoToText),
      row('text to video, dual softmax', retrieval.textToVideoDual),
      row('video to text, dual softmax', retrieval.videoToTextDual),
    ]
    lines.push('', ...table([head, ...rows], [2, 3, 4, 5, 6]))
  }
  if (recognition !== undefined) {
    const { top1, top5, classes } = recognition
    lines.push('', `recognition  top-1 ${percent(top1)}, top-5 ${percent(top5)}`)
    const rows = classes.map(({ label, count, top1: share }) => [
      printable(label),
      String(count),
      percent(share),
    ])
    lines.push(...table([['class', 'videos', 'top-1'], ...rows], [1, 2]))
    if (confusion) lines.push('', ...confusionTable(recognition))
  }
  if (order !== undefined)
    lines.push('', `order pairs  ${percent(order.right)} of ${plural(order.videos, 'video')}`)
  lines.push('', 'published, on other data:', ...publishedTable(), ...notes.map((note) => `note: ${note}`))
  return lines.join('\n')
}

function confusionTable({ classes, confusion }: NonNullable<Evaluation['recognition']>): string[] {
  const rows = classes.flatMap(({ label }, truth) =>
    classes.flatMap(({ label: answer }, n) => {
      const count = confusion[truth]?.[n] ?? 0
      return n === truth || count === 0 ? [] : [{ label, answer, count }]
    }),
  )
  rows.sort((a, b) => b.count - a.count)
  const told = rows.map(({ label, answer, count }) => [printable(label), printable(answer), String(count)])
  return table([['is', 'was taken for', 'videos'], ...told], [2])
}

function publishedTable(): string[] {
  const rows = PUBLISHED_RESULTS.map(({ model, msrvtt, didemo, lsmdc, k400, ssv2 }) => [
    model,
    ...[msrvtt, didemo, lsmdc, k400, ssv2].map((share) => share?.toFixed(1) ?? ''),
  ])
  const head = ['model', 'MSR-VTT R@1', 'DiDeMo R@1', 'LSMDC R@1', 'K400 top-1', 'SSv2 top-1']
  return table([head, ...rows], [1, 2, 3, 4, 5])
}
