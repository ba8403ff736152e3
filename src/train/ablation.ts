import { z } from 'zod'
import { Clips, type ClipsStage, structureName, type TrainConfig, TrainFile } from './config.js'
import type { Scores } from './validate.js'

const Variant = z.strictObject({
  name: z.string().regex(/^[\w.+-]+( [\w.+-]+)*$/, 'letters, digits, single spaces and . + - _ only'),
  structure: structureName,
  /** Layers of the structure. Default: the trunk's `model.depth`. */
  depth: z.int().positive().optional(),
  projection: z.boolean().default(false),
  /** Patterns of tensors that begin at 0, and of tensors that stay as they begin. */
  zero: z.array(z.string()).default([]),
  frozen: z.array(z.string()).default([]),
  /** Whether the branch's spatial layers begin as CLIP's. */
  'branch-from-clip': z.boolean().default(true),
})

/** Structures trained alike: one CLIP, the same clips, steps and rates; every variant with every seed. */
const AblationFile = z.strictObject({
  seeds: z.array(z.int()).min(1).default([1]),
  /** A training configuration, whose stages make the CLIP that every variant begins with. */
  trunk: TrainFile,
  /** What each variant is trained by. */
  stages: z.array(Clips).min(1),
  variants: z
    .array(Variant)
    .min(1)
    .refine((all) => new Set(all.map(({ name }) => name)).size === all.length, 'two variants of one name'),
})

export const ABLATION = AblationFile
export type Ablation = Readonly<z.output<typeof AblationFile>>
export type Variant = Ablation['variants'][number]

/** What one run is called, its folder too. */
export const runName = (variant: string, seed: number): string => `${variant.replaceAll(' ', '-')}-${seed}`

/** What one variant is trained by with one seed. */
export function configOf({ trunk, stages }: Ablation, variant: Variant, seed: number): TrainConfig {
  const { structure, depth = trunk.model.depth, projection, zero, frozen } = variant
  return {
    ...trunk,
    seed,
    model: { ...trunk.model, structure, depth, projection, zero },
    stages: stages.map(
      (stage, n): ClipsStage => ({
        ...stage,
        groups: [...frozen.map((pattern): [string, number] => [pattern, 0]), ...stage.groups],
        // Later stages go on with what the first has learnt.
        'branch-from-clip': variant['branch-from-clip'] && n === 0,
      }),
    ),
  }
}

/** One training run, measured on the test split. */
export interface Trial extends Required<Scores> {
  readonly seed: number
  /** Numbers that the structure adds to CLIP's. */
  readonly parameters: number
  readonly steps: number
  readonly seconds: number
}

export interface Spread {
  readonly mean: number
  /** Of a sample; 0 where there is one number. */
  readonly deviation: number
}

export function spreadOf(values: readonly number[]): Spread {
  const mean = values.reduce((sum, x) => sum + x, 0) / values.length
  const squares = values.reduce((sum, x) => sum + (x - mean) ** 2, 0)
  return { mean, deviation: values.length < 2 ? 0 : Math.sqrt(squares / (values.length - 1)) }
}

/** A variant over its seeds. */
export interface Outcome {
  readonly name: string
  readonly trials: readonly Trial[]
}

const percent = ({ mean, deviation }: Spread, seeds: number): string =>
  `${(100 * mean).toFixed(1)}${seeds > 1 ? ` ± ${(100 * deviation).toFixed(1)}` : ''}`

/** A row a variant, percentages; the first row is the head. */
export function outcomeTable(outcomes: readonly Outcome[]): string[][] {
  const head = [
    'structure',
    'parameters',
    'appearance R@1',
    'motion top-1',
    'order pairs',
    'seconds',
    'seeds',
  ]
  const rows = outcomes
    .filter(({ trials }) => trials.length > 0)
    .map(({ name, trials }) => {
      const of = (key: keyof Scores): string =>
        percent(spreadOf(trials.map((trial) => trial[key])), trials.length)
      const seconds = spreadOf(trials.map((trial) => trial.seconds)).mean
      const parameters = (trials[0]?.parameters ?? 0).toLocaleString('en-GB')
      return [
        ...[name, parameters, of('appearance'), of('motion'), of('order')],
        ...[seconds.toFixed(0), String(trials.length)],
      ]
    })
  return [head, ...rows]
}
