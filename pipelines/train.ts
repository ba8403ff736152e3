import { writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { loadLibrary } from '../src/engine/tfjs/library.js'
import { clipTokenizerJson } from '../src/model/embedded.js'
import { sceneWords } from '../src/scenes/words.js'
import { readTrainConfig } from '../src/train/config.js'
import { readLog } from '../src/train/log.js'
import { isAboutData, readDataConfig } from '../src/train/on-data/config.js'
import { plotSvg } from '../src/train/plot.js'
import { runTraining, type StepAbout, type TrainSummary } from '../src/train/run.js'
import { cutTokenizer } from '../src/train/tokenizer.js'
import type { DataTrainHooks } from './train-on-data.js'
import { type SetHooks, trainingSets } from './training-sets.js'

export interface TrainOptions {
  /** A `train.yaml`. */
  readonly config: string
  /** Checkpoint, log and model go here; a run that was cut off goes on. */
  readonly to: string
  /** Keeps `plot.svg` in the folder: the curves so far, drawn anew at every validation. */
  readonly plot?: boolean
}

export type TrainHooks = SetHooks & DataTrainHooks

/** Scenes → video → clips → training steps → a model folder. @throws StanflowError CONFIG_INVALID, ENGINE_MISSING, MEDIA_* */
export async function train(
  { config: file, to, plot = false }: TrainOptions,
  hooks: TrainHooks = {},
): Promise<TrainSummary> {
  const draw = (): void => {
    if (plot) writeFileSync(join(to, 'plot.svg'), plotSvg(readLog(join(to, 'log.jsonl'))))
  }
  const onStep = (about: StepAbout): void => {
    hooks.onStep?.(about)
    if (about.scores !== undefined) draw()
  }
  if (await isAboutData(file)) {
    const { trainOnData } = await import('./train-on-data.js')
    const summary = await trainOnData(await readDataConfig(file), to, { ...hooks, onStep })
    draw()
    return summary
  }
  const config = await readTrainConfig(file)
  await mkdir(to, { recursive: true })
  const tf = loadLibrary('@tensorflow/tfjs-node', {
    device: 'cpu',
    ...(config.threads !== undefined && { threads: config.threads }),
  })
  const sets = await trainingSets(config, to, hooks)
  try {
    const summary = await runTraining({
      ...{ tf, config, training: sets.training, validation: sets.validation, dir: to },
      tokenizer: cutTokenizer(JSON.parse(clipTokenizerJson()) as object, sceneWords()),
      ...(hooks.signal && { signal: hooks.signal }),
      onStep,
    })
    draw()
    return summary
  } finally {
    sets.close()
  }
}
