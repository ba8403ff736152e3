import { join } from 'node:path'
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { Evaluation } from '../../pipelines/evaluate.js'
import type { ConfigKey } from '../config/schema.js'
import { VIEW_COUNTS, type ViewCount } from '../evaluate/plan.js'
import { publishedOn } from '../evaluate/published.js'
import { PUBLISHED_RESULTS } from '../model/published.js'
import { SIMILARITY_NAMES, type SimilarityName } from '../model/similarity/similarities.js'
import { setLine } from './data-lines.js'
import { evaluationText } from './evaluation-text.js'
import { JsonReporter } from './events.js'
import { printable } from './format.js'
import { progressReporter } from './progress.js'
import { addSettings, readSettings } from './settings.js'
import { drainOnSignals, STOPPED_CODE } from './signals.js'

const KEYS: readonly ConfigKey[] = [
  ...(['model', 'branch', 'structure', 'engine', 'device', 'deviceId', 'precision', 'calibration'] as const),
  ...(['frames', 'prompts', 'root', 'batch', 'concurrency', 'reader', 'strict', 'json'] as const),
]

const EXAMPLES = `
Examples:
  stanflow evaluate captions.jsonl --model ~/models/stan-b32
  stanflow evaluate msrvtt:data/msrvtt --root data/msrvtt/videos --model models/stan-b32 --similarity cosine,mug
  stanflow evaluate kinetics:data/k400 --views 3 --report k400.html --confusion-svg k400.svg
  stanflow scenes --to scenes --count 256 && stanflow evaluate scenes/captions.jsonl --json

Data sets as they are published: msrvtt:FOLDER (1k-A; --split train, full-test, …), didemo:FOLDER (paragraphs), lsmdc:FOLDER,
kinetics:FOLDER, ssv2:FOLDER. Your own: a line of .jsonl is {"path": "a.mp4", "text": "a dog runs"}, or with "label" for
recognition; a .csv has these as columns. A video may have several lines. See docs/evaluation.md.

Videos that are missing and lines that cannot be read are counted, listed and left out; with --strict the command then fails. Embeddings are kept in --cache: no video is computed twice, whatever it
is compared by.
`

interface Flags {
  readonly cache?: string
  readonly split?: string
  readonly similarity: readonly SimilarityName[]
  readonly views: ViewCount
  readonly report?: string
  readonly confusion?: boolean
  readonly confusionSvg?: string
}

export function addEvaluateCommand(program: Command): void {
  addSettings(program.command('evaluate'), KEYS)
    .description('measure a model on videos with captions or classes')
    .argument('<data>', 'KIND:FOLDER, or a .jsonl or .csv of videos with text or label')
    .addOption(
      new Option(
        '--split <name>',
        'which part of the data (default: the one that papers report on)',
      ).helpGroup('Videos:'),
    )
    .addOption(
      new Option('--similarity <list>', `how texts and videos are compared: ${SIMILARITY_NAMES.join(', ')}`)
        .argParser(similarities)
        .default(['cosine'], 'cosine')
        .helpGroup('Clips:'),
    )
    .addOption(
      new Option('--views <n>', 'spatial crops whose answers are averaged in recognition, 1 or 3')
        .argParser(views)
        .default(1)
        .helpGroup('Clips:'),
    )
    .addOption(
      new Option('--report <file>', 'write a page with scores and the worst mistakes (.html)').helpGroup(
        'Results:',
      ),
    )
    .addOption(new Option('--confusion', 'print which class was taken for which').helpGroup('Results:'))
    .addOption(new Option('--confusion-svg <file>', 'draw that as a picture').helpGroup('Results:'))
    .addOption(
      new Option(
        '--cache <folder>',
        'where embeddings are kept (default: .stanflow-cache beside the data)',
      ).helpGroup('Results:'),
    )
    .addHelpText('after', EXAMPLES)
    .action((data: string, flags: Flags, command: Command) => run(data, flags, command))
}

function similarities(list: string): SimilarityName[] {
  const names = list.split(',').map((name) => name.trim())
  return [...new Set(names)].map((name) => {
    const known = SIMILARITY_NAMES.find((similarity) => similarity === name)
    if (known === undefined) throw new InvalidArgumentError(`It is of ${SIMILARITY_NAMES.join(', ')}.`)
    return known
  })
}

function views(value: string): ViewCount {
  const count = VIEW_COUNTS.find((known) => String(known) === value)
  if (count === undefined) throw new InvalidArgumentError(`It is ${VIEW_COUNTS.join(' or ')}.`)
  return count
}

async function run(data: string, flags: Flags, command: Command): Promise<void> {
  const { config } = await readSettings(command, ['split', 'report'])
  const { json, strict } = config
  const { model, structure, engine, device, precision, prompts, batch, concurrency, reader, frames } = config
  let isLoading = true
  const reporter = json ? new JsonReporter(process.stderr) : progressReporter(process.stderr)
  const drain = drainOnSignals(
    () => reporter.stopping(),
    () => reporter.end(),
    () => isLoading,
  )
  const print = (text: string): boolean => process.stdout.write(`${text}\n`)
  let isTold = false
  const tell = (scored: Evaluation): void => {
    isTold = true
    reporter.end()
    print(json ? evaluationJson(scored) : evaluationText(scored, { confusion: flags.confusion ?? false }))
  }
  let evaluation: Evaluation
  try {
    const { checkWritable } = await import('../connect/files/writable.js')
    if (flags.confusionSvg !== undefined) await checkWritable(flags.confusionSvg)
    const { evaluate } = await import('../../pipelines/evaluate.js')
    const { folderOfDataSet } = await import('../datasets/datasets.js')
    evaluation = await evaluate(
      {
        ...{ data, model, structure, engine, device, precision, prompts, batch, concurrency, reader, frames },
        ...(config.branch !== undefined && { branch: config.branch }),
        ...(config.deviceId !== undefined && { deviceId: config.deviceId }),
        ...(config.calibration !== undefined && { calibration: config.calibration }),
        ...(config.root !== undefined && { root: config.root }),
        ...(flags.report !== undefined && { report: flags.report }),
        ...(flags.split !== undefined && { split: flags.split }),
        similarities: flags.similarity,
        views: flags.views,
        cache: flags.cache ?? join(await folderOfDataSet(data), '.stanflow-cache'),
      },
      {
        signal: drain.signal,
        onData: (set) => {
          if (!json) process.stderr.write(`${setLine(set)}\n`)
        },
        // Notes stand once, with the results.
        onStart: (about) => {
          isLoading = false
          reporter.started(json ? about : { ...about, notes: [] })
        },
        onProgress: (progress) => reporter.progress(progress),
        onStep: (what) => {
          reporter.end()
          if (!json) process.stderr.write(`${what} ...\n`)
        },
        onScores: tell,
        onFailure: (failed) => reporter.failed?.({ ...failed, source: failed.path }),
      },
    )
  } finally {
    reporter.end()
    drain.release()
  }
  // One document on stdout: where a signal came while the report was drawn, the scores have been told.
  if (!evaluation.complete && !(json && isTold)) tell(evaluation)
  else if (!json && evaluation.report !== undefined) print(`\nreport ${printable(evaluation.report)}`)
  await drawConfusion(evaluation, flags.confusionSvg)
  if (!evaluation.complete) process.exitCode = STOPPED_CODE
  else if (strict && isPartial(evaluation)) process.exitCode = 1
}

const isPartial = ({ missing, failed, broken }: Evaluation): boolean =>
  missing.length + failed.length + broken.length > 0

/** Items of mistakes are named by their paths. */
function evaluationJson(evaluation: Evaluation): string {
  const { kind, split } = evaluation
  const here = publishedOn(kind, split)
  const published = here.length > 0 ? here : PUBLISHED_RESULTS
  const brief = (key: string, value: unknown): unknown =>
    key === 'item' && typeof value === 'object' && value !== null && 'path' in value ? value.path : value
  return JSON.stringify({ ...evaluation, published }, brief)
}

const LOOK = { paper: '#ffffff', ink: '#1d1f22' }

async function drawConfusion({ recognition }: Evaluation, file: string | undefined): Promise<void> {
  if (file === undefined || recognition === undefined) return
  const { confusionSvg } = await import('../report/confusion.js')
  const { writeWhole } = await import('../connect/files/atomic.js')
  await writeWhole(file, confusionSvg(recognition, LOOK))
}
