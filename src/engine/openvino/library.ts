import koffi from 'koffi'
import { StanflowError } from '../../errors.js'

/** A C object; koffi gives pointers as opaque values. */
export type Handle = { readonly __brand: 'openvino' }

/** The status of a call: 0 is success. */
type Status = number
/** A place for the pointer that a call gives out. */
type Out = [Handle | null]

interface CShape {
  readonly rank: number | bigint
  readonly dims: unknown
}

/** OpenVINO's C API (openvino/c), as far as it is used here. */
export interface OpenvinoLibrary {
  readonly path: string
  readonly version: string
  /** What a call gives out. @throws StanflowError ENGINE_FAILED with OpenVINO's own message */
  take(call: (out: Out) => Status): Handle
  check(status: Status): void
  text(call: (out: Out) => Status): string

  coreCreate(out: Out): Status
  coreFree(core: Handle): void
  coreProperty(core: Handle, device: string, key: string, out: Out): Status
  readModel(core: Handle, path: string, weights: null, out: Out): Status
  readModelFromMemory(
    core: Handle,
    bytes: Uint8Array,
    length: number,
    weights: Handle | null,
    out: Out,
  ): Status
  modelFree(model: Handle): void
  /** Compiles for a device with `properties`, names and values in turn. */
  compile(core: Handle, model: Handle, device: string, properties: readonly string[], out: Out): Status
  compiledFree(compiled: Handle): void
  inputByName(compiled: Handle, name: string, out: Out): Status
  elementType(port: Handle): number
  portFree(port: Handle): void

  createRequest(compiled: Handle, out: Out): Status
  requestFree(request: Handle): void
  setTensor(request: Handle, name: string, tensor: Handle): Status
  getTensor(request: Handle, name: string, out: Out): Status
  /** Computes on a thread of its own; this one goes on. */
  infer(request: Handle): Promise<Status>

  tensorCreate(type: number, shape: readonly number[], out: Out): Status
  tensorFree(tensor: Handle): void
  tensorShape(tensor: Handle): readonly number[]
  /** The tensor's memory itself: valid until the tensor, or its request, is freed or computes again. */
  tensorMemory(tensor: Handle): ArrayBuffer
}

type TypeSpec = Parameters<typeof koffi.sizeof>[0]

let loaded: OpenvinoLibrary | undefined

/** Loads the library at `path`, once in a process. Throws what the dynamic linker says. */
export function loadLibrary(path: string): OpenvinoLibrary {
  if (loaded?.path !== path) loaded = bind(path)
  return loaded
}

function bind(path: string): OpenvinoLibrary {
  const lib = koffi.load(path)
  const shape = koffi.struct({ rank: 'int64_t', dims: koffi.pointer('int64_t') })
  const version = koffi.struct({ build: 'const char*', description: 'const char*' })
  const out = koffi.out(koffi.pointer('void*'))
  const size = koffi.out(koffi.pointer('size_t'))
  const call = (name: string, ...args: TypeSpec[]) => lib.func(name, 'int', args)
  const free = (name: string) => lib.func(name, 'void', ['void*'])

  const lastError = lib.func('ov_get_last_err_msg', 'str', [])
  const freeText = free('ov_free')
  const getVersion = lib.func('ov_get_openvino_version', 'int', [koffi.out(koffi.pointer(version))])
  const compile = lib.func('ov_core_compile_model', 'int', ['void*', 'void*', 'str', 'size_t', out, '...'])
  const infer = call('ov_infer_request_infer', 'void*')
  const elementType = call('ov_port_get_element_type', 'void*', koffi.out(koffi.pointer('int')))
  const tensorCreate = call('ov_tensor_create', 'int', shape, out)
  const tensorData = call('ov_tensor_data', 'void*', out)
  const tensorBytes = call('ov_tensor_get_byte_size', 'void*', size)
  const tensorShape = call('ov_tensor_get_shape', 'void*', koffi.out(koffi.pointer(shape)))
  const shapeFree = lib.func('ov_shape_free', 'int', [koffi.inout(koffi.pointer(shape))])

  function check(status: Status): void {
    if (status === 0) return
    const said = String(lastError() ?? '').trim()
    throw new StanflowError('ENGINE_FAILED', `OpenVINO: ${said === '' ? `status ${status}` : said}`)
  }
  function take(give: (place: Out) => Status): Handle {
    const place: Out = [null]
    check(give(place))
    return place[0] as Handle
  }

  const words: { description: string; build: string }[] = [{ description: '', build: '' }]
  check(getVersion(words))
  const build = /^\d+\.\d+\.\d+/.exec(words[0]?.build ?? '')

  return {
    path,
    version: build?.[0] ?? words[0]?.build ?? '',
    take,
    check,
    text(give) {
      const pointer = take(give)
      try {
        return koffi.decode(pointer, 'char', -1) as string
      } finally {
        freeText(pointer)
      }
    },

    coreCreate: call('ov_core_create', out),
    coreFree: free('ov_core_free'),
    coreProperty: call('ov_core_get_property', 'void*', 'str', 'str', out),
    readModel: call('ov_core_read_model', 'void*', 'str', 'str', out),
    readModelFromMemory: call(
      'ov_core_read_model_from_memory_buffer',
      'void*',
      'void*',
      'size_t',
      'void*',
      out,
    ),
    modelFree: free('ov_model_free'),
    compile(core, model, device, properties, place) {
      const typed = properties.flatMap((word) => ['str', word])
      return compile(core, model, device, properties.length, place, ...typed)
    },
    compiledFree: free('ov_compiled_model_free'),
    inputByName: call('ov_compiled_model_input_by_name', 'void*', 'str', out),
    elementType(port) {
      const place = [0]
      check(elementType(port, place))
      return place[0] as number
    },
    portFree: free('ov_output_const_port_free'),

    createRequest: call('ov_compiled_model_create_infer_request', 'void*', out),
    requestFree: free('ov_infer_request_free'),
    setTensor: call('ov_infer_request_set_tensor', 'void*', 'str', 'void*'),
    getTensor: call('ov_infer_request_get_tensor', 'void*', 'str', out),
    infer: (request) =>
      new Promise((resolve, reject) => {
        infer.async(request, (error: unknown, status: Status) => (error ? reject(error) : resolve(status)))
      }),

    tensorCreate: (type, sides, place) => tensorCreate(type, { rank: sides.length, dims: sides }, place),
    tensorFree: free('ov_tensor_free'),
    tensorShape(tensor) {
      const place: CShape[] = [{ rank: 0, dims: null }]
      check(tensorShape(tensor, place))
      const [given] = place as [CShape]
      const sides = koffi.decode(given.dims, 'int64_t', Number(given.rank)) as ArrayLike<number | bigint>
      shapeFree(place)
      return Array.from(sides, Number)
    },
    tensorMemory(tensor) {
      const bytes = [0]
      check(tensorBytes(tensor, bytes))
      const data = take((place) => tensorData(tensor, place))
      return koffi.view(data, Number(bytes[0]))
    },
  }
}
