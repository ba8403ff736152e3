import { StanflowError } from '../errors.js'

/** One tensor that is trained, with what AdamW remembers of it. */
export interface Parameter {
  readonly shape: readonly number[]
  readonly value: Float32Array
  /** Running means of the gradient and of its square. */
  readonly first: Float32Array
  readonly second: Float32Array
}

/** Everything that is trained, by checkpoint name; what lies under `aux.` serves training only. */
export type Parameters = ReadonlyMap<string, Parameter>

export function parameter(shape: readonly number[], value: Float32Array): Parameter {
  return { shape, value, first: new Float32Array(value.length), second: new Float32Array(value.length) }
}

/** Learning rate of the parameters a pattern matches, as a part of the stage's; 0 freezes them. */
export type Group = readonly [pattern: string, rate: number]

/** The rate of each parameter: that of the first pattern it matches. Patterns have `*` for anything. */
export function ratesOf(names: Iterable<string>, groups: readonly Group[]): ReadonlyMap<string, number> {
  const compiled = groups.map(([pattern, rate]) => [glob(pattern), rate] as const)
  const rates = new Map<string, number>()
  for (const name of names) rates.set(name, compiled.find(([pattern]) => pattern.test(name))?.[1] ?? 0)
  if (![...rates.values()].some((rate) => rate > 0))
    throw new StanflowError('CONFIG_INVALID', 'a training stage trains nothing', {
      hint: 'Its groups must match the names of some tensors, such as [["*", 1]].',
    })
  return rates
}

/** Whether a name matches any of the patterns. */
export function matcher(patterns: readonly string[]): (name: string) => boolean {
  const compiled = patterns.map(glob)
  return (name) => compiled.some((pattern) => pattern.test(name))
}

function glob(pattern: string): RegExp {
  const parts = pattern.split('*').map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`)
}
