import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { z } from 'zod'
import { CLIENT_NAMES } from '../connect/kafka/open.js'
import { COMPRESSIONS } from '../connect/kafka/settings.js'
import { DEVICES, ENGINE_NAMES, PRECISIONS } from '../engine/engine.js'
import { LIMITS } from '../media/limits.js'
import { HWACCELS } from '../media/live/settings.js'
import { parseRepo } from '../model/hub/repo.js'
import { STRUCTURE_NAMES } from '../model/temporal/structures.js'
import {
  bytes,
  choice,
  count,
  duration,
  type Kind,
  networks,
  onOff,
  rate,
  several,
  templates,
  text,
  wordsOrFile,
} from './kinds.js'
import { isLabelFile } from './label-file.js'
import { shard, since } from './which.js'

export type Group =
  | 'Cameras'
  | 'Model'
  | 'Videos'
  | 'Limits'
  | 'Clips'
  | 'Labels'
  | 'Results'
  | 'S3'
  | 'Run'
  | 'Kafka'
  | 'Search'
  | 'Server'
  | 'Alerts'
  | 'Events'

interface About {
  readonly group: Group
  readonly about: string
  /** What it means that no value is given. */
  readonly unset?: string
  /** Reads a path in a configuration file as relative to that file's folder. */
  readonly relocate?: (value: string, folder: string) => string
  /** Never shown. */
  readonly secret?: true
}

type Info = About & Omit<Kind<z.ZodType>, 'schema' | 'show'> & { readonly show: (value: unknown) => string }

/** Stands for a secret wherever values are shown. */
export const HIDDEN = '••••••'

const registry = z.registry<Info>()

function key<S extends z.ZodType>(kind: Kind<S>, standard: z.output<S>, about: About) {
  const schema = z._default(kind.schema, standard as never)
  registry.add(schema, info(kind, about))
  return schema
}

function optional<S extends z.ZodType>(kind: Kind<S>, about: About) {
  const schema = z.exactOptional(kind.schema)
  registry.add(schema, info(kind, about))
  return schema
}

function info<S extends z.ZodType>({ schema, show, ...kind }: Kind<S>, about: About): Info {
  return {
    ...kind,
    ...about,
    show: (value) => (about.secret && !isNone(value) ? HIDDEN : show(schema.parse(value))),
  }
}

const isNone = (value: unknown): boolean => Array.isArray(value) && value.length === 0

/** Models that are no folder: `default`, and `random:<ViT name>` for benchmarks. */
const EMBEDDED = /^(default$|random:)/

/** Places that are no path: `s3://bucket/prefix`. */
const URI = /^[a-z][a-z0-9+.-]+:\/\//i

const inFolder = (value: string, folder: string): string => (URI.test(value) ? value : resolve(folder, value))
/** A model that is no path: embedded, or pulled from a hub. */
const isElsewhere = (value: string, folder: string): boolean =>
  EMBEDDED.test(value) || (parseRepo(value) !== undefined && !existsSync(resolve(folder, value)))

/**
 * Everything a backfill can be told, once: flags, environment names, `stanflow.yaml` keys, help and checks are all
 * read off this object.
 */
export const configSchema = z.object({
  model: key(text('model', 'a folder, a pulled owner/name, or "default"'), 'default', {
    group: 'Model',
    about:
      'CLIP folder, owner/name of a pulled one (stanflow models pull), or "default" for the embedded model',
    relocate: (value, folder) => (isElsewhere(value, folder) ? value : resolve(folder, value)),
  }),
  branch: optional(text('file', 'a .safetensors file'), {
    group: 'Model',
    about: 'weights of the temporal branch',
    unset: "branch.safetensors in the model's folder, if any",
    relocate: inFolder,
  }),
  structure: key(choice('auto', ...STRUCTURE_NAMES), 'auto', {
    group: 'Model',
    about: 'how frames become one embedding; auto: the one that there are weights for, else mean',
  }),
  engine: key(choice('auto', ...ENGINE_NAMES), 'auto', {
    group: 'Model',
    about: 'what computes; auto: the quickest that works here, see `stanflow doctor`',
  }),
  device: key(choice('auto', ...DEVICES), 'auto', {
    group: 'Model',
    about: 'where; auto: a graphics card if one can be used',
  }),
  deviceId: optional(count(0, 63), {
    group: 'Model',
    about: 'which graphics card',
    unset: '0',
  }),
  precision: key(choice(...PRECISIONS), 'fp32', {
    group: 'Model',
    about: 'what the model computes in; other precisions are quicker and give other results',
  }),
  calibration: optional(text('file', 'a .json file'), {
    group: 'Model',
    about: 'activation ranges for --precision int8, made by `stanflow models calibrate`',
    unset: 'ranges are taken as they come',
    relocate: inFolder,
  }),

  since: optional(since(), {
    group: 'Videos',
    about: 'only videos modified since',
    unset: 'all',
  }),
  shard: optional(shard(), {
    group: 'Videos',
    about: "only this run's share of the videos or cameras, of n runs side by side",
    unset: 'all',
  }),
  maxVideos: optional(count(1, 1_000_000_000), {
    group: 'Videos',
    about: 'end after so many; those done before do not count',
    unset: 'all',
  }),

  maxDuration: key(duration(30 * 86_400), LIMITS.duration, {
    group: 'Limits',
    about: 'longer videos are refused',
  }),
  maxPixels: key(count(1, 1_000_000_000), LIMITS.pixels, {
    group: 'Limits',
    about: 'videos, cameras and clips with larger pictures are refused',
  }),
  maxBytes: key(bytes(), LIMITS.bytes, { group: 'Limits', about: 'larger files are refused' }),
  maxCpu: key(count(1, 100_000), LIMITS.cpu, {
    group: 'Limits',
    about: 'processor seconds that decoding a second of video may take, beside a minute for each',
  }),
  maxMemory: key(bytes(), LIMITS.memory, {
    group: 'Limits',
    about: 'memory that the decoder of a video or a camera may take',
  }),

  sample: key(choice('uniform', 'window'), 'uniform', {
    group: 'Clips',
    about: 'uniform: one clip over the whole video; window: a clip every --stride',
  }),
  frames: key(count(1, 64), 12, { group: 'Clips', about: 'frames in a clip, 1 to 64' }),
  window: key(duration(86_400), 4, { group: 'Clips', about: 'length of a window' }),
  stride: optional(duration(86_400), {
    group: 'Clips',
    about: 'from the start of one window to the next',
    unset: 'same as --window; for cameras a quarter of it',
  }),

  labels: optional(wordsOrFile(), {
    group: 'Labels',
    about: 'what to look for: a .txt, .jsonl or .yaml file, or "cat, dog, a car that turns"',
    unset: 'no labels, embeddings only',
    relocate: (value, folder) => (isLabelFile(value) ? resolve(folder, value) : value),
  }),
  // CLIP's way to recognise: a sentence around a noun; `{}` alone serves labels that are sentences themselves.
  prompts: key(templates(), ['a video of {}.', '{}'], {
    group: 'Labels',
    about: 'sentence around each label, with {} in its place; repeat it to average several',
  }),
  top: key(count(1, 1000), 5, { group: 'Labels', about: 'labels to keep for each clip' }),

  to: optional(text('place', 'a folder, or s3://bucket/prefix'), {
    group: 'Results',
    about: 'where results go, required: a folder (made if missing), or s3://bucket/prefix',
    relocate: inFolder,
  }),
  format: key(choice('parquet', 'jsonl', 'npy'), 'parquet', {
    group: 'Results',
    about: 'what files results are',
  }),
  keepFrames: key(onOff(), false, {
    group: 'Results',
    about: "store the vectors of each clip's frames too, for search --rerank; as many times the room",
  }),
  root: optional(text('place', 'a folder, or s3://bucket/prefix'), {
    group: 'Results',
    about: 'videos are named relative to this, the same on every machine',
    unset: 'named by their absolute paths or URIs',
    relocate: inFolder,
  }),
  report: optional(text('file', 'an .html file'), {
    group: 'Results',
    about: 'write a page with pictures, labels and failures',
    unset: 'no report',
    relocate: inFolder,
  }),

  s3Endpoint: optional(text('url', 'the URL of an S3 server'), {
    group: 'S3',
    about: 'server of s3:// places; credentials come from the AWS chain: environment, profile, role',
    unset: 'AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, else AWS',
  }),
  s3Region: optional(text('name', 'a region'), {
    group: 'S3',
    about: 'region of the buckets',
    unset: 'AWS_REGION or the profile',
  }),
  s3PathStyle: key(choice('auto', 'on', 'off'), 'auto', {
    group: 'S3',
    about: 'bucket in the path, not in the host name; auto: with an endpoint that is not AWS',
  }),
  s3Timeout: key(duration(3600), 30, { group: 'S3', about: 'silence after which a call is tried again' }),

  brokers: key(text('list', 'host:port, host:port'), '127.0.0.1:9092', {
    group: 'Kafka',
    about: 'brokers to begin with',
  }),
  prefix: key(text('text', 'what topics begin with'), 'stanflow.', {
    group: 'Kafka',
    about: 'topics are named PREFIXvideos, PREFIXembeddings and so on',
  }),
  group: optional(text('name', "a consumer group's name"), {
    group: 'Kafka',
    about: 'consumer group: members of one share the work',
    unset: 'PREFIX and the command, such as stanflow.consume',
  }),
  registry: optional(text('url', 'the URL of a schema registry'), {
    group: 'Kafka',
    about: 'schema registry: values are Avro then',
    unset: 'values are JSON',
    // It may hold a user and a password.
    secret: true,
  }),
  kafkaClient: key(choice(...CLIENT_NAMES), 'kafkajs', {
    group: 'Kafka',
    about: 'library that speaks with the brokers; confluent is librdkafka, which is installed by hand',
  }),
  compression: key(choice(...COMPRESSIONS), 'zstd', {
    group: 'Kafka',
    about: 'of what is produced',
  }),
  tls: key(onOff(), false, { group: 'Kafka', about: 'speak TLS with the brokers' }),
  tlsCa: optional(text('file', 'a .pem file'), {
    group: 'Kafka',
    about: "certificates that vouch for the brokers'",
    unset: 'those Node trusts',
    relocate: inFolder,
  }),
  tlsCert: optional(text('file', 'a .pem file'), {
    group: 'Kafka',
    about: 'own certificate, where brokers ask for one',
    unset: 'none',
    relocate: inFolder,
  }),
  tlsKey: optional(text('file', 'a .pem file'), {
    group: 'Kafka',
    about: "the own certificate's key",
    unset: 'none',
    relocate: inFolder,
  }),
  sasl: key(choice('none', 'plain', 'scram-sha-256', 'scram-sha-512', 'oauthbearer'), 'none', {
    group: 'Kafka',
    about: 'how to say who one is',
  }),
  saslUsername: optional(text('name', 'a user name'), { group: 'Kafka', about: 'user of --sasl' }),
  saslPassword: optional(text('text', 'a password'), {
    group: 'Kafka',
    about: 'better given as STANFLOW_SASL_PASSWORD: a flag is seen by all users of the machine',
    secret: true,
  }),
  saslTokenFile: optional(text('file', 'a file'), {
    group: 'Kafka',
    about: 'holds the token of --sasl oauthbearer; read again for each connection',
    unset: 'none',
    relocate: inFolder,
  }),
  partitions: key(count(1, 10_000), 12, {
    group: 'Kafka',
    about: 'of each topic made: the most consumers that can share the work',
  }),
  replicas: optional(count(1, 100), {
    group: 'Kafka',
    about: 'copies of each topic made',
    unset: "the broker's default",
  }),
  sessionTimeout: key(duration(1800), 30, {
    group: 'Kafka',
    about: 'a consumer not heard of for so long is taken for dead',
  }),
  attempts: key(count(1, 1000), 3, {
    group: 'Kafka',
    about: 'deaths of the process at one message before it goes to the dead letters',
  }),
  patience: key(duration(86_400), 300, {
    group: 'Kafka',
    about: 'an object that fails for so long, while its bucket answers, goes to the dead letters',
  }),
  batchDeadline: key(duration(60), 0.1, {
    group: 'Kafka',
    about: 'a batch that is not full goes to the model after so long',
  }),
  clipsTo: optional(text('place', 'a folder, or s3://bucket/prefix'), {
    group: 'Kafka',
    about: 'where pictures of clips go that are too large for their topic; consumers read them there',
    unset: 'a clip that is too large is an error',
    relocate: inFolder,
  }),
  rollRecords: key(count(1, 1_000_000), 10_000, {
    group: 'Kafka',
    about: 'records in a file of the archive at most',
  }),
  rollTime: key(duration(86_400), 600, {
    group: 'Kafka',
    about: 'time that a file of the archive spans at most; results wait no longer for theirs',
  }),

  index: optional(text('place', 'a folder, or s3://bucket/prefix'), {
    group: 'Search',
    about: 'where `stanflow index` keeps the index',
    unset: 'none',
    relocate: inFolder,
  }),
  host: key(text('address', 'an address of this machine'), '127.0.0.1', {
    group: 'Server',
    about: 'address to serve at; any other than this machine’s own takes a token',
  }),
  port: key(count(0, 65_535), 4650, { group: 'Server', about: 'port to serve at; 0: any that is free' }),
  accessToken: optional(text('text', 'a token'), {
    group: 'Server',
    about: 'token that visitors must give, best as STANFLOW_ACCESS_TOKEN',
    unset: 'none on 127.0.0.1, else one is made and printed',
    secret: true,
  }),
  accessTokenFile: optional(text('file', 'a file'), {
    group: 'Server',
    about: 'holds the token that visitors must give',
    unset: 'STANFLOW_ACCESS_TOKEN; without it none on 127.0.0.1, else one is made and printed',
    relocate: inFolder,
  }),
  allowHost: key(several('name', 'one or more host names'), [], {
    group: 'Server',
    about: 'name by which a proxy in front is called; repeatable',
  }),
  trustProxy: key(networks('network', 'one or more addresses or networks, such as 10.0.0.0/8'), [], {
    group: 'Server',
    about: 'where a proxy in front stands, whose X-Forwarded-For is believed; repeatable',
  }),
  media: key(several('place', 'one or more folders or s3://bucket/prefix'), [], {
    group: 'Server',
    about: 'place whose videos may be shown, beside the results and the working directory; repeatable',
  }),
  quietAfter: key(duration(86_400), 30, {
    group: 'Server',
    about: 'a camera without labels for so long is called quiet',
  }),

  webhook: key(several('url', 'one or more URLs'), [], {
    group: 'Alerts',
    about: 'receiver of all events, signed with STANFLOW_WEBHOOK_SECRET; repeatable',
    // It may hold a key of the receiver's.
    secret: true,
  }),
  alerts: optional(text('file', 'a .yaml file'), {
    group: 'Alerts',
    about: 'receivers, each with the events it wants (docs/alerts.md)',
    unset: 'none',
    relocate: inFolder,
  }),
  webhookTimeout: key(duration(300), 10, {
    group: 'Alerts',
    about: 'a receiver that does not answer for so long is asked again',
  }),
  webhookTries: key(count(1, 100), 24, {
    group: 'Alerts',
    about: 'of one event at one receiver, before it goes to the dead letters; 24 take about two hours',
  }),
  webhookPrivate: key(onOff(), false, {
    group: 'Alerts',
    about: 'let webhooks go to private addresses, and by http',
  }),
  cameras: optional(text('file', 'a .yaml file'), {
    group: 'Cameras',
    about: 'a file of cameras, each with settings of its own; changes to it are taken up as they are made',
    relocate: inFolder,
  }),
  fps: optional(rate(), {
    group: 'Cameras',
    about: 'frames sampled in a second',
    unset: '--frames / --window',
  }),
  transport: key(choice('tcp', 'udp'), 'tcp', {
    group: 'Cameras',
    about: 'what RTSP cameras send pictures over',
  }),
  hwaccel: key(choice(...HWACCELS), 'none', {
    group: 'Cameras',
    about: 'what decodes in place of the processor; checked at the start',
  }),
  hwaccelDevice: optional(text('device', 'a device'), {
    group: 'Cameras',
    about: 'such as /dev/dri/renderD128, or the number of a card',
    unset: 'the first',
  }),
  keyframesOnly: key(onOff(), false, {
    group: 'Cameras',
    about: 'decode only pictures that need no other: cheap, and as coarse as they are far apart',
  }),
  loop: key(onOff(), false, { group: 'Cameras', about: 'play a file over and over' }),
  silence: key(duration(3600), 5, {
    group: 'Cameras',
    about: 'a camera without a picture for so long is connected to anew',
  }),
  frozen: optional(duration(86_400), {
    group: 'Cameras',
    about: 'and one that sends the very same picture for so long',
    unset: 'it may',
  }),
  split: key(onOff(), false, {
    group: 'Cameras',
    about: 'send pictures to the topic "clips", for `stanflow consume` to embed, in place of results',
  }),
  clipSize: key(count(32, 1024), 224, { group: 'Cameras', about: 'with --split: pixels along a picture' }),
  clipQuality: key(count(1, 100), 90, { group: 'Cameras', about: 'with --split: quality of the JPEGs' }),

  gate: key(onOff(), false, {
    group: 'Events',
    about: 'let a camera that shows nothing new cost no inference',
  }),
  record: optional(text('place', 'a folder, or s3://bucket/prefix'), {
    group: 'Events',
    about: "where videos and pictures of cameras' events are kept",
    unset: 'none are',
    relocate: inFolder,
  }),
  rules: optional(text('file', 'a .yaml file'), {
    group: 'Events',
    about: 'rules by which labels open and close events',
    unset: 'no events',
    relocate: inFolder,
  }),

  batch: key(count(1, 256), 8, { group: 'Run', about: 'clips in one run of the model' }),
  concurrency: key(count(1, 64), Math.min(availableParallelism(), 8), {
    group: 'Run',
    about: 'videos decoded at once',
  }),
  reader: key(choice('auto', 'ffmpeg', 'node-av'), 'auto', {
    group: 'Run',
    about: 'what decodes; auto: node-av, and ffmpeg for runs of frames where it is installed',
  }),
  checkpoint: key(duration(3600), 30, { group: 'Run', about: 'work that a crash may cost at most' }),
  strict: key(onOff(), false, { group: 'Run', about: 'exit with 1 when any video failed' }),
  stoppedStatus: key(count(0, 255), 0, {
    group: 'Run',
    about: 'exit with this where a signal ended the run before every video was done',
  }),
  listen: optional(text('host:port', 'host:port'), {
    group: 'Run',
    about: 'serve /metrics, /healthz and /readyz there; :port is for this machine only',
    unset: 'not served',
  }),
  json: key(onOff(), false, {
    group: 'Run',
    about: 'one JSON document on stdout, events as JSON lines on stderr',
  }),
  dryRun: key(onOff(), false, { group: 'Run', about: 'list what would be done, decode nothing' }),
})

/** Every setting, decided; times are seconds. */
export type Config = Readonly<z.output<typeof configSchema>>
export type ConfigKey = keyof Config

/** One key under all its names. */
export interface KeyInfo extends Info {
  readonly key: ConfigKey
  /** In `stanflow.yaml`: `dry-run`. */
  readonly name: string
  /** `--dry-run` */
  readonly flag: string
  /** `STANFLOW_DRY_RUN` */
  readonly env: string
}

export const CONFIG_KEYS: readonly KeyInfo[] = Object.entries(configSchema.shape).map(([key, schema]) => {
  const about = registry.get(schema)
  if (about === undefined) throw new TypeError(`The key ${key} is not described.`)
  const name = key.replaceAll(/[A-Z]/g, (capital) => `-${capital.toLowerCase()}`)
  const env = `STANFLOW_${name.replaceAll('-', '_').toUpperCase()}`
  return { ...about, key: key as ConfigKey, name, flag: `--${name}`, env }
})

/** Every key that has a default, at its default. */
export const DEFAULTS: Config = configSchema.parse({})

/** A value as people read it; what it means where there is none. */
export function showValue({ key, unset, show }: KeyInfo, config: Partial<Config>): string {
  const value = config[key]
  return value === undefined ? `(${unset ?? 'not set'})` : show(value)
}
