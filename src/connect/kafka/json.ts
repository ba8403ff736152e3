import type { Type } from 'avsc'
import { StanflowError } from '../../errors.js'
import { MOST_ITEMS } from './avro-bounds.js'

/** JSON of a value: bytes as base64, all else as it is. */
export function toJson(value: unknown): Buffer {
  return Buffer.from(
    JSON.stringify(value, (_key, given: unknown) => {
      // Buffer has a toJSON of its own, which has been called by now.
      const { type, data } = (given ?? {}) as { type?: unknown; data?: unknown }
      return type === 'Buffer' && Array.isArray(data) ? Buffer.from(data).toString('base64') : given
    }),
  )
}

/** What `toJson` wrote, or anyone who knows the schema: fields that have defaults may be missing, others may be added. */
export function fromJson(bytes: Buffer, type: Type, schema: unknown): unknown {
  let parsed: unknown
  try {
    parsed = JSON.parse(bytes.toString('utf8'))
  } catch (cause) {
    throw new StanflowError('KAFKA_SCHEMA', 'The value is no JSON.', { cause })
  }
  const value = revive(parsed, schema)
  type.isValid(value, {
    errorHook: (path: string[], any: unknown) => {
      const where = path.length === 0 ? 'The value' : `The value's ${path.join('.')}`
      const shown = JSON.stringify(any) ?? 'missing'
      throw new StanflowError('KAFKA_SCHEMA', `${where} does not fit the schema: ${shown.slice(0, 80)}.`)
    },
  })
  return value
}

/** Bytes out of their base64, and defaults where fields are missing. */
function revive(value: unknown, schema: unknown): unknown {
  if (schema === 'bytes') return typeof value === 'string' ? Buffer.from(value, 'base64') : value
  if (Array.isArray(schema)) {
    const other = schema.find((one) => one !== 'null')
    return value === null || other === undefined ? value : revive(value, other)
  }
  if (typeof schema !== 'object' || schema === null || value === null || typeof value !== 'object')
    return value
  const { type, fields, items } = schema as { type?: unknown; fields?: readonly Field[]; items?: unknown }
  if (type === 'array') {
    if (!Array.isArray(value)) return value
    if (value.length > MOST_ITEMS) {
      const sentence = `A list of the value has ${value.length} items; ${MOST_ITEMS} are the most.`
      throw new StanflowError('KAFKA_SCHEMA', sentence)
    }
    return value.map((item) => revive(item, items))
  }
  if (type !== 'record') return value
  const given = value as Readonly<Record<string, unknown>>
  return Object.fromEntries(
    (fields ?? []).map((field) => {
      const own = given[field.name] === undefined ? field.default : given[field.name]
      return [field.name, revive(own, field.type)]
    }),
  )
}

interface Field {
  readonly name: string
  readonly type: unknown
  readonly default?: unknown
}
