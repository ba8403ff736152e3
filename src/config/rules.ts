import { readFile } from 'node:fs/promises'
import picomatch from 'picomatch'
import { z } from 'zod'
import { StanflowError } from '../errors.js'
import { duration } from './kinds.js'
import { inSchedule, schedule, timezone } from './schedule.js'
import { readYamlText } from './yaml.js'

const DAY = 86_400
const share = z.number().gt(0).max(1)
const words = z
  .union([z.string(), z.array(z.string()).min(1)])
  .transform((given) => (typeof given === 'string' ? [given] : given))
const seconds = duration(DAY).schema
const none = z.literal(0)

/** One rule as people write it. */
export const ruleSchema = z
  .strictObject({
    name: z.string().trim().min(1),
    label: z.exactOptional(z.string().trim().min(1)),
    labels: z.exactOptional(z.array(z.string().trim().min(1)).min(1)),
    combine: z.enum(['sum', 'max']).default('sum'),
    threshold: share,
    release: z.exactOptional(share),
    'open-after': z.int().min(1).max(10_000).default(2),
    'close-after': z.int().min(1).max(10_000).default(3),
    cooldown: z.union([none, seconds]).default(0),
    sources: z.exactOptional(words),
    schedule: z.exactOptional(schedule),
    timezone: z.exactOptional(timezone),
    gap: z.enum(['close', 'hold']).default('close'),
    'gap-after': seconds.default(30),
    gated: z.enum(['same', 'below', 'skip']).default('same'),
  })
  .superRefine((rule, context) => {
    if ((rule.label === undefined) === (rule.labels === undefined)) {
      context.addIssue('one of label and labels must be there')
    }
    if (rule.release !== undefined && rule.release > rule.threshold) {
      context.addIssue('release must not be above threshold')
    }
  })

export type RuleSettings = z.output<typeof ruleSchema>

/** A list of rules, each name once. */
export const rulesSchema = z.array(ruleSchema).superRefine((rules, context) => {
  const names = rules.map(({ name }) => name)
  const twice = names.find((name, n) => names.indexOf(name) !== n)
  if (twice !== undefined) context.addIssue(`the name "${twice}" is there twice`)
})

/** Part of the threshold below which an episode closes, where the rule does not say. */
const RELEASE = 0.75

/** What settings mean: a `Rule` of the operators. Schedules hold for cameras only, as only they have a time of day. */
export function compileRule(settings: RuleSettings) {
  const {
    name,
    label,
    labels,
    combine,
    threshold,
    release = RELEASE * threshold,
    cooldown,
    gap,
    gated,
  } = settings
  const matches =
    settings.sources === undefined ? () => true : picomatch([...settings.sources], { dot: true })
  const isOn = settings.schedule === undefined ? undefined : inSchedule(settings.schedule, settings.timezone)
  return {
    ...{ name, combine, threshold, release, cooldown, gap, gated },
    labels: labels ?? [label as string],
    openAfter: settings['open-after'],
    closeAfter: settings['close-after'],
    gapAfter: settings['gap-after'],
    appliesTo: (source: string): boolean => matches(source),
    isOn: (source: string, at: number): boolean =>
      isOn === undefined || !source.startsWith('camera:') || isOn(at),
  }
}

const rulesFile = z.union([
  rulesSchema,
  z.strictObject({ rules: rulesSchema }).transform(({ rules }) => rules),
])

/**
 * Rules of a YAML or JSON file: a list, or `rules:` with one.
 * @throws StanflowError CONFIG_INVALID
 */
export async function readRules(path: string) {
  return (await readRuleSettings(path)).map(compileRule)
}

/** The same as people write them. @throws StanflowError CONFIG_INVALID */
export async function readRuleSettings(path: string): Promise<readonly RuleSettings[]> {
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    const why = cause.code === 'ENOENT' ? 'does not exist' : `cannot be read (${cause.code})`
    throw invalid(
      `The rules file ${path} ${why}.`,
      'Check --rules; a path is relative to where you are.',
      cause,
    )
  })
  return parseSettings(text, path)
}

/** @throws StanflowError CONFIG_INVALID naming `path`, the rule and the key */
export function parseRules(text: string, path: string) {
  return parseSettings(text, path).map(compileRule)
}

function parseSettings(text: string, path: string): readonly RuleSettings[] {
  let plain: unknown
  try {
    plain = readYamlText(text).plain
  } catch (cause) {
    throw invalid(`${path} is not valid YAML.`, HINT, cause)
  }
  const list = Array.isArray(plain) ? plain : (plain as { rules?: unknown } | null)?.rules
  const parsed = rulesFile.safeParse(plain)
  if (parsed.success && parsed.data.length > 0) return parsed.data
  if (parsed.success) throw invalid(`${path} holds no rule.`, HINT)
  const found = Array.isArray(list) ? rulesSchema.safeParse(list).error?.issues[0] : undefined
  if (found === undefined) throw invalid(`${path} holds no list of rules.`, HINT)
  throw invalid(`${path}: ${issueText(list as readonly unknown[], found)}.`, HINT)
}

function issueText(list: readonly unknown[], { path, message }: z.core.$ZodIssue): string {
  const [at, ...keys] = path
  const rule = typeof at === 'number' ? (list[at] as { name?: unknown } | undefined) : undefined
  const name = typeof rule?.name === 'string' ? `rule "${rule.name}"` : `rule ${Number(at) + 1}`
  const place = at === undefined ? '' : `${[name, ...keys.map(String)].join(', ')}: `
  return `${place}${message.replace(/\.$/, '')}`
}

const HINT =
  'A rule looks like {name: fall, label: a person falls, threshold: 0.6, open-after: 2, close-after: 3}; see docs/events.md.'

function invalid(message: string, hint: string, cause?: unknown): StanflowError {
  return new StanflowError('CONFIG_INVALID', message, { hint, cause })
}
