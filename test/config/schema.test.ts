import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stringify } from 'yaml'
import { originName, resolveConfig } from '../../src/config/resolve.js'
import {
  CONFIG_KEYS,
  type Config,
  type ConfigKey,
  DEFAULTS,
  HIDDEN,
  showValue,
} from '../../src/config/schema.js'
import { folderWith } from './folder.js'

/** For every key: how a person writes it as text, how in YAML, and what it then is: not the default, where there is another value. */
const WRITTEN: Record<ConfigKey, { text: string; yaml: unknown; value: Config[ConfigKey] }> = {
  since: { text: '36h', yaml: '36h', value: '36h' },
  shard: { text: '3/8', yaml: '3/8', value: '3/8' },
  maxDuration: { text: '72h', yaml: '72h', value: 259_200 },
  maxPixels: { text: '9000000', yaml: 9_000_000, value: 9_000_000 },
  maxBytes: { text: '1.5GB', yaml: '1.5GB', value: 1.5e9 },
  maxCpu: { text: '5', yaml: 5, value: 5 },
  maxMemory: { text: '500mb', yaml: 500_000_000, value: 500e6 },
  maxVideos: { text: '100', yaml: 100, value: 100 },
  s3Endpoint: { text: 'http://s3:9000', yaml: 'http://s3:9000', value: 'http://s3:9000' },
  s3Region: { text: 'eu-north-1', yaml: 'eu-north-1', value: 'eu-north-1' },
  s3PathStyle: { text: 'on', yaml: 'on', value: 'on' },
  s3Timeout: { text: '5s', yaml: 5, value: 5 },
  model: { text: '/models/clip', yaml: '/models/clip', value: '/models/clip' },
  branch: { text: '/b.safetensors', yaml: '/b.safetensors', value: '/b.safetensors' },
  structure: { text: 'mean', yaml: 'mean', value: 'mean' },
  engine: { text: 'onnx', yaml: 'onnx', value: 'onnx' },
  device: { text: 'cpu', yaml: 'cpu', value: 'cpu' },
  deviceId: { text: '1', yaml: 1, value: 1 },
  precision: { text: 'int8', yaml: 'int8', value: 'int8' },
  calibration: { text: '/c.json', yaml: '/c.json', value: '/c.json' },
  sample: { text: 'window', yaml: 'window', value: 'window' },
  frames: { text: '64', yaml: 64, value: 64 },
  window: { text: '1m', yaml: '60s', value: 60 },
  stride: { text: '500ms', yaml: 0.5, value: 0.5 },
  labels: { text: 'cat, dog', yaml: 'cat, dog', value: 'cat, dog' },
  prompts: { text: 'a photo of {}', yaml: ['a photo of {}'], value: ['a photo of {}'] },
  top: { text: '3', yaml: 3, value: 3 },
  to: { text: '/out', yaml: '/out', value: '/out' },
  format: { text: 'npy', yaml: 'npy', value: 'npy' },
  keepFrames: { text: 'true', yaml: true, value: true },
  root: { text: '/videos', yaml: '/videos', value: '/videos' },
  report: { text: '/r.html', yaml: '/r.html', value: '/r.html' },
  brokers: { text: 'k1:9092,k2:9092', yaml: 'k1:9092,k2:9092', value: 'k1:9092,k2:9092' },
  prefix: { text: 'x.', yaml: 'x.', value: 'x.' },
  group: { text: 'g', yaml: 'g', value: 'g' },
  registry: { text: 'http://r:8081', yaml: 'http://r:8081', value: 'http://r:8081' },
  compression: { text: 'lz4', yaml: 'lz4', value: 'lz4' },
  tls: { text: 'on', yaml: true, value: true },
  tlsCa: { text: '/ca.pem', yaml: '/ca.pem', value: '/ca.pem' },
  tlsCert: { text: '/c.pem', yaml: '/c.pem', value: '/c.pem' },
  tlsKey: { text: '/k.pem', yaml: '/k.pem', value: '/k.pem' },
  sasl: { text: 'plain', yaml: 'plain', value: 'plain' },
  saslUsername: { text: 'alice', yaml: 'alice', value: 'alice' },
  saslPassword: { text: 'alices-secret', yaml: 'alices-secret', value: 'alices-secret' },
  saslTokenFile: { text: '/token', yaml: '/token', value: '/token' },
  partitions: { text: '3', yaml: 3, value: 3 },
  replicas: { text: '2', yaml: 2, value: 2 },
  sessionTimeout: { text: '6s', yaml: 6, value: 6 },
  attempts: { text: '5', yaml: 5, value: 5 },
  patience: { text: '90s', yaml: '90s', value: 90 },
  gate: { text: 'on', yaml: true, value: true },
  record: { text: '/media', yaml: '/media', value: '/media' },
  rules: { text: '/rules.yaml', yaml: '/rules.yaml', value: '/rules.yaml' },
  batchDeadline: { text: '20ms', yaml: 0.02, value: 0.02 },
  kafkaClient: { text: 'confluent', yaml: 'confluent', value: 'confluent' },
  clipsTo: { text: 's3://b/clips', yaml: 's3://b/clips', value: 's3://b/clips' },
  index: { text: 's3://b/index', yaml: 's3://b/index', value: 's3://b/index' },
  rollRecords: { text: '50', yaml: 50, value: 50 },
  rollTime: { text: '1m', yaml: 60, value: 60 },
  listen: { text: '0.0.0.0:9464', yaml: '0.0.0.0:9464', value: '0.0.0.0:9464' },
  host: { text: '0.0.0.0', yaml: '0.0.0.0', value: '0.0.0.0' },
  port: { text: '8080', yaml: 8080, value: 8080 },
  accessToken: { text: 'open-sesame', yaml: 'open-sesame', value: 'open-sesame' },
  accessTokenFile: { text: '/token', yaml: '/token', value: '/token' },
  allowHost: {
    text: 'a.example, b.example',
    yaml: ['a.example', 'b.example'],
    value: ['a.example', 'b.example'],
  },
  trustProxy: {
    text: '10.0.0.0/8, ::1',
    yaml: ['10.0.0.0/8', '::1'],
    value: ['10.0.0.0/8', '::1'],
  },
  media: { text: '/videos', yaml: '/videos', value: ['/videos'] },
  quietAfter: { text: '1m', yaml: 60, value: 60 },
  webhook: { text: 'https://a.example/in', yaml: ['https://a.example/in'], value: ['https://a.example/in'] },
  alerts: { text: '/alerts.yaml', yaml: '/alerts.yaml', value: '/alerts.yaml' },
  webhookTimeout: { text: '5s', yaml: 5, value: 5 },
  webhookTries: { text: '3', yaml: 3, value: 3 },
  webhookPrivate: { text: 'on', yaml: true, value: true },
  batch: { text: '16', yaml: '16', value: 16 },
  concurrency: { text: '9', yaml: 9, value: 9 },
  reader: { text: 'node-av', yaml: 'node-av', value: 'node-av' },
  checkpoint: { text: '1.5s', yaml: 1.5, value: 1.5 },
  strict: { text: 'yes', yaml: true, value: true },
  stoppedStatus: { text: '143', yaml: 143, value: 143 },
  json: { text: '1', yaml: true, value: true },
  cameras: { text: '/cameras.yaml', yaml: '/cameras.yaml', value: '/cameras.yaml' },
  fps: { text: '2.5', yaml: 2.5, value: 2.5 },
  transport: { text: 'udp', yaml: 'udp', value: 'udp' },
  hwaccel: { text: 'vaapi', yaml: 'vaapi', value: 'vaapi' },
  hwaccelDevice: { text: '/dev/dri/renderD128', yaml: '/dev/dri/renderD128', value: '/dev/dri/renderD128' },
  keyframesOnly: { text: 'on', yaml: true, value: true },
  loop: { text: 'on', yaml: true, value: true },
  silence: { text: '20s', yaml: 20, value: 20 },
  frozen: { text: '1m', yaml: 60, value: 60 },
  split: { text: 'on', yaml: true, value: true },
  clipSize: { text: '336', yaml: 336, value: 336 },
  clipQuality: { text: '80', yaml: 80, value: 80 },
  dryRun: { text: 'true', yaml: 'true', value: true },
}

test('every key means the same as a flag, as an environment variable and in the file', async (t) => {
  const yaml = Object.fromEntries(CONFIG_KEYS.map(({ key, name }) => [name, WRITTEN[key].yaml]))
  const cwd = await folderWith(t, { 'stanflow.yaml': stringify(yaml) })
  const elsewhere = await folderWith(t)
  const expected = Object.fromEntries(CONFIG_KEYS.map(({ key }) => [key, WRITTEN[key].value]))

  const texts = Object.fromEntries(CONFIG_KEYS.map(({ key }) => [key, WRITTEN[key].text]))
  const byFlag = await resolveConfig({ flags: texts, env: {}, cwd: elsewhere })
  assert.deepEqual(byFlag.config, expected)

  const env = Object.fromEntries(CONFIG_KEYS.map((key) => [key.env, WRITTEN[key.key].text]))
  const byEnv = await resolveConfig({ flags: {}, env, cwd: elsewhere })
  assert.deepEqual(byEnv.config, expected)

  const byFile = await resolveConfig({ flags: {}, env: {}, cwd })
  assert.deepEqual(byFile.config, expected)

  for (const [n, key] of CONFIG_KEYS.entries()) {
    assert.equal(originName(byFlag.origins[key.key]), key.flag)
    assert.equal(originName(byEnv.origins[key.key]), key.env)
    assert.match(originName(byFile.origins[key.key]), /^stanflow\.yaml:\d+$/, `${n}`)
  }
})

test('names follow from the key: flag, environment and file', () => {
  const dryRun = CONFIG_KEYS.find(({ key }) => key === 'dryRun')
  assert.deepEqual([dryRun?.name, dryRun?.flag, dryRun?.env], ['dry-run', '--dry-run', 'STANFLOW_DRY_RUN'])
})

test('a secret is shown nowhere', () => {
  const shown = CONFIG_KEYS.map((key) => showValue(key, { saslPassword: 'alices-secret' }))
  assert.ok(shown.includes(HIDDEN))
  assert.ok(!shown.join().includes('alices-secret'))
})

test('defaults are safe to run with, and every key explains itself', () => {
  assert.ok(DEFAULTS.concurrency >= 1 && DEFAULTS.concurrency <= 8)
  assert.ok(DEFAULTS.prompts.every((prompt) => prompt.includes('{}')))
  for (const { key, about, expects } of CONFIG_KEYS) {
    assert.ok(about.length > 10 && expects.length > 3, key)
  }
})
