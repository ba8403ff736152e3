// Avro's records have classes of their own, which does not matter here.
import { deepEqual as sameValues } from 'node:assert'
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import avsc, { type Schema } from 'avsc'
import type { EmbeddingRecord, LabelsRecord, ValueName, Values } from '../../../src/connect/kafka/records.js'
import { Registry } from '../../../src/connect/kafka/registry.js'
import { topicName } from '../../../src/connect/kafka/topics.js'
import { schemaText, Wire } from '../../../src/connect/kafka/wire.js'
import { type ErrorCode, StanflowError } from '../../../src/errors.js'
import { fixture } from '../../support/fixtures.js'
import { sharedRegistry, topicPrefix } from '../../support/kafka.js'

const vector = Buffer.from(Float32Array.from({ length: 8 }, (_, i) => Math.sin(i)).buffer)
const moment = { clip_id: 'c', source: 'é.mp4', clip_index: 3, start: 0.1, end: 4 }
const result = { ...moment, model_digest: 'd', sampling: 'uniform-12' }
const VALUES: Values = {
  video: {
    ...{ request_id: 'r', source: 'a.mp4', uri: '/a.mp4', bytes: 5_000_000_000, etag: null },
    sample: { kind: 'window', frames: 12, length: 4, stride: 0.5 },
  },
  clip: {
    ...{ ...moment, frame_times: [0, 0.5], frames: [Buffer.from([255, 216]), Buffer.from([255, 217, 0])] },
    claim: null,
  },
  embedding: { ...result, frame_times: [0.1, 0.2], dim: 8, vector } satisfies EmbeddingRecord,
  label: {
    ...result,
    label_set: 's',
    labels: [{ label: 'a cat', score: Math.fround(0.7), similarity: Math.fround(0.2) }],
  } satisfies LabelsRecord,
  event: {
    ...{
      event_id: 'e',
      episode_id: 'p',
      source: 'camera:door',
      kind: 'rule-opened',
      start: 1.8e9,
      end: null,
    },
    ...{ rule: 'fall', label: 'a person falls', peak: Math.fround(0.8), clip_ids: ['c'], thumbnail: null },
    ...{ video: 's3://b/e.mp4', code: null, detail: null },
  },
}
const NAMES = Object.keys(VALUES) as ValueName[]

const code = (expected: ErrorCode) => (error: unknown) => {
  assert.ok(error instanceof StanflowError, String(error))
  assert.equal(error.code, expected, error.message)
  return true
}

async function roundTrip<N extends ValueName>(wire: Wire, name: N): Promise<void> {
  sameValues(await wire.decode(name, await wire.encode(name, VALUES[name])), VALUES[name])
}

describe('values as JSON', () => {
  const wire = new Wire({ prefix: 'x.' })

  test('come back as they were', async () => {
    for (const name of NAMES) await roundTrip(wire, name)
  })

  test('may lack what has a default and hold what is not known', async () => {
    const text = JSON.stringify({ request_id: 'r', source: 's', uri: '/u', colour: 'red' })
    sameValues(await wire.decode('video', Buffer.from(text)), {
      ...{ request_id: 'r', source: 's', uri: '/u', bytes: null, etag: null, sample: null },
    })
  })

  test('that do not fit are refused with where', async () => {
    const bad = Buffer.from(JSON.stringify({ request_id: 'r', source: 7, uri: '/u' }))
    await assert.rejects(wire.decode('video', bad), (error) => {
      assert.match((error as Error).message, /source/)
      return code('KAFKA_SCHEMA')(error)
    })
    await assert.rejects(wire.decode('video', Buffer.from('{"request_id":')), code('KAFKA_SCHEMA'))
    await assert.rejects(wire.decode('video', Buffer.from('plain')), code('KAFKA_SCHEMA'))
    await assert.rejects(wire.decode('video', null), code('KAFKA_SCHEMA'))
  })

  test('of an embedding have as many numbers as they say', async () => {
    for (const dim of [-1, 0, 7, 9, 2 ** 31 - 1]) {
      const bytes = await wire.encode('embedding', { ...VALUES.embedding, dim })
      await assert.rejects(wire.decode('embedding', bytes), code('KAFKA_SCHEMA'))
    }
  })
})

describe('values as Avro with a real registry', () => {
  test('come back as they were, and say their schema as Confluent does', async () => {
    const prefix = topicPrefix()
    const registry = await sharedRegistry()
    const wire = new Wire({ prefix, registry })
    await wire.register()
    for (const name of NAMES) await roundTrip(wire, name)
    const bytes = await wire.encode('label', VALUES.label)
    assert.equal(bytes[0], 0)
    const schema = await new Registry(registry).schema(bytes.readUInt32BE(1))
    assert.equal((JSON.parse(schema) as { name: string }).name, 'Labels')
    // Another process, which has registered nothing.
    sameValues(await new Wire({ prefix, registry }).decode('label', bytes), VALUES.label)
    // A reader takes JSON too, as topics may hold from before.
    sameValues(
      await wire.decode('label', await new Wire({ prefix }).encode('label', VALUES.label)),
      VALUES.label,
    )
    // One may be a stray, two are an option forgotten; where others are JSON, all are strays.
    const bare = new Wire({ prefix })
    await assert.rejects(bare.decode('label', bytes), code('KAFKA_SCHEMA'))
    await assert.rejects(bare.decode('label', bytes), code('KAFKA_NO_REGISTRY'))
    await bare.decode('label', await bare.encode('label', VALUES.label))
    for (let n = 0; n < 3; n++) await assert.rejects(bare.decode('label', bytes), code('KAFKA_SCHEMA'))
    const unknown = Buffer.from(bytes)
    unknown.writeUInt32BE(999_999, 1)
    await assert.rejects(new Wire({ prefix, registry }).decode('label', unknown), code('KAFKA_SCHEMA'))
    // A server that is none, or a path that it does not serve at, is no fault of the record's.
    const elsewhere = new Wire({ prefix, registry: new URL('/nowhere', registry).href })
    await assert.rejects(elsewhere.decode('label', bytes), code('KAFKA_NO_REGISTRY'))
  })

  test('a schema that readers could not read is refused', async () => {
    const prefix = topicPrefix()
    const url = await sharedRegistry()
    await new Wire({ prefix, registry: url }).register()
    const changed = JSON.parse(schemaText('embedding')) as { fields: object[] }
    changed.fields.push({ name: 'camera', type: 'string' })
    const registry = new Registry(url)
    const subject = `${topicName(prefix, 'embeddings')}-value`
    await assert.rejects(registry.register(subject, JSON.stringify(changed)), code('KAFKA_SCHEMA'))
    changed.fields.splice(-1, 1, { name: 'camera', type: 'string', default: '' })
    assert.ok((await registry.register(subject, JSON.stringify(changed))) > 0)
  })

  test('counts and lengths that a record only claims cost nothing', async () => {
    const prefix = topicPrefix()
    const url = await sharedRegistry()
    const registry = new Registry(url)
    const wire = new Wire({ prefix, registry: url })
    const good = await wire.encode('video', VALUES.video)
    const withExtra = async (type: unknown, extra: string): Promise<Buffer> => {
      const schema = JSON.parse(schemaText('video')) as { fields: object[] }
      schema.fields.push({ name: 'extra', type })
      const bytes = Buffer.concat([good, Buffer.from(extra, 'hex')])
      bytes.writeUInt32BE(await registry.register(`${prefix}${extra}`, JSON.stringify(schema)), 1)
      return bytes
    }
    const refused = async (bytes: Buffer, why: RegExp): Promise<void> => {
      const begun = performance.now()
      await assert.rejects(wire.decode('video', bytes), (error) => {
        assert.match((error as Error).message, why)
        return code('KAFKA_SCHEMA')(error)
      })
      assert.ok(performance.now() - begun < 5000)
    }
    // Two to the fiftieth nothings; a block that ends before it begins; a text of two to the fortieth.
    await refused(await withExtra({ type: 'array', items: 'null' }, '808080808080808002'), /100000 items/)
    await refused(
      await withExtra({ type: 'array', items: 'int' }, '0103'),
      /ends too soon|as long as it says/,
    )
    await refused(await withExtra('string', '808080808040'), /ends too soon/)
    sameValues(
      await wire.decode('video', await withExtra({ type: 'array', items: 'int' }, '03040a0c00')),
      VALUES.video,
    )
    // Ten million pictures of no bytes were as many buffers.
    const clip = await wire.encode('clip', {
      ...VALUES.clip,
      frame_times: [],
      frames: Array(100_001).fill(Buffer.alloc(0)),
    })
    await assert.rejects(wire.decode('clip', clip), code('KAFKA_SCHEMA'))
    const json = Buffer.from(JSON.stringify({ ...VALUES.clip, frames: Array(100_001).fill('') }))
    await assert.rejects(new Wire({ prefix }).decode('clip', json), code('KAFKA_SCHEMA'))
  })

  test('a schema that is none is the fault of the record that names it', async () => {
    const prefix = topicPrefix()
    const url = await sharedRegistry()
    const wire = new Wire({ prefix, registry: url })
    const bytes = await wire.encode('video', VALUES.video)
    const fields = Array.from({ length: 70_000 }, (_, n) => ({ name: `f${n}`, type: 'int' }))
    const schemas = [
      { type: 'record', name: 'Video', fields },
      {
        type: 'record',
        name: 'Video',
        fields: [{ name: 'a', type: { type: 'enum', name: 'E', symbols: [] } }],
      },
    ]
    for (const [n, schema] of schemas.entries()) {
      bytes.writeUInt32BE(await new Registry(url).register(`${prefix}${n}`, JSON.stringify(schema)), 1)
      await assert.rejects(wire.decode('video', bytes), code('KAFKA_SCHEMA'))
    }
  })

  test('a registry that is not there is told', async () => {
    const wire = new Wire({ prefix: 'x.', registry: 'http://127.0.0.1:1' })
    await assert.rejects(wire.encode('video', VALUES.video), code('KAFKA_REGISTRY'))
  })
})

test('what earlier versions of the schemas wrote can be read', () => {
  const files = readdirSync(fixture('avro'))
  assert.ok(files.length >= NAMES.length)
  for (const file of files) {
    const name = file.split('.')[0] as ValueName
    const writer = avsc.Type.forSchema(JSON.parse(readFileSync(fixture(`avro/${file}`), 'utf8')) as Schema)
    const reader = avsc.Type.forSchema(JSON.parse(schemaText(name)) as Schema)
    const bytes = writer.toBuffer(VALUES[name])
    sameValues(reader.fromBuffer(bytes, reader.createResolver(writer)), VALUES[name])
  }
})
