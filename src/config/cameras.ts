import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { z } from 'zod'
import { StanflowError } from '../errors.js'
import { type LiveAddress, nameOf, parseAddress } from '../media/live/address.js'
import { HWACCELS, type Hwaccel, type Region } from '../media/live/settings.js'
import { count, duration, templates, wordsOrFile } from './kinds.js'
import { isLabelFile } from './label-file.js'
import { readLabels } from './labels.js'
import { type RuleSettings, rulesSchema } from './rules.js'
import { type Schedule, schedule, timezone } from './schedule.js'
import { readYamlText } from './yaml.js'

const seconds = duration(86_400).schema
const share = z.number().min(0).max(1)
/** Steps of brightness from which a change is one; seconds. */
const GATE = { threshold: 6, hold: 1, refresh: 60 }
/** Seconds around an event's beginning; of each camera's stream in memory at most. */
const RECORD = { before: 5, after: 10, megabytes: 32 }
const variable = z.string().regex(/^[A-Za-z_]\w*$/, 'must be the name of an environment variable')

/** Whether what shows nothing new costs no inference. */
const gate = z.union([
  z.boolean(),
  z.strictObject({
    threshold: z.number().gt(0).max(255).default(GATE.threshold),
    hold: seconds.default(GATE.hold),
    refresh: seconds.default(GATE.refresh),
  }),
])

/** Whether videos and pictures of events are kept, where there is a place for them. */
const record = z.union([
  z.boolean(),
  z.strictObject({
    before: duration(600).schema.default(RECORD.before),
    after: duration(600).schema.default(RECORD.after),
    megabytes: z.number().min(1).max(4096).default(RECORD.megabytes),
  }),
])

/** What may be said of one camera, or at the top of the file of all of them. */
const common = {
  frames: z.exactOptional(count(2, 64).schema),
  window: z.exactOptional(seconds),
  stride: z.exactOptional(seconds),
  windows: z.exactOptional(
    z
      .array(z.strictObject({ length: seconds, stride: z.exactOptional(seconds) }))
      .min(1)
      .max(8),
  ),
  fps: z.exactOptional(z.number().gt(0).max(60)),
  labels: z.exactOptional(wordsOrFile().schema),
  prompts: z.exactOptional(templates().schema),
  transport: z.exactOptional(z.enum(['tcp', 'udp'])),
  hwaccel: z.exactOptional(z.enum(HWACCELS)),
  'hwaccel-device': z.exactOptional(z.string().min(1)),
  'keyframes-only': z.exactOptional(z.boolean()),
  loop: z.exactOptional(z.boolean()),
  silence: z.exactOptional(duration(3600).schema),
  frozen: z.exactOptional(seconds),
  schedule: z.exactOptional(schedule),
  timezone: z.exactOptional(timezone),
  rules: z.exactOptional(rulesSchema),
  gate: z.exactOptional(gate),
  record: z.exactOptional(record),
}

const cameraSchema = z.strictObject({
  id: z.exactOptional(z.string().regex(/^[\w.-]{1,100}$/, 'must be letters, digits, ".", "_" and "-"')),
  url: z.string().trim().min(1),
  username: z.exactOptional(z.string().min(1)),
  'username-env': z.exactOptional(variable),
  'password-env': z.exactOptional(variable),
  /** The part of the picture that is looked at. */
  roi: z.exactOptional(
    z
      .strictObject({ x: share, y: share, width: share.gt(0), height: share.gt(0) })
      .refine(
        ({ x, y, width, height }) => x + width <= 1 && y + height <= 1,
        'must lie inside the picture: shares of its width and height',
      ),
  ),
  ...common,
})

/** `cameras.yaml`: a list under `cameras`, and beside it what holds for all that do not say otherwise. */
export const camerasSchema = z.strictObject({ ...common, cameras: z.array(cameraSchema) })

type Common = z.output<z.ZodObject<typeof common>>
type Camera = z.output<typeof cameraSchema>

/** What holds where neither the camera nor the file says anything. */
export interface CameraDefaults {
  readonly frames: number
  readonly window: number
  readonly stride: number
  readonly fps?: number
  readonly labels: readonly string[]
  readonly prompts: readonly string[]
  readonly transport: 'tcp' | 'udp'
  readonly hwaccel: Hwaccel
  readonly hwaccelDevice?: string
  readonly keyframesOnly: boolean
  readonly loop: boolean
  readonly silence: number
  readonly frozen?: number
  readonly gate: boolean
  readonly rules: readonly RuleSettings[]
}

/** A camera, every setting decided. Plain data: two that are alike in all are the same. */
export interface CameraSettings {
  /** Results name it `camera:ID`. */
  readonly id: string
  readonly address: LiveAddress
  /** At least one; all of as many frames. */
  readonly windows: readonly {
    readonly kind: 'window'
    readonly frames: number
    readonly length: number
    readonly stride: number
  }[]
  /** Frames a second: by default as many as the shortest window takes. */
  readonly fps: number
  /** Label texts; empty: embeddings only. */
  readonly labels: readonly string[]
  readonly prompts: readonly string[]
  readonly region?: Region
  readonly transport: 'tcp' | 'udp'
  readonly hwaccel: Hwaccel
  readonly hwaccelDevice?: string
  readonly keyframesOnly: boolean
  /** Of a file: begin again at its end. */
  readonly loop: boolean
  /** Seconds without a picture that count as a drop. */
  readonly silence: number
  /** Seconds for which the very same picture may come. Default: for ever. */
  readonly frozen?: number
  /** When it is looked at. Default: always. */
  readonly schedule?: Schedule
  readonly timezone?: string
  readonly rules: readonly RuleSettings[]
  /** Absent: every frame is looked at. */
  readonly gate?: typeof GATE
  /** Absent: no videos or pictures of events are kept. */
  readonly record?: typeof RECORD
}

/** Cameras by their addresses alone. @throws StanflowError USAGE_INVALID */
export function camerasOf(addresses: readonly string[], defaults: CameraDefaults): readonly CameraSettings[] {
  const cameras = addresses.map((text) => {
    const address = parseAddress(text)
    return decided({ url: text }, address, {}, defaults)
  })
  for (const camera of cameras) checkRules(camera)
  return distinct(cameras)
}

/**
 * Cameras of a file. Credentials come out of `env`; paths are relative to the file.
 * @throws StanflowError CONFIG_INVALID
 */
export async function readCameras(
  path: string,
  defaults: CameraDefaults,
  env: NodeJS.ProcessEnv = process.env,
): Promise<readonly CameraSettings[]> {
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    const why = cause.code === 'ENOENT' ? 'does not exist' : `cannot be read (${cause.code})`
    throw invalid(`The cameras file ${path} ${why}.`, cause)
  })
  let plain: unknown
  try {
    plain = readYamlText(text).plain
  } catch (cause) {
    throw invalid(`${path} is not valid YAML: ${(cause as Error).message}.`, cause)
  }
  const parsed = camerasSchema.safeParse(Array.isArray(plain) ? { cameras: plain } : plain)
  if (!parsed.success) throw invalid(`${path}: ${issueText(plain, parsed.error.issues[0])}.`)
  const { cameras, ...shared } = parsed.data
  const folder = dirname(resolve(path))
  const all: CameraSettings[] = []
  for (const camera of cameras) {
    const labels = camera.labels ?? shared.labels
    const read = labels === undefined ? undefined : await readLabels(relocated(labels, folder))
    const address = withCredentials(camera, parseAddress(camera.url), env, path)
    const own = {
      ...defaults,
      ...(read !== undefined && { labels: read.labels }),
      ...(read?.prompts && { prompts: read.prompts }),
    }
    all.push(decided(camera, located(address, folder), shared, own))
  }
  for (const camera of all) checkRules(camera, path)
  return distinct(all, path)
}

/** A rule that looks for what the camera has no label for would never open. */
function checkRules({ id, labels, rules }: CameraSettings, path?: string): void {
  for (const rule of rules) {
    const wanted = rule.labels ?? [rule.label as string]
    const missing = labels.length === 0 ? undefined : wanted.find((label) => !labels.includes(label))
    if (missing !== undefined) {
      const place = path === undefined ? '' : `${path}: `
      throw invalid(`${place}Rule "${rule.name}" looks for "${missing}", which is no label of camera ${id}.`)
    }
  }
}

function decided(
  camera: Partial<Camera> & Pick<Camera, 'url'>,
  address: LiveAddress,
  shared: Common,
  defaults: CameraDefaults,
): CameraSettings {
  const said = { ...shared, ...camera }
  const { frames = defaults.frames, window = defaults.window, stride = defaults.stride } = said
  const lengths = camera.windows ??
    (camera.window === undefined ? shared.windows : undefined) ?? [{ length: window, stride }]
  const windows = lengths.map(({ length, stride: own = Math.min(length, stride) }) => {
    return { kind: 'window', frames, length, stride: own } as const
  })
  const fps = said.fps ?? defaults.fps ?? Math.max(...windows.map(({ length }) => frames / length))
  const device = said['hwaccel-device'] ?? defaults.hwaccelDevice
  const frozen = said.frozen ?? defaults.frozen
  return {
    ...{ id: camera.id ?? nameOf(address), address, windows, fps },
    ...{ labels: defaults.labels, prompts: said.prompts ?? defaults.prompts },
    ...(camera.roi !== undefined && { region: camera.roi }),
    transport: said.transport ?? defaults.transport,
    hwaccel: said.hwaccel ?? defaults.hwaccel,
    ...(device !== undefined && { hwaccelDevice: device }),
    keyframesOnly: said['keyframes-only'] ?? defaults.keyframesOnly,
    loop: said.loop ?? defaults.loop,
    silence: said.silence ?? defaults.silence,
    ...(frozen !== undefined && { frozen }),
    ...(said.schedule !== undefined && { schedule: said.schedule }),
    ...(said.timezone !== undefined && { timezone: said.timezone }),
    rules: byName([...defaults.rules, ...(shared.rules ?? []), ...(camera.rules ?? [])]),
    ...switched('gate', said.gate ?? defaults.gate, GATE),
    ...switched('record', said.record ?? true, RECORD),
  }
}

/** A camera's own rule takes the place of one of its name that is for all. */
const byName = (rules: readonly RuleSettings[]): readonly RuleSettings[] => [
  ...new Map(rules.map((rule) => [rule.name, rule])).values(),
]

function switched<K extends string, V>(key: K, said: boolean | V, standard: V): { readonly [P in K]?: V } {
  if (said === false) return {}
  return { [key]: said === true ? standard : said } as { readonly [P in K]?: V }
}

function withCredentials(
  camera: Camera,
  address: LiveAddress,
  env: NodeJS.ProcessEnv,
  path: string,
): LiveAddress {
  const value = (name: string | undefined): string | undefined => {
    if (name === undefined) return undefined
    const found = env[name]
    if (found === undefined || found === '') {
      throw invalid(`${path}: the environment has no ${name}, which ${camera.id ?? 'a camera'} needs.`)
    }
    return found
  }
  const username = camera.username ?? value(camera['username-env']) ?? address.username
  const password = value(camera['password-env']) ?? address.password
  return {
    ...address,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
  }
}

const located = (address: LiveAddress, folder: string): LiveAddress =>
  address.kind === 'file' ? { ...address, shown: resolve(folder, address.shown) } : address

const relocated = (labels: string | readonly string[], folder: string): string | readonly string[] =>
  typeof labels === 'string' && isLabelFile(labels) ? resolve(folder, labels) : labels

function distinct(cameras: readonly CameraSettings[], path?: string): readonly CameraSettings[] {
  const seen = new Set<string>()
  return cameras.map((camera) => {
    if (path === undefined) {
      // Names that were made up give way to one another.
      let [id, n] = [camera.id, 2]
      while (seen.has(id)) id = `${camera.id}-${n++}`
      seen.add(id)
      return { ...camera, id }
    }
    if (seen.has(camera.id)) throw invalid(`${path}: the id "${camera.id}" is there twice.`)
    seen.add(camera.id)
    return camera
  })
}

function issueText(plain: unknown, issue: z.core.$ZodIssue | undefined): string {
  if (issue === undefined) return 'it is not understood'
  const [first, at, ...keys] = issue.path
  const list = (plain as { cameras?: readonly { id?: unknown }[] } | null)?.cameras
  const isCamera = first === 'cameras' && typeof at === 'number'
  const named = isCamera ? `camera ${String(list?.[at]?.id ?? at + 1)}` : ''
  const place = [named, ...(isCamera ? keys : issue.path).map(String)]
    .filter((part) => part !== '')
    .join(', ')
  const hint = /"password"/.test(issue.message)
    ? ' (give the name of an environment variable: password-env)'
    : ''
  return `${place === '' ? '' : `${place}: `}${issue.message.replace(/\.$/, '')}${hint}`
}

function invalid(message: string, cause?: unknown): StanflowError {
  return new StanflowError('CONFIG_INVALID', message, {
    hint: 'It looks like {cameras: [{id: door, url: rtsp://10.0.0.5/1, username: view, password-env: DOOR}]}; see docs/cameras.md.',
    cause,
  })
}
