import type { DataItem, DataSet } from '../../datasets/dataset.js'
import { StanflowError } from '../../errors.js'
import type { TextTokenizer } from '../../model/tokenizer.js'
import type { Texts } from '../batches.js'
import type { DataTrainConfig } from './config.js'
import type { Drawn } from './draw.js'
import type { DataBatch } from './loss.js'

/** Clips as they were decoded; those that could not be are said. */
export interface DecodedClips {
  /** uint8 `[clips · T, S, S, 3]` */
  readonly pixels: Uint8Array
  readonly failed: readonly FailedClip[]
}

export interface FailedClip {
  readonly index: number
  readonly message: string
}

/** What is learnt of a data set. */
export interface Subject {
  readonly objective: 'captions' | 'classes'
  /** With their prompt; of `classes` only. */
  readonly classes: readonly string[]
  classOf(label: string | undefined): number | undefined
}

export function subjectOf(
  { kind, items, classes = [] }: DataSet,
  { objective, data }: Pick<DataTrainConfig, 'objective' | 'data'>,
): Subject {
  const numbers = new Map(classes.map((label, n) => [label, n]))
  const isCaptioned =
    kind === 'table' ? items.some(({ captions }) => captions.length > 0) : numbers.size === 0
  return {
    objective: objective ?? (isCaptioned ? 'captions' : 'classes'),
    classes: classes.map((label) => data.prompt.replaceAll('{}', () => label)),
    classOf: (label) => (label === undefined ? undefined : numbers.get(label)),
  }
}

/** The number of an item's class. Items without one have been left out before. */
export function knownClass(subject: Subject, { id, label }: DataItem): number {
  const known = subject.classOf(label)
  if (known === undefined) throw new StanflowError('INTERNAL', `${id} has no class that is learnt`)
  return known
}

/** Texts cut to `most` tokens, and padded to the longest of them. */
export function tokenised(tokenizer: TextTokenizer, texts: readonly string[], most: number): Texts {
  const length = Math.max(...texts.map((text) => tokenizer.encode(text, most).length))
  return { ...tokenizer.batch(texts, length), length }
}

/**
 * A batch with its pixels. The place of a clip that could not be decoded is taken by the next one that could: the batch is
 * the same in every run.
 */
export function assemble(
  drawn: readonly Drawn[],
  { pixels, failed }: DecodedClips,
  subject: Subject,
  texts: (texts: readonly string[]) => Texts,
  classTexts: Texts | undefined,
): DataBatch {
  const bad = new Set(failed.map(({ index }) => index))
  const clipBytes = pixels.length / drawn.length
  const used = drawn.map((_, n) => {
    for (let k = 0; k < drawn.length; k++) if (!bad.has((n + k) % drawn.length)) return (n + k) % drawn.length
    return n
  })
  for (const [n, from] of used.entries())
    if (from !== n) pixels.copyWithin(n * clipBytes, from * clipBytes, (from + 1) * clipBytes)
  const clips = used.map((from) => drawn[from] as Drawn)
  if (subject.objective === 'classes' && classTexts !== undefined) {
    const truth = clips.map(({ item }) => knownClass(subject, item))
    return { pixels, count: clips.length, classes: { texts: classTexts, truth } }
  }
  const captions = { texts: texts(clips.map(({ text }) => text)), positive: truths(clips), clips }
  return { pixels, count: clips.length, captions }
}

/** Which clip's caption is true of which clip, 1 or 0, `[N, N]`. */
export function truths(clips: readonly Drawn[]): Float32Array {
  const positive = new Float32Array(clips.length ** 2)
  for (const [row, { text, item: own }] of clips.entries()) {
    for (const [column, { item, text: other }] of clips.entries()) {
      const isTrue = item === own || text === other || item.captions.includes(text)
      positive[row * clips.length + column] = isTrue ? 1 : 0
    }
  }
  return positive
}
