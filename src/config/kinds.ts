import { isIP } from 'node:net'
import { z } from 'zod'

/** A sort of value: how it is read from a flag, the environment or YAML, and how people are told about it. */
export interface Kind<S extends z.ZodType> {
  readonly schema: S
  /** What the value has to be; follows "must be". */
  readonly expects: string
  /** Stands for the value in --help; absent for switches, which take none. */
  readonly placeholder?: string
  readonly choices?: readonly string[]
  /** The flag may be given several times. */
  readonly repeatable?: true
  readonly show: (value: z.output<S>) => string
}

export function text(placeholder: string, expects: string): Kind<z.ZodString> {
  return { schema: z.string().trim().min(1), expects, placeholder, show: String }
}

export function choice<const T extends readonly [string, ...string[]]>(
  ...choices: T
): Kind<z.ZodEnum<{ [K in T[number]]: K }>> {
  return {
    schema: z.enum(choices),
    expects: choices.length === 1 ? choices[0] : `one of ${choices.join(', ')}`,
    placeholder: choices.join('|'),
    choices,
    show: String,
  }
}

/** A whole number in a range, ends included. */
export function count(least: number, most: number) {
  const written = z.string().trim().regex(/^\d+$/).transform(Number)
  return {
    schema: z.union([z.number(), written]).pipe(z.int().min(least).max(most)),
    expects: `a whole number from ${least} to ${most}`,
    placeholder: 'n',
    show: String,
  } satisfies Kind<z.ZodType<number>>
}

/** A number of times a second. */
export function rate() {
  const written = z
    .string()
    .trim()
    .regex(/^\d*\.?\d+$/)
    .transform(Number)
  return {
    schema: z.union([z.number(), written]).pipe(z.number().gt(0).max(60)),
    expects: 'a number above 0, at most 60',
    placeholder: 'n',
    show: String,
  } satisfies Kind<z.ZodType<number>>
}

const SECONDS_IN = { ms: 0.001, s: 1, m: 60, h: 3600 }
const DURATION = /^(\d+(?:\.\d+)?|\.\d+)\s*(ms|s|m|h)?$/

const BYTES_IN = { '': 1, b: 1, kb: 1e3, mb: 1e6, gb: 1e9, tb: 1e12 }
const BYTES = /^(\d+(?:\.\d+)?)\s*([kmgt]?b)?$/

/** A size in bytes: `4GB`, `500MB`, `1000000`. */
export function bytes() {
  const written = z
    .string()
    .trim()
    .toLowerCase()
    .regex(BYTES)
    .transform((value) => {
      const [, amount, unit = ''] = BYTES.exec(value) ?? []
      return Math.round(Number(amount) * BYTES_IN[unit as keyof typeof BYTES_IN])
    })
  return {
    schema: z.union([z.number(), written]).pipe(z.int().min(1_000_000).max(1e15)),
    expects: 'a size from 1MB to 1000TB, such as 500MB or 4GB',
    placeholder: 'size',
    show: (value: number) => (value % 1e9 === 0 ? `${value / 1e9}GB` : `${value / 1e6}MB`),
  } satisfies Kind<z.ZodType<number>>
}

/** A length of time, as seconds: `2`, `2s`, `500ms`, `1m`, `1h`. */
export function duration(mostSeconds: number) {
  const written = z
    .string()
    .trim()
    .toLowerCase()
    .regex(DURATION)
    .transform((value) => {
      const [, amount, unit] = DURATION.exec(value) ?? []
      const seconds = Number(amount) * SECONDS_IN[(unit ?? 's') as keyof typeof SECONDS_IN]
      // Times are part of clip ids: 33 ms is 0.033 and not 0.033000000000000002.
      return Number(seconds.toFixed(6))
    })
  return {
    schema: z.union([z.number(), written]).pipe(z.number().min(0.001).max(mostSeconds)),
    expects: `a time from 1ms to ${mostSeconds / 3600}h, such as 2, 2s, 500ms or 1m`,
    placeholder: 'time',
    show: (seconds: number) => `${seconds}s`,
  } satisfies Kind<z.ZodType<number>>
}

export function onOff() {
  return {
    schema: z.union([
      z.boolean(),
      z.stringbool({ truthy: ['true', '1', 'yes', 'on'], falsy: ['false', '0', 'no', 'off'] }),
    ]),
    expects: 'true or false',
    show: String,
  } satisfies Kind<z.ZodType<boolean>>
}

const words = z
  .array(z.union([z.string(), z.number().transform(String)]).pipe(z.string().trim().min(1)))
  .min(1)

/** Texts that each contain `{}`; in one string, they stand on a line each or between bars `|`. */
export function templates() {
  const split = z.string().transform((value) => value.split(/[|\n]/).filter((line) => line.trim() !== ''))
  return {
    schema: z.union([z.array(z.string()), split]).pipe(z.array(z.string().trim().includes('{}')).min(1)),
    expects: 'one or more texts that each contain {}',
    placeholder: 'text',
    repeatable: true,
    show: (values: readonly string[]) => values.join(' | '),
  } satisfies Kind<z.ZodType<readonly string[]>>
}

/** A file's name or a comma list (both are told apart when it is read), or in YAML a list. */
export function wordsOrFile() {
  return {
    schema: z.union([z.string().trim().min(1), words]),
    expects: 'a file (.txt, .jsonl, .yaml) or a list such as "cat, dog"',
    placeholder: 'file|list',
    show: (value: string | readonly string[]) => (typeof value === 'string' ? value : value.join(', ')),
  } satisfies Kind<z.ZodType<string | readonly string[]>>
}

/** Several texts: a flag given several times, a comma list, or in YAML a list. */
export function several(placeholder: string, expects: string) {
  const split = z.string().transform((value) => value.split(',').filter((one) => one.trim() !== ''))
  return {
    schema: z.union([z.array(z.string()), split]).pipe(z.array(z.string().trim().min(1))),
    expects,
    placeholder,
    repeatable: true,
    show: (values: readonly string[]) => (values.length === 0 ? '(none)' : values.join(', ')),
  } satisfies Kind<z.ZodType<readonly string[]>>
}

/** Addresses and networks: `10.0.0.0/8`, `::1`. */
export function networks(placeholder: string, expects: string) {
  const kind = several(placeholder, expects)
  return { ...kind, schema: kind.schema.refine((all) => all.every(isNetwork)) } satisfies Kind<
    z.ZodType<readonly string[]>
  >
}

function isNetwork(text: string): boolean {
  const [address = '', bits, ...more] = text.split('/')
  const most = { 0: 0, 4: 32, 6: 128 }[isIP(address)] ?? 0
  const length = bits === undefined ? most : /^\d+$/.test(bits) ? Number(bits) : 0
  return more.length === 0 && length > 0 && length <= most
}
