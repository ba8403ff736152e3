import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { loadLibrary } from '../src/engine/tfjs/library.js'
import { clipTokenizerJson } from '../src/model/embedded.js'
import { sceneWords } from '../src/scenes/words.js'
import { checkModelIn } from '../src/train/check.js'
import { readTrainConfig } from '../src/train/config.js'
import { isAboutData, readDataConfig } from '../src/train/on-data/config.js'
import { ownCheckpoint, runTraining, type StepAbout, type TrainSummary } from '../src/train/run.js'
import { cutTokenizer } from '../src/train/tokenizer.js'
import { aloneIn } from './run-folder.js'
import type { DataTrainHooks } from './train-on-data.js'
import { trainingPlot } from './training-plot.js'
import { type SetHooks, trainingSets } from './training-sets.js'

export interface TrainOptions {
  /** A `train.yaml`. */
  readonly config: string
  /** Checkpoint, log and model go here; a run that was cut off goes on. */
  readonly to: string
  /** Keeps the curves so far, drawn anew at every validation, in this `.svg` or `.png`; true: `plot.svg` in the folder. */
  readonly plot?: boolean | string
}

export type TrainHooks = SetHooks & DataTrainHooks

/**
 * Scenes → video → clips → training steps → a model folder.
 * @throws StanflowError CONFIG_INVALID, ENGINE_MISSING, MEDIA_*, OUTPUT_*; OUTPUT_LOCKED while another run goes on in the folder,
 * TRAIN_DIVERGED
 */
export async function train(
  { config: file, to, plot = false }: TrainOptions,
  hooks: TrainHooks = {},
): Promise<TrainSummary> {
  const log = join(to, 'log.jsonl')
  const draw =
    plot === false ? async () => undefined : trainingPlot(plot === true ? join(to, 'plot.svg') : plot, log)
  // A place that cannot be written is told before hours of training.
  const tried = typeof plot === 'string' ? draw : async () => undefined
  let drawn: Promise<unknown> = Promise.resolve()
  const onStep = (about: StepAbout): void => {
    hooks.onStep?.(about)
    // What is wrong with the place by now is told by the last one.
    if (about.scores !== undefined) drawn = drawn.then(draw).catch(() => undefined)
  }
  const told = { ...hooks, onStep }
  const run = (await isAboutData(file)) ? await onData(file, to, told) : await onScenes(file, to, told)
  return aloneIn(to, async () => {
    await tried()
    try {
      const summary = await run()
      await drawn.then(draw)
      return summary
    } catch (error) {
      // What went wrong first is what the user must hear.
      if (existsSync(log)) await drawn.then(draw).catch(() => undefined)
      throw error
    }
  })
}

type Run = () => Promise<TrainSummary>

async function onData(file: string, to: string, hooks: TrainHooks): Promise<Run> {
  const config = await readDataConfig(file)
  const { trainOnData } = await import('./train-on-data.js')
  return () => trainOnData(config, to, hooks)
}

async function onScenes(file: string, to: string, hooks: TrainHooks): Promise<Run> {
  const config = await readTrainConfig(file)
  checkModelIn(file, config)
  const { threads } = config
  return async () => {
    // Before clips are drawn for it.
    ownCheckpoint(to, config)
    const tf = loadLibrary('@tensorflow/tfjs-node', {
      device: 'cpu',
      ...(threads !== undefined && { threads }),
    })
    const sets = await trainingSets(config, to, hooks)
    try {
      return await runTraining({
        ...{ tf, config, training: sets.training, validation: sets.validation, dir: to },
        tokenizer: cutTokenizer(JSON.parse(clipTokenizerJson()) as object, sceneWords()),
        ...(hooks.signal && { signal: hooks.signal }),
        ...(hooks.onResume && { onResume: hooks.onResume }),
        ...(hooks.onStep && { onStep: hooks.onStep }),
      })
    } finally {
      sets.close()
    }
  }
}
