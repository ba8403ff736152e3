import { z } from 'zod'
import { DATA_SET_KINDS } from '../../datasets/dataset.js'
import { readYaml, structureName } from '../config.js'

const count = z.int().positive()
const share = z.number().min(0).max(1)

/** A run on a data set instead of drawn scenes: `data.kind` says which. */
const DataTrainFile = z.strictObject({
  seed: z.int().default(1),
  threads: count.optional(),
  device: z.enum(['cpu', 'cuda']).default('cpu'),
  /** Frames in a clip. */
  frames: count.max(64).default(12),
  model: z.strictObject({
    /** The CLIP that training starts from, as `--model` takes it; a branch in it is trained on. */
    from: z.string().min(1),
    structure: structureName.default('stan-self'),
    /** Layers of a new branch. */
    depth: count.default(4),
    /** Tokens that texts are cut to. */
    'text-length': count.default(32),
    /** Of the NCE, instead of the one the model has; a group for `logit_scale` says whether it is learnt or stays. */
    temperature: z.number().positive().optional(),
  }),
  data: z.strictObject({
    kind: z.enum(DATA_SET_KINDS),
    place: z.string().min(1),
    root: z.string().min(1).optional(),
    /** Default: `train`; all of a table that has no splits. */
    split: z.string().min(1).optional(),
    /** Sentence around a class, with `{}` in its place. */
    prompt: z.string().includes('{}').default('{}'),
    validation: z
      .strictObject({
        split: z.string().min(1).optional(),
        /** Items of it, the first ones. */
        most: count.default(256),
      })
      .prefault({}),
    /** Videos decoded at once. */
    concurrency: count.default(2),
    reader: z.enum(['auto', 'ffmpeg', 'node-av']).default('auto'),
  }),
  /** What is learnt. Default: as the data set has classes or captions. */
  objective: z.enum(['captions', 'classes']).optional(),
  steps: count,
  batch: count,
  /** Batches of one step: captions are told from all of its clips; the gradients of classes are averaged. */
  accumulate: count.default(1),
  /** Peak learning rate, and the part of the steps in which it rises. */
  rate: z.number().positive(),
  warmup: share.default(0.1),
  /** Pattern and part of the rate, the first that matches; what matches none is frozen. The branch's is ten times CLIP's. */
  groups: z
    .array(z.tuple([z.string(), z.number().min(0)]))
    .min(1)
    .default([
      ['STAN*', 10],
      ['*', 1],
    ]),
  /** The smallest part of the side that a random crop keeps; 1: no crop. */
  crop: share.gt(0).default(1),
  /** Mirrors every other clip, but those whose text tells left from right. */
  flip: z.boolean().default(false),
  dropout: share.lt(1).default(0),
  'drop-path': share.lt(1).default(0),
  optimizer: z
    .strictObject({
      betas: z.tuple([share, share]).default([0.9, 0.98]),
      'weight-decay': z.number().min(0).default(0.2),
      clip: z.number().positive().default(1),
    })
    .prefault({}),
  'validate-every': count.default(200),
  /** Validations in a row without a better score that end the run. */
  patience: count.optional(),
  'checkpoint-seconds': z.number().positive().default(300),
})

export type DataTrainConfig = Readonly<z.output<typeof DataTrainFile>>

const AboutData = z.object({ data: z.object({ kind: z.string() }) })

/** Whether a `train.yaml` is about a data set, and not about motion scenes. @throws StanflowError CONFIG_INVALID */
export const isAboutData = async (path: string): Promise<boolean> =>
  AboutData.safeParse(await readYaml(path, z.unknown())).success

/** @throws StanflowError CONFIG_INVALID */
export const readDataConfig = (path: string): Promise<DataTrainConfig> => readYaml(path, DataTrainFile)
