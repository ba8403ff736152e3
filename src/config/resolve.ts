import { StanflowError } from '../errors.js'
import { CONFIG_VARIABLE, type ConfigFile, readConfigFile } from './file.js'
import { CONFIG_KEYS, type Config, type ConfigKey, configSchema, HIDDEN, type KeyInfo } from './schema.js'
import { mostSimilar } from './similar.js'

/** Who decided a value. */
export type Origin =
  | { readonly kind: 'flag'; readonly name: string }
  | { readonly kind: 'environment'; readonly name: string }
  | { readonly kind: 'file'; readonly name: string; readonly line: number }
  | { readonly kind: 'default' }

export interface Resolved {
  readonly config: Config
  readonly origins: Readonly<Record<ConfigKey, Origin>>
}

export interface Sources {
  /** By key, as the command line had them; `undefined` where a flag was not given. */
  readonly flags: Readonly<Partial<Record<ConfigKey, unknown>>>
  readonly env: Readonly<Record<string, string | undefined>>
  /** Where `stanflow.yaml` is looked for. */
  readonly cwd: string
  /** Read instead of `stanflow.yaml` and of what `STANFLOW_CONFIG` names; it must exist. */
  readonly file?: string
}

/**
 * The value of every key and where it came from: flags > environment > file > defaults.
 * @throws StanflowError USAGE_INVALID for a flag's value, CONFIG_INVALID for the others
 */
export async function resolveConfig(sources: Sources): Promise<Resolved> {
  const names = CONFIG_KEYS.map(({ name }) => name)
  // By custom an empty variable counts as none.
  const named = sources.file ?? (sources.env[CONFIG_VARIABLE] || undefined)
  const file = await readConfigFile(sources.cwd, named, names)
  const given = new Map<ConfigKey, Given>()
  for (const key of CONFIG_KEYS) {
    const found = lookUp(key, sources, file)
    if (found !== undefined) given.set(key.key, found)
  }
  const raw = Object.fromEntries([...given].map(([key, { value }]) => [key, value]))
  const parsed = configSchema.safeParse(raw)
  if (!parsed.success) {
    const wrong = CONFIG_KEYS.find(({ key }) => key === parsed.error.issues[0]?.path[0])
    const found = wrong && given.get(wrong.key)
    throw wrong && found ? invalid(wrong, found) : parsed.error
  }
  return {
    config: relocate(parsed.data, given, file),
    origins: Object.fromEntries(
      CONFIG_KEYS.map(({ key }) => [key, given.get(key)?.origin ?? { kind: 'default' }]),
    ) as Record<ConfigKey, Origin>,
  }
}

/** `--batch`, `STANFLOW_BATCH`, `stanflow.yaml:3` or `default`. */
export function originName(origin: Origin): string {
  if (origin.kind === 'default') return 'default'
  return origin.kind === 'file' ? `${origin.name}:${origin.line}` : origin.name
}

interface Given {
  readonly value: unknown
  readonly origin: Origin
}

function lookUp(key: KeyInfo, { flags, env }: Sources, file: ConfigFile | undefined): Given | undefined {
  const flag = flags[key.key]
  if (flag !== undefined) return { value: flag, origin: { kind: 'flag', name: key.flag } }
  const variable = env[key.env]
  // By custom an empty variable counts as none.
  if (variable !== undefined && variable !== '') {
    return { value: variable, origin: { kind: 'environment', name: key.env } }
  }
  const entry = file?.values.get(key.name)
  if (file === undefined || entry === undefined) return undefined
  return { value: entry.value, origin: { kind: 'file', name: file.name, line: entry.line } }
}

/** Paths that a file gives are relative to its folder. */
function relocate(
  config: Config,
  given: ReadonlyMap<ConfigKey, Given>,
  file: ConfigFile | undefined,
): Config {
  if (file === undefined) return config
  const moved = CONFIG_KEYS.flatMap(({ key, relocate }) => {
    const value = config[key]
    const fromFile = given.get(key)?.origin.kind === 'file'
    return fromFile && relocate && typeof value === 'string' ? [[key, relocate(value, file.folder)]] : []
  })
  return { ...config, ...(Object.fromEntries(moved) as Partial<Config>) }
}

function invalid({ name, expects, choices, secret }: KeyInfo, { value, origin }: Given): StanflowError {
  const where = originName(origin)
  const subject = origin.kind === 'file' ? `${where}: ${name}` : where
  const meant = typeof value === 'string' ? mostSimilar(value, choices ?? []) : undefined
  const hint = meant === undefined ? undefined : `Did you mean "${meant}"?`
  return new StanflowError(
    origin.kind === 'flag' ? 'USAGE_INVALID' : 'CONFIG_INVALID',
    `${subject} must be ${expects}, not ${secret === true ? HIDDEN : shown(value)}.`,
    hint === undefined ? {} : { hint },
  )
}

function shown(value: unknown): string {
  if (value === null) return 'empty'
  const text = JSON.stringify(value)
  return text.length > 80 ? `${text.slice(0, 77)}…` : text
}
