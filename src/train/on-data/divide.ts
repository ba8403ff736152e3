import type { DataItem, DataSet } from '../../datasets/dataset.js'
import { StanflowError } from '../../errors.js'
import { randomFrom, shuffled } from '../../scenes/random.js'
import { subjectOf } from './batch.js'
import type { DataTrainConfig } from './config.js'

/** What a run learns from and what it is scored on, and what people should know of it. */
export interface Divided {
  readonly training: DataSet
  readonly validation: DataSet
  readonly notes: readonly string[]
}

/** Part of the videos that is kept back where nothing else says what to validate on. */
const KEPT_BACK = 0.1

/**
 * Keeps a tenth of the videos back for validation, the same for the same seed; all parts of a video are on one side.
 * @throws StanflowError CONFIG_INVALID
 */
export function keepBack(set: DataSet, seed: number, most: number): Divided {
  const videos = shuffled(randomFrom(`validation ${seed}`), [...new Set(set.items.map(({ path }) => path))])
  if (videos.length < 2)
    throw new StanflowError('CONFIG_INVALID', `${set.title} has one video, and nothing to validate on`, {
      hint: 'Add videos, or name lines of another split: data.validation.split.',
    })
  const count = Math.min(most, Math.max(1, Math.round(KEPT_BACK * videos.length)))
  const kept = new Set(videos.slice(0, count))
  const part = (isKept: boolean): DataItem[] => set.items.filter(({ path }) => kept.has(path) === isKept)
  const training = { ...set, items: part(false) }
  const validation = { ...set, split: 'kept back', items: part(true), missing: [] }
  return { training, validation, notes: [] }
}

/**
 * Leaves out what the objective has no use for: of classes, items without a label, and in validation those of a class that
 * training has not; of captions, items that nothing is said of. @throws StanflowError CONFIG_INVALID where nothing is left
 */
export function usable(training: DataSet, validation: DataSet, config: DataTrainConfig): Divided {
  const subject = subjectOf(training, config)
  const isClasses = subject.objective === 'classes'
  const notes: string[] = []
  const keep = (set: DataSet, fits: (item: DataItem) => boolean, lack: string): DataSet => {
    const items = set.items.filter(fits)
    const out = set.items.length - items.length
    if (out > 0) notes.push(`split ${set.split}: ${out} of ${set.items.length} left out, ${lack}`)
    if (items.length > 0) return { ...set, items }
    throw new StanflowError(
      'CONFIG_INVALID',
      `nothing is left of ${set.title}, split ${set.split}, to learn ${subject.objective}: all have ${lack.replace('with ', '')}`,
      { hint: 'objective says whether captions or classes are learnt; every line needs a text, or a label.' },
    )
  }
  const isSaid = ({ captions, label }: DataItem): boolean => captions.length > 0 || label !== undefined
  const isKnown = ({ label }: DataItem): boolean => subject.classOf(label) !== undefined
  return {
    training: isClasses
      ? keep(training, ({ label }) => label !== undefined, 'with no label')
      : keep(training, isSaid, 'with no text'),
    validation: isClasses
      ? keep(validation, isKnown, 'with no label that training has')
      : keep(validation, isSaid, 'with no text'),
    notes,
  }
}
