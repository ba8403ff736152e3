import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import type { ValueName, Values } from '../../../../src/connect/kafka/records.js'
import { schemaText, Wire } from '../../../../src/connect/kafka/wire.js'
import { Registry } from '../../../support/registry.js'
import type { Door } from '../door.js'
import { mutate, type Random } from '../mutate.js'
import { EVENT, fileDoor } from './files.js'

const HEADER = 5
/** Schema ids and lengths that nobody gave. */
const IDS = [0, 1, 2, 3, 4, 5, 6, 7, 0x7fffffff, 0x80000000, 0xffffffff]

let own: Promise<Registry> | undefined

/** Address of a registry that ends with this process. */
export async function ownRegistry(): Promise<string> {
  own ??= Registry.start()
  return (await own).url
}

/** A number as Avro writes it: zigzag, seven bits a byte. */
export function long(value: bigint): Buffer {
  const bytes: number[] = []
  let rest = value >= 0n ? value * 2n : -value * 2n - 1n
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
  bytes.push(Number(rest))
  return Buffer.from(bytes)
}

const LONGS = [
  -1n,
  -2n,
  0n,
  1n,
  63n,
  1000n,
  2n ** 31n,
  2n ** 40n,
  2n ** 53n,
  2n ** 63n - 1n,
  -(2n ** 63n),
].map(long)

/** Bytes of a record as they are changed: its schema's id, numbers that are lengths and counts, or anything. */
export function mutateAvro(good: Buffer, random: Random, other: Buffer): Buffer {
  const how = random.int(8)
  if (how === 0) {
    const bytes = Buffer.from(good)
    bytes.writeUInt32BE(random.pick(IDS), 1)
    return bytes
  }
  const [head, body] = [good.subarray(0, HEADER), good.subarray(HEADER)]
  if (how < 4) {
    const at = random.int(body.length)
    return Buffer.concat([head, body.subarray(0, at), random.pick(LONGS), body.subarray(at + random.int(3))])
  }
  if (how < 7) return Buffer.concat([head, mutate(body, random, other.subarray(HEADER))])
  return mutate(good, random, other)
}

const moment = { clip_id: 'c', source: 'camera:door', clip_index: 3, start: 1.7e9, end: 1.7e9 + 4 }
const result = { ...moment, model_digest: 'ab'.repeat(32), sampling: 'window-12-4s-2s' }

async function valuesOf(): Promise<Values> {
  const picture = await sharp({ create: { width: 64, height: 48, channels: 3, background: '#3a7' } })
    .jpeg()
    .toBuffer()
  return {
    video: {
      ...{ request_id: 'r', source: 'a.mp4', uri: '/videos/a.mp4', bytes: 5_000_000_000, etag: 'e' },
      sample: { kind: 'window', frames: 12, length: 4, stride: 2 },
    },
    clip: { ...moment, frame_times: [0, 1, 2, 3], frames: Array(4).fill(picture), claim: null },
    embedding: {
      ...{ ...result, frame_times: [0, 1, 2, 3], dim: 512 },
      vector: Buffer.from(Float32Array.from({ length: 512 }, (_, i) => Math.sin(i)).buffer),
    },
    label: {
      ...{ ...result, label_set: 'cd'.repeat(32) },
      labels: ['a person falls', 'a cat'].map((label) => ({ label, score: 0.5, similarity: 0.25 })),
    },
    event: { ...EVENT, peak: 0.75 },
  }
}

const text = (value: string): Buffer => Buffer.concat([long(BigInt(value.length)), Buffer.from(value)])
const moments = Buffer.concat([text('c'), text('s'), long(0n), Buffer.alloc(16)])

/** Where the first array of each value begins, and bytes that it is to have there. */
const BODIES: Readonly<Record<ValueName, Readonly<Record<string, Buffer>>>> = {
  clip: {
    times: Buffer.concat([moments, long(2n ** 40n)]),
    // A hundred thousand million items that take no room, twice.
    frames: Buffer.concat([moments, long(0n), long(10_000_000n), Buffer.alloc(10_000_002)]),
    block: Buffer.concat([moments, long(-1n), long(-(2n ** 40n)), Buffer.alloc(64)]),
    length: Buffer.concat([moments, long(0n), long(1n), long(2n ** 62n), Buffer.alloc(64)]),
  },
  video: { text: long(2n ** 53n - 1n), negative: long(-(2n ** 62n)), endless: Buffer.alloc(5_000_000, 0xff) },
  embedding: { times: Buffer.concat([moments, long(2n ** 53n)]) },
  label: {
    labels: Buffer.concat([moments, text('m'), text('s'), text('l'), long(2n ** 40n), Buffer.alloc(100)]),
  },
  event: {
    ids: Buffer.concat([
      ...[text('e'), text('p'), text('s'), text('k'), Buffer.alloc(8), Buffer.alloc(4)],
      ...[long(10_000_000n), Buffer.alloc(10_000_010)],
    ]),
  },
}

const NAMES = Object.keys(BODIES) as ValueName[]

async function wireTo(registry: string): Promise<Wire> {
  const wire = new Wire({ prefix: 'fuzz.', registry })
  await wire.register()
  return wire
}

const bytesDoor = (name: ValueName): Door =>
  fileDoor({
    ...{ name: `avro: ${name}`, reader: `message: ${name}`, standard: 300, short: 10, mostMiB: 600 },
    ...{ beside: ownRegistry, mutant: mutateAvro },
    async goods(folder, registry) {
      const path = join(folder, 'given')
      await writeFile(path, await (await wireTo(registry)).encode(name, (await valuesOf())[name]))
      return [path]
    },
    async bombs(folder) {
      const head = (await readFile(join(folder, 'given'))).subarray(0, HEADER)
      return Promise.all(
        Object.entries(BODIES[name]).map(async ([what, body]) => {
          const path = join(folder, `bomb-${what}`)
          await writeFile(path, Buffer.concat([head, body]))
          return path
        }),
      )
    },
  })

interface Field {
  readonly name: string
  readonly type: unknown
  readonly default?: unknown
}

/** The schema of videos with another field, whose value comes last; and the body that goes with it. */
function withField(type: unknown, value: Buffer, good: Buffer): string {
  const schema = JSON.parse(schemaText('video')) as { fields: Field[] }
  schema.fields.push({ name: 'extra', type })
  return `${JSON.stringify(schema)}\n${Buffer.concat([good, value]).toString('hex')}`
}

/** Records in records, each with two of the next: two to the fortieth values that take no room. */
function doubled(depth: number): unknown {
  let type: unknown = { type: 'record', name: 'R0', fields: [{ name: 'a', type: 'null' }] }
  for (let n = 1; n <= depth; n++) {
    const fields = [
      { name: 'a', type },
      { name: 'b', type: `stanflow.R${n - 1}` },
    ]
    type = { type: 'record', name: `R${n}`, fields }
  }
  return type
}

function nested(depth: number): unknown {
  let type: unknown = 'int'
  for (let n = 0; n < depth; n++) type = { type: 'array', items: type }
  return type
}

const LIST = {
  ...{ type: 'record', name: 'List' },
  fields: [{ name: 'next', type: ['null', 'List'] }],
}

function hostileSchemas(good: Buffer): Readonly<Record<string, string>> {
  const none = Buffer.alloc(0)
  const many = Array.from({ length: 50_000 }, (_, n) => ({ name: `f${n}`, type: 'int', default: 0 }))
  const hex = good.toString('hex')
  const schema = (more: object): string =>
    `${JSON.stringify({ ...(JSON.parse(schemaText('video')) as object), ...more })}\n${hex}`
  return {
    nulls: withField({ type: 'array', items: 'null' }, long(2n ** 50n), good),
    backwards: withField(
      { type: 'array', items: 'int' },
      Buffer.concat([long(-1n), long(-2n), Buffer.alloc(9, 1)]),
      good,
    ),
    doubled: withField(doubled(40), none, good),
    list: withField(LIST, Buffer.alloc(200_000, 2), good),
    endless: withField({ type: 'record', name: 'Self', fields: [{ name: 'a', type: 'Self' }] }, none, good),
    fixed: withField({ type: 'fixed', name: 'F', size: 2 ** 45 }, none, good),
    'fixed-negative': withField({ type: 'fixed', name: 'F', size: -5 }, none, good),
    deep: withField(nested(2000), none, good),
    map: withField({ type: 'map', values: 'int' }, Buffer.concat([long(2n ** 40n), Buffer.alloc(99)]), good),
    many: schema({ fields: many }),
    unions: withField(
      Array.from({ length: 3000 }, (_, n) => ({ type: 'fixed', name: `U${n}`, size: 1 })),
      long(2999n),
      good,
    ),
    symbols: withField(
      { type: 'enum', name: 'E', symbols: Array.from({ length: 50_000 }, (_, n) => `S${n}`) },
      long(2n ** 40n),
      good,
    ),
    enum: withField({ type: 'enum', name: 'E', symbols: [] }, none, good),
    unknown: schema({ fields: [{ name: 'source', type: 'Nowhere' }] }),
    proto: withField(
      { type: 'record', name: 'P', fields: [{ name: '__proto__', type: 'int' }] },
      long(7n),
      good,
    ),
    incompatible: schema({ fields: [{ name: 'source', type: 'int' }] }),
    primitive: `"string"\n${hex}`,
  }
}

/** Schemas that somebody else wrote into the registry, each with a record of it. */
const SCHEMAS = fileDoor({
  ...{ name: 'avro: writer schemas', reader: 'writer schema', standard: 300, short: 10, mostMiB: 600 },
  ...{ beside: ownRegistry, text: true },
  async goods(folder, registry) {
    const path = join(folder, 'given')
    await writeFile(
      path,
      withField(['null', 'string'], Buffer.concat([long(1n), text('more')]), await bodyOf(registry)),
    )
    return [path]
  },
  async bombs(folder, registry) {
    const bombs = hostileSchemas(await bodyOf(registry))
    return Promise.all(
      Object.entries(bombs).map(async ([what, content]) => {
        const path = join(folder, `bomb-${what}`)
        await writeFile(path, content)
        return path
      }),
    )
  },
})

async function bodyOf(registry: string): Promise<Buffer> {
  return (await (await wireTo(registry)).encode('video', (await valuesOf()).video)).subarray(HEADER)
}

/** Messages as they lie in topics where there is a schema registry, a real one. */
export const AVRO_DOORS: readonly Door[] = [...NAMES.map(bytesDoor), SCHEMAS]
