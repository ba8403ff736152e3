import { createHash } from 'node:crypto'
import { basename, isAbsolute } from 'node:path'
import type { DataItem, DataSet } from '../../datasets/dataset.js'
import { subjectOf } from './batch.js'
import type { DataTrainConfig } from './config.js'
import type { Start } from './start.js'

export interface RecipeParts {
  readonly config: DataTrainConfig
  readonly training: DataSet
  readonly validation: DataSet
  /** Of the model that training starts from. */
  readonly from: Start['digest']
}

/**
 * What a run's curve is determined by, one JSON object: settings by their keys, the model and the videos by digests. Where
 * things lie, how they are decoded and how often progress is kept are not in it: those may change between two sittings.
 */
export function recipeOf({ config, training, validation, from }: RecipeParts): string {
  const { threads: _t, device: _d, model, data, patience: _p, ...settings } = config
  const { 'validate-every': _v, 'checkpoint-seconds': _c, ...learnt } = settings
  const { kind, prompt } = data
  return JSON.stringify({
    ...learnt,
    objective: subjectOf(training, config).objective,
    ...prefixed('model', { ...model, from }),
    ...prefixed('data', { kind, prompt, split: training.split }),
    ...prefixed('data.validation', { split: validation.split, most: data.validation.most }),
    'videos of training': digestOf(training.items, training.classes),
    'videos of validation': digestOf(validation.items.slice(0, data.validation.most), validation.classes),
  })
}

/** Keys in which two recipes differ; undefined where one of them is none. */
export function differences(one: string, other: string): readonly string[] | undefined {
  try {
    const [a, b] = [one, other].map((text) => JSON.parse(text) as Readonly<Record<string, unknown>>)
    const keys = new Set([...Object.keys(a ?? {}), ...Object.keys(b ?? {})])
    return [...keys].filter((key) => JSON.stringify(a?.[key]) !== JSON.stringify(b?.[key]))
  } catch {
    return undefined
  }
}

const prefixed = (prefix: string, settings: object): Record<string, unknown> =>
  Object.fromEntries(Object.entries(settings).map(([key, value]) => [`${prefix}.${key}`, value]))

/** The same wherever the videos lie. */
function digestOf(items: readonly DataItem[], classes: readonly string[] = []): string {
  const facts = items.map(({ id, captions, label, segment }) => [
    isAbsolute(id) ? basename(id) : id,
    ...[captions, label, segment],
  ])
  return createHash('sha256')
    .update(JSON.stringify([facts, classes]))
    .digest('hex')
    .slice(0, 16)
}
