import { join } from 'node:path'
import { makeOutputFolder } from '../src/connect/files/output-folder.js'
import { loadLibrary } from '../src/engine/tfjs/library.js'
import { clipTokenizerJson } from '../src/model/embedded.js'
import { sceneWords } from '../src/scenes/words.js'
import { readTrainConfig } from '../src/train/config.js'
import { isAboutData, readDataConfig } from '../src/train/on-data/config.js'
import { runTraining, type StepAbout, type TrainSummary } from '../src/train/run.js'
import { cutTokenizer } from '../src/train/tokenizer.js'
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

/** Scenes → video → clips → training steps → a model folder. @throws StanflowError CONFIG_INVALID, ENGINE_MISSING, MEDIA_*, OUTPUT_* */
export async function train(
  { config: file, to, plot = false }: TrainOptions,
  hooks: TrainHooks = {},
): Promise<TrainSummary> {
  const draw =
    plot === false
      ? async () => undefined
      : trainingPlot(plot === true ? join(to, 'plot.svg') : plot, join(to, 'log.jsonl'))
  // A place that cannot be written is told before hours of training.
  const tried = typeof plot === 'string' ? draw : async () => undefined
  let drawn: Promise<unknown> = Promise.resolve()
  const onStep = (about: StepAbout): void => {
    hooks.onStep?.(about)
    // What is wrong with the place by now is told by the last one.
    if (about.scores !== undefined) drawn = drawn.then(draw).catch(() => undefined)
  }
  if (await isAboutData(file)) {
    const { trainOnData } = await import('./train-on-data.js')
    const config = await readDataConfig(file)
    await tried()
    return trainOnData(config, to, { ...hooks, onStep }).finally(() => drawn.then(draw))
  }
  const config = await readTrainConfig(file)
  await makeOutputFolder(to)
  await tried()
  const tf = loadLibrary('@tensorflow/tfjs-node', {
    device: 'cpu',
    ...(config.threads !== undefined && { threads: config.threads }),
  })
  const sets = await trainingSets(config, to, hooks)
  try {
    return await runTraining({
      ...{ tf, config, training: sets.training, validation: sets.validation, dir: to },
      tokenizer: cutTokenizer(JSON.parse(clipTokenizerJson()) as object, sceneWords()),
      ...(hooks.signal && { signal: hooks.signal }),
      onStep,
    }).finally(() => drawn.then(draw))
  } finally {
    sets.close()
  }
}
