import {
  type Data,
  type DataType,
  Field,
  FixedSizeList,
  Float32,
  Float64,
  Int32,
  List,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  Utf8,
  vectorFromArray,
} from 'apache-arrow'

/** An Arrow column with its name. */
export interface Column {
  readonly name: string
  readonly data: Data<DataType>
}

const item = <T extends DataType>(type: T) => new Field('item', type, false)

export function texts(name: string, values: readonly string[]): Column {
  const data = vectorFromArray(values, new Utf8()).data[0]
  return { name, data: data ?? makeData({ type: new Utf8() }) }
}

export function int32s(name: string, values: readonly number[]): Column {
  return { name, data: makeData({ type: new Int32(), data: Int32Array.from(values) }) }
}

export function float32s(name: string, values: readonly number[]): Column {
  return { name, data: makeData({ type: new Float32(), data: Float32Array.from(values) }) }
}

export function float64s(name: string, values: readonly number[]): Column {
  return { name, data: makeData({ type: new Float64(), data: Float64Array.from(values) }) }
}

/** Lists of any length each. */
export function float64Lists(name: string, values: readonly (readonly number[])[]): Column {
  const offsets = new Int32Array(values.length + 1)
  values.forEach((list, i) => {
    offsets[i + 1] = (offsets[i] ?? 0) + list.length
  })
  const child = makeData({ type: new Float64(), data: Float64Array.from(values.flat()) })
  const type = new List(item(new Float64()))
  return {
    name,
    data: makeData({ type, length: values.length, nullCount: 0, valueOffsets: offsets, child }),
  }
}

/** Vectors of `dim` values each: FixedSizeList<float32>[dim]. */
export function vectors(name: string, dim: number, values: readonly Float32Array[]): Column {
  const flat = new Float32Array(values.length * dim)
  values.forEach((vector, i) => {
    flat.set(vector, i * dim)
  })
  const type = new FixedSizeList(dim, item(new Float32()))
  const child = makeData({ type: new Float32(), data: flat })
  return { name, data: makeData({ type, length: values.length, nullCount: 0, child }) }
}

/** Columns of equal length as one batch; nothing in it is null. */
export function recordBatch(columns: readonly Column[], length: number): RecordBatch {
  const fields = columns.map(({ name, data }) => new Field(name, data.type, false))
  const children = columns.map(({ data }) => data)
  return new RecordBatch(
    new Schema(fields),
    makeData({ type: new Struct(fields), length, nullCount: 0, children }),
  )
}
