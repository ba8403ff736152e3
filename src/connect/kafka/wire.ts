import { readFileSync } from 'node:fs'
import avsc, { type Schema, type Type } from 'avsc'
import { StanflowError } from '../../errors.js'
import { checkBounds } from './avro-bounds.js'
import { fromJson, toJson } from './json.js'
import type { EmbeddingRecord, ValueName, Values } from './records.js'
import { Registry } from './registry.js'
import { type TopicName, topicName } from './topics.js'

/** The schema of a value, as its `.avsc` file has it. */
export function schemaText(name: ValueName): string {
  const file = new URL(`../../../../src/connect/kafka/schemas/${name}.avsc`, import.meta.url)
  // Registries tell versions apart by text, so the file's line breaks must not matter.
  return JSON.stringify(JSON.parse(readFileSync(file, 'utf8')))
}

/** Which topic holds which values. */
const TOPIC_OF: Readonly<Record<ValueName, TopicName>> = {
  video: 'videos',
  clip: 'clips',
  embedding: 'embeddings',
  label: 'labels',
  event: 'events',
}

const MAGIC = 0
const HEADER = 5
const BRACE = 0x7b
/** Without a registry, values that may begin as Avro does before any was JSON. */
const MOST_STRAYS = 1
/** Characters of a schema. */
const MOST_SCHEMA = 1_000_000

export interface WireOptions {
  readonly prefix: string
  /** URL of a schema registry; without it values are JSON. */
  readonly registry?: string
  readonly ending?: AbortSignal
}

/** Values as bytes and back: Avro in Confluent's framing where there is a registry, JSON where there is none. */
export class Wire {
  readonly contentType: string
  readonly #prefix: string
  readonly #registry: Registry | undefined
  readonly #types = new Map<ValueName, { readonly type: Type; readonly schema: Schema }>()
  readonly #ids = new Map<ValueName, Promise<number>>()
  readonly #readers = new Map<string, Promise<(bytes: Buffer) => unknown>>()
  /** Values that began as Avro does, while no other was read. */
  #strays = 0

  /** `ending`: aborted when a registry that does not answer is not to be waited for any more. */
  constructor({ prefix, registry, ending }: WireOptions) {
    this.#prefix = prefix
    this.#registry = registry === undefined ? undefined : new Registry(registry, ending)
    this.contentType = this.#registry === undefined ? 'application/json' : 'application/vnd.confluent.avro'
  }

  /** Registers all schemas and has the registry keep them backward compatible. */
  async register(): Promise<void> {
    for (const name of Object.keys(TOPIC_OF) as ValueName[]) {
      await this.#id(name)
      await this.#registry?.requireBackward(this.#subject(name))
    }
  }

  async encode<N extends ValueName>(name: N, value: Values[N]): Promise<Buffer> {
    if (this.#registry === undefined) return toJson(value)
    const id = await this.#id(name)
    const head = Buffer.alloc(HEADER)
    head.writeUInt8(MAGIC, 0)
    head.writeUInt32BE(id, 1)
    return Buffer.concat([head, this.#type(name).toBuffer(value)])
  }

  /**
   * Without a registry a value that begins as Avro does is the record's own fault where it is the first or others were JSON:
   * one of those stops nobody. From the second on, with no JSON among them, an option was forgotten.
   *
   * @throws StanflowError KAFKA_SCHEMA where the record is at fault; KAFKA_NO_REGISTRY, KAFKA_REGISTRY, KAFKA_AUTH
   */
  async decode<N extends ValueName>(name: N, bytes: Buffer | null): Promise<Values[N]> {
    const value = await this.#decode(name, bytes)
    if (name === 'embedding') requireWhole(value as EmbeddingRecord)
    return value
  }

  async #decode<N extends ValueName>(name: N, bytes: Buffer | null): Promise<Values[N]> {
    if (bytes === null || bytes.length === 0)
      throw new StanflowError('KAFKA_SCHEMA', 'The record has no value.')
    if (bytes[0] === BRACE) {
      const { type, schema } = this.#known(name)
      const value = fromJson(bytes, type, schema) as Values[N]
      this.#strays = Number.NEGATIVE_INFINITY
      return value
    }
    if (bytes[0] !== MAGIC || bytes.length < HEADER) {
      throw new StanflowError('KAFKA_SCHEMA', 'The value is neither JSON nor Avro in Confluent framing.')
    }
    const read = await this.#reader(name, bytes.readUInt32BE(1))
    try {
      return read(bytes.subarray(HEADER)) as Values[N]
    } catch (cause) {
      throw new StanflowError(
        'KAFKA_SCHEMA',
        `The value does not fit the schema it names: ${String(cause)}.`,
        { cause },
      )
    }
  }

  #type(name: ValueName): Type {
    return this.#known(name).type
  }

  #known(name: ValueName): { readonly type: Type; readonly schema: Schema } {
    const known = this.#types.get(name)
    if (known !== undefined) return known
    const schema = JSON.parse(schemaText(name)) as Schema
    const made = { type: avsc.Type.forSchema(schema), schema }
    this.#types.set(name, made)
    return made
  }

  #id(name: ValueName): Promise<number> {
    const registry = this.#registry
    if (registry === undefined) return Promise.resolve(0)
    return remembered(this.#ids, name, () => registry.register(this.#subject(name), schemaText(name)))
  }

  #reader(name: ValueName, id: number): Promise<(bytes: Buffer) => unknown> {
    const registry = this.#registry
    if (registry === undefined) {
      const isStray = ++this.#strays <= MOST_STRAYS
      throw new StanflowError(
        isStray ? 'KAFKA_SCHEMA' : 'KAFKA_NO_REGISTRY',
        'The value begins as Avro does, whose schemas are in a registry, and no --registry is given.',
      )
    }
    return remembered(this.#readers, `${name} ${id}`, async () => {
      const text = await registry.schema(id)
      if (text.length > MOST_SCHEMA) {
        const sentence = `Schema ${id} has ${text.length} characters; ${MOST_SCHEMA} are the most.`
        throw new StanflowError('KAFKA_SCHEMA', sentence)
      }
      const type = this.#type(name)
      try {
        // A registry holds whatever was written there, and not Avro only.
        const writer = avsc.Type.forSchema(JSON.parse(text) as Schema)
        const resolver = type.createResolver(writer)
        return (bytes) => {
          checkBounds(writer, bytes)
          return type.fromBuffer(bytes, resolver)
        }
      } catch (cause) {
        throw new StanflowError('KAFKA_SCHEMA', `Schema ${id} is not one that a ${name} can be read with.`, {
          cause,
        })
      }
    })
  }

  #subject(name: ValueName): string {
    return `${topicName(this.#prefix, TOPIC_OF[name])}-value`
  }
}

/** Readers make room for as many numbers as an embedding says it has. */
function requireWhole({ clip_id, dim, vector }: EmbeddingRecord): void {
  if (dim > 0 && vector.length === 4 * dim) return
  const sentence = `The vector of ${clip_id.slice(0, 80)} has ${vector.length} bytes, which are not ${dim} numbers of four.`
  throw new StanflowError('KAFKA_SCHEMA', sentence)
}

/** Asks once; a failure is forgotten, so that the next one asks again. */
function remembered<K, V>(map: Map<K, Promise<V>>, key: K, ask: () => Promise<V>): Promise<V> {
  const known = map.get(key)
  if (known !== undefined) return known
  const asked = ask()
  map.set(key, asked)
  asked.catch(() => map.delete(key))
  return asked
}
