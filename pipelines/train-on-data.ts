import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { writeWhole } from '../src/connect/files/atomic.js'
import type { DataSet } from '../src/datasets/dataset.js'
import { openDataSet } from '../src/datasets/datasets.js'
import { loadLibrary } from '../src/engine/tfjs/library.js'
import { StanflowError } from '../src/errors.js'
import { locateModel } from '../src/model/locate.js'
import { saveModel } from '../src/train/checkpoint.js'
import type { DataTrainConfig } from '../src/train/on-data/config.js'
import { type Divided, keepBack, usable } from '../src/train/on-data/divide.js'
import { trainOnData as run } from '../src/train/on-data/run.js'
import { startFrom } from '../src/train/on-data/start.js'
import type { Parameters } from '../src/train/parameters.js'
import type { Resumed, StepAbout, TrainSummary } from '../src/train/run.js'
import { ClipFeed } from './clip-feed.js'

export interface DataTrainHooks {
  readonly signal?: AbortSignal
  /** A run goes on that was stopped or killed. */
  readonly onResume?: (at: Resumed) => void
  readonly onStep?: (about: StepAbout) => void
  /** What is there, and what is missing. */
  readonly onData?: (divided: Divided) => void
  /** A video that could not be decoded; another took its place. */
  readonly onFailure?: (path: string, message: string) => void
}

/**
 * A data set → clips, decoded beside the training → steps → a model folder.
 * @throws StanflowError CONFIG_INVALID, INPUT_NOT_FOUND, ENGINE_MISSING, MODEL_*, MEDIA_*, OUTPUT_*, TRAIN_DIVERGED
 */
export async function trainOnData(
  config: DataTrainConfig,
  to: string,
  hooks: DataTrainHooks,
): Promise<TrainSummary> {
  const { data, frames } = config
  const divided = await dividedSets(config)
  const { training, validation } = divided
  hooks.onData?.(divided)
  const start = startFrom(config)
  const tf = loadLibrary(config.device === 'cuda' ? '@tensorflow/tfjs-node-gpu' : '@tensorflow/tfjs-node', {
    device: config.device,
    ...(config.threads !== undefined && { threads: config.threads }),
  })
  const { size } = start.net.config.vision
  const feed = new ClipFeed({ reader: data.reader, frames, size, concurrency: data.concurrency })
  try {
    return await run({
      ...{ ...start, tf, config, training, validation, dir: to },
      clips: (requests) => feed.clips(requests),
      writeModel: (parameters) => writeModel(join(to, 'model'), config.model.from, parameters),
      ...(hooks.signal && { signal: hooks.signal }),
      ...(hooks.onResume && { onResume: hooks.onResume }),
      ...(hooks.onStep && { onStep: hooks.onStep }),
      ...(hooks.onFailure && { onFailure: hooks.onFailure }),
    })
  } finally {
    await feed.close()
  }
}

/** Training and validation as the configuration names them; where it does not, as the data set has splits. */
async function dividedSets(config: DataTrainConfig): Promise<Divided> {
  const { data, seed } = config
  const isTable = data.kind === 'table'
  let training = await setOf(data, data.split ?? (isTable ? undefined : 'train'))
  if (data.split === undefined && training.splits !== undefined) training = await setOf(data, 'train')
  const { split: asked, most } = data.validation
  const hasVal = training.split === 'train' && training.splits?.includes('val') === true
  if (isTable && asked === undefined && !hasVal) {
    const kept = keepBack(training, seed, most)
    return usable(kept.training, kept.validation, config)
  }
  return usable(training, await setOf(data, asked ?? (isTable ? 'val' : undefined)), config)
}

async function setOf(
  { kind, place, root }: DataTrainConfig['data'],
  split: string | undefined,
): Promise<DataSet> {
  for (const [key, path] of [['data.place', place] as const, ['data.root', root] as const]) {
    if (path === undefined || existsSync(path)) continue
    throw new StanflowError('INPUT_NOT_FOUND', `There is no ${resolve(path)}, which ${key} names.`, {
      hint: `Set ${key} in the configuration to where it lies; a relative path counts from the folder that the command is run in.`,
    })
  }
  const set = await openDataSet({
    data: `${kind}:${place}`,
    ...(root !== undefined && { root }),
    ...(split !== undefined && { split }),
  })
  if (set.items.length > 0) return set
  throw new StanflowError(
    'INPUT_NOT_FOUND',
    `None of the videos of ${set.title}, split ${set.split}, is there.`,
    { hint: 'Name the folder that they lie in as data.root.' },
  )
}

/** A folder that `--model` takes: configuration and tokenizer of the model that training started from, and the new weights. */
async function writeModel(folder: string, from: string, parameters: Parameters): Promise<number> {
  const source = locateModel(from).folder
  for (const name of ['config.json', 'tokenizer.json'])
    await writeWhole(join(folder, name), await readFile(join(source, name)))
  return saveModel(join(folder, 'model.safetensors'), parameters)
}
