import { createHash, randomUUID } from 'node:crypto'
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FramePool } from '../../../operators/index.js'
import { jpegClip, momentOf } from '../../../pipelines/consume/jpeg-clip.js'
import { receivers } from '../../../src/config/alerts.js'
import { type CameraDefaults, readCameras } from '../../../src/config/cameras.js'
import { readLabels } from '../../../src/config/labels.js'
import { resolveConfig } from '../../../src/config/resolve.js'
import { readRules } from '../../../src/config/rules.js'
import type { ClipRecord, ValueName } from '../../../src/connect/kafka/records.js'
import { Registry } from '../../../src/connect/kafka/registry.js'
import { Wire } from '../../../src/connect/kafka/wire.js'
import { openCalibration } from '../../../src/engine/calibration/file.js'
import { loadModel } from '../../../src/engine/select.js'
import { clipTokenizerJson } from '../../../src/model/embedded.js'
import { openSource } from '../../../src/model/import/sources.js'
import { openModel } from '../../../src/model/load.js'
import { readTrainConfig } from '../../../src/train/config.js'
import { isAboutData, readDataConfig } from '../../../src/train/on-data/config.js'

/** Reads an input by stanflow's own code; what it gives is said in a few words that are the same every time. */
export type Reader = (path: string, beside: string) => Promise<string>

const DEFAULTS: CameraDefaults = {
  ...{ frames: 12, window: 4, stride: 1, labels: ['a'], prompts: ['{}'], transport: 'tcp', hwaccel: 'none' },
  ...{ keyframesOnly: false, loop: false, silence: 5, gate: false, rules: [] },
}
/** Left behind by none: a pickle that ran something would make it. */
const CANARY = '/tmp/stanflow-pickle-ran'

/** A model folder that is as good as another one but for one file. */
async function inFolder<T>(
  name: string,
  path: string,
  beside: string,
  work: (folder: string) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'stanflow-fuzz-model-'))
  try {
    for (const file of ['config.json', 'model.safetensors'])
      copyFileSync(join(beside, file), join(folder, file))
    writeFileSync(join(folder, 'tokenizer.json'), clipTokenizerJson())
    if (existsSync(join(beside, 'tokenizer.json')))
      copyFileSync(join(beside, 'tokenizer.json'), join(folder, 'tokenizer.json'))
    copyFileSync(path, join(folder, name))
    return await work(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Every tensor of a model as it is opened, and texts through its tokenizer. */
async function modelOf(folder: string): Promise<string> {
  const model = openModel({ model: folder, structure: 'auto' })
  const hash = createHash('sha256').update(model.digest)
  for (const name of [...model.weights.names].sort())
    hash.update(new Uint8Array(model.weights.read(name).data.buffer))
  const { ids } = model.tokenizer
    .open()
    .batch(['a red square falls', 'Ünïcødé 日本語 \u0000'], model.config.text.positions)
  return hash.update(ids.join()).digest('hex')
}

const wires = new Map<string, Wire>()

/** One for the whole life of the process, as a consumer has it. */
function wireTo(registry: string): Wire {
  const wire =
    wires.get(registry) ?? new Wire({ prefix: 'fuzz.', ...(/^http/.test(registry) && { registry }) })
  wires.set(registry, wire)
  return wire
}

/** A schema that is put into the registry, and a record of it, in hexadecimal on the last line, as a consumer takes it. */
async function writerSchema(path: string, registry: string): Promise<string> {
  const text = readFileSync(path, 'utf8')
  const at = text.lastIndexOf('\n')
  const id = await new Registry(registry).register(`fuzz-${randomUUID()}`, text.slice(0, Math.max(0, at)))
  const head = Buffer.alloc(5)
  head.writeUInt32BE(id, 1)
  const value = await wireTo(registry).decode(
    'video',
    Buffer.concat([head, Buffer.from(text.slice(at + 1), 'hex')]),
  )
  return JSON.stringify(value)
}

/** A record of a topic as a consumer takes it: decoded and checked, and a clip's pictures as the model would see them. */
async function messageOf<N extends ValueName>(name: N, path: string, registry: string): Promise<string> {
  const value = await wireTo(registry).decode(name, readFileSync(path))
  return name === 'clip' ? pixelsOf(value as ClipRecord) : JSON.stringify(value)
}

async function pixelsOf(record: ClipRecord): Promise<string> {
  const options = { frames: 4, side: 60, modelDigest: 'm', pool: new FramePool() }
  const clip = await jpegClip(record, momentOf(record), options)
  const hash = createHash('sha256').update(clip.id)
  for (const { pixels } of clip.frames) hash.update(pixels)
  return hash.digest('hex')
}

export const READERS: Readonly<Record<string, Reader>> = {
  safetensors: (path, beside) => inFolder('model.safetensors', path, beside, modelOf),
  config: (path, beside) => inFolder('config.json', path, beside, modelOf),
  tokenizer: (path, beside) => inFolder('tokenizer.json', path, beside, modelOf),
  async pickle(path) {
    const file = await openSource([path])
    try {
      const hash = createHash('sha256')
      for (const [name, tensor] of file.tensors)
        hash.update(name).update(tensor.shape.join()).update(tensor.bytes())
      if (existsSync(CANARY)) throw new Error('a pickle ran code')
      return hash.digest('hex')
    } finally {
      file.close()
    }
  },
  /** The graph that an engine is given: weights that opened, through the ONNX emitter and onnxruntime itself. */
  onnx: (path, beside) =>
    inFolder('model.safetensors', path, beside, async (folder) => {
      const { model } = await loadModel({
        ...{ engine: 'onnx', device: 'cpu', precision: 'fp32', model: folder, structure: 'auto', frames: 2 },
      })
      try {
        return model.info.digest
      } finally {
        await model.close()
      }
    }),
  'message: clip': (path, beside) => messageOf('clip', path, beside),
  'message: video': (path, beside) => messageOf('video', path, beside),
  'message: event': (path, beside) => messageOf('event', path, beside),
  'message: embedding': (path, beside) => messageOf('embedding', path, beside),
  'message: label': (path, beside) => messageOf('label', path, beside),
  'writer schema': writerSchema,
  /** Of a clip in a topic. */
  async picture(path) {
    const frames = [readFileSync(path)]
    const record = {
      clip_id: 'c',
      source: 'camera:a',
      clip_index: 0,
      start: 0,
      end: 1,
      frame_times: [0],
      frames,
    }
    return pixelsOf(record)
  },
  calibration: async (path) => openCalibration(path).digest,
  async stanflow(path) {
    const { config } = await resolveConfig({ flags: {}, env: {}, cwd: tmpdir(), file: path })
    return JSON.stringify(config)
  },
  cameras: async (path) => JSON.stringify(await readCameras(path, DEFAULTS, { DOOR: 'x' })),
  rules: async (path) => JSON.stringify(await readRules(path)),
  labels: async (path) => JSON.stringify(await readLabels(path)),
  async alerts(path) {
    const { config } = await resolveConfig({ flags: { alerts: path }, env: {}, cwd: tmpdir() })
    return JSON.stringify(
      await receivers(config, { SECRET: `whsec_${Buffer.alloc(32, 7).toString('base64')}` }),
    )
  },
  async train(path) {
    return JSON.stringify(
      (await isAboutData(path)) ? await readDataConfig(path) : await readTrainConfig(path),
    )
  },
}
