import protobuf from 'protobufjs/minimal.js'

// The part of onnx.proto (ONNX IR version 8) that a graph of ours needs; numbers are its field numbers.

export const DataType = { float: 1, uint8: 2, int8: 3, int32: 6, int64: 7, float16: 10 } as const
export type ElementType = keyof typeof DataType

export type Attribute = number | readonly number[]

export interface NodeProto {
  readonly op: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  /** Integers; the ones named in `floats` are written as floats. */
  readonly attributes: Readonly<Record<string, Attribute>>
  readonly floats?: readonly string[]
}

export interface TensorProto {
  readonly name: string
  readonly type: ElementType
  readonly shape: readonly number[]
  /** The values, or where they lie in a file beside the model's. */
  readonly bytes: Uint8Array | OutsideBytes
}

export interface OutsideBytes {
  readonly file: string
  readonly offset: number
  readonly length: number
}

/** A graph input or output; a text side is a free dimension. */
export interface ValueProto {
  readonly name: string
  readonly type: ElementType
  readonly shape: readonly (number | string)[]
}

export interface GraphProto {
  readonly name: string
  readonly nodes: Iterable<NodeProto>
  readonly initializers: Iterable<TensorProto>
  readonly inputs: readonly ValueProto[]
  readonly outputs: readonly ValueProto[]
}

const OPSET = 17
const IR_VERSION = 8
const LENGTH_DELIMITED = 2
const tag = (field: number): number => (field << 3) | LENGTH_DELIMITED

/** A whole ONNX model file. */
export function encodeModel(graph: GraphProto): Uint8Array {
  const w = protobuf.Writer.create()
  w.uint32(8).int64(IR_VERSION)
  w.uint32(tag(2)).string('stanflow')
  message(w, 7, () => writeGraph(w, graph))
  message(w, 8, () => {
    w.uint32(tag(1)).string('')
    w.uint32(16).int64(OPSET)
  })
  return w.finish()
}

function message(w: protobuf.Writer, field: number, body: () => void): void {
  w.uint32(tag(field)).fork()
  body()
  w.ldelim()
}

function writeGraph(w: protobuf.Writer, graph: GraphProto): void {
  for (const node of graph.nodes) message(w, 1, () => writeNode(w, node))
  w.uint32(tag(2)).string(graph.name)
  for (const tensor of graph.initializers) message(w, 5, () => writeTensor(w, tensor))
  for (const value of graph.inputs) message(w, 11, () => writeValue(w, value))
  for (const value of graph.outputs) message(w, 12, () => writeValue(w, value))
}

function writeNode(w: protobuf.Writer, { op, inputs, outputs, attributes, floats = [] }: NodeProto): void {
  for (const input of inputs) w.uint32(tag(1)).string(input)
  for (const output of outputs) w.uint32(tag(2)).string(output)
  w.uint32(tag(4)).string(op)
  for (const [name, value] of Object.entries(attributes)) {
    message(w, 5, () => {
      w.uint32(tag(1)).string(name)
      if (typeof value !== 'number') {
        for (const item of value) w.uint32(64).int64(item)
        w.uint32(160).int32(7) // INTS
      } else if (floats.includes(name)) {
        w.uint32(21).float(value)
        w.uint32(160).int32(1) // FLOAT
      } else {
        w.uint32(24).int64(value)
        w.uint32(160).int32(2) // INT
      }
    })
  }
}

function writeTensor(w: protobuf.Writer, { name, type, shape, bytes }: TensorProto): void {
  for (const side of shape) w.uint32(8).int64(side)
  w.uint32(16).int32(DataType[type])
  w.uint32(tag(8)).string(name)
  if (bytes instanceof Uint8Array) {
    w.uint32(tag(9)).bytes(bytes)
    return
  }
  const { file, offset, length } = bytes
  for (const [key, value] of Object.entries({ location: file, offset, length })) {
    message(w, 13, () => {
      w.uint32(tag(1)).string(key)
      w.uint32(tag(2)).string(String(value))
    })
  }
  w.uint32(112).int32(1) // EXTERNAL
}

function writeValue(w: protobuf.Writer, { name, type, shape }: ValueProto): void {
  w.uint32(tag(1)).string(name)
  message(w, 2, () => {
    message(w, 1, () => {
      w.uint32(8).int32(DataType[type])
      message(w, 2, () => {
        for (const side of shape) {
          message(w, 1, () => {
            if (typeof side === 'number') w.uint32(8).int64(side)
            else w.uint32(tag(2)).string(side)
          })
        }
      })
    })
  })
}
