import { StanflowError } from '../../errors.js'
import { type Builder, Global, Made, Tuple, type Value } from './pickle-values.js'
import { STORAGES, type StorageFile, TorchStorage, TorchTensor } from './torch-tensor.js'

/** Stands for what a checkpoint carries besides tensors, such as a training log. Nothing is kept of it. */
class Inert extends Made {}

/** A module of a TorchScript archive: its attributes by name. Its code is never read. */
export class ScriptModule extends Made {
  readonly attributes = new Map<Value, Value>()
}

const HISTORY = 'mmengine.logging.history_buffer.HistoryBuffer'
const isScript = (name: string): boolean => name.startsWith('__torch__.')
/** Lists as TorchScript writes them: a call that gives its argument back. */
const SCRIPT_LISTS = /^torch\.jit\._pickle\.(build_(int|double|bool|tensor)list|restore_type_tag)$/
/** `torch.float32` and the like, as settings mention them. */
const DTYPES = /^torch\.(float|bfloat|int|uint)\d+$|^torch\.(float|double|half|long|int|short|bool)$/
/** Logs that mmengine's runner and numpy's scalars leave in a checkpoint. Each is made inert. */
const INERT: ReadonlySet<string> = new Set([
  HISTORY,
  'torch.device',
  '_codecs.encode',
  'numpy.dtype',
  'numpy.ndarray',
  ...['core', '_core'].flatMap((core) => [
    `numpy.${core}.multiarray.scalar`,
    `numpy.${core}.multiarray._reconstruct`,
  ]),
])
const GETATTR: ReadonlySet<string> = new Set(['builtins.getattr', '__builtin__.getattr'])
const SETS: ReadonlySet<string> = new Set(['builtins.set', '__builtin__.set'])
const TENSORS: ReadonlySet<string> = new Set([
  'torch._utils._rebuild_tensor',
  'torch._utils._rebuild_tensor_v2',
  'torch._utils._rebuild_parameter',
  'torch.Size',
  'collections.OrderedDict',
])

const known = (name: string): boolean =>
  TENSORS.has(name) ||
  STORAGES.has(name) ||
  INERT.has(name) ||
  GETATTR.has(name) ||
  SETS.has(name) ||
  DTYPES.test(name) ||
  SCRIPT_LISTS.test(name) ||
  isScript(name)

/**
 * Makes tensors, dictionaries, lists and plain values of a PyTorch pickle, and refuses every name that is not on its
 * short list: a pickle may name any function of any Python module.
 */
export class TorchBuilder implements Builder {
  readonly #file: StorageFile
  readonly #path: string

  constructor(file: StorageFile, path: string) {
    this.#file = file
    this.#path = path
  }

  global(name: string): Global {
    if (!known(name)) throw this.#unsafe(`names ${name}`)
    return new Global(name)
  }

  call(callee: Value, args: readonly Value[]): Value {
    if (!(callee instanceof Global)) throw this.#unsafe('calls what is no name')
    const { name } = callee
    if (INERT.has(name)) return new Inert()
    if (isScript(name)) return new ScriptModule()
    if (SETS.has(name) || SCRIPT_LISTS.test(name)) return args[0] ?? null
    if (GETATTR.has(name)) {
      // mmengine's log names its own statistics: getattr(HistoryBuffer, 'mean').
      const [of, what] = args
      if (of instanceof Global && of.name === HISTORY && typeof what === 'string') return new Inert()
      throw this.#unsafe(`calls ${name}`)
    }
    switch (name) {
      case 'collections.OrderedDict':
        return this.#dictionary(args[0])
      case 'torch.Size':
        return args[0] ?? new Tuple([])
      case 'torch._utils._rebuild_parameter':
        return args[0] ?? null
      case 'torch._utils._rebuild_tensor':
      case 'torch._utils._rebuild_tensor_v2':
        return this.#tensor(args)
      default:
        throw this.#unsafe(`calls ${name}`)
    }
  }

  build(object: Value, state: Value): void {
    if (object instanceof Inert) return
    // A state dict's only state is `_metadata`, the versions of its modules.
    if (object instanceof Map && state instanceof Map) return
    if (object instanceof ScriptModule && state instanceof Map) {
      for (const [name, value] of state) object.attributes.set(name, value)
      return
    }
    throw this.#unsafe('sets the state of an object')
  }

  /** `('storage', class, key, device, count)`; legacy files add which part of that storage is meant. */
  persistent(id: Value): Value {
    const [tag, kind, key, , , view] = id instanceof Tuple ? id.items : []
    const dtype = kind instanceof Global ? STORAGES.get(kind.name) : undefined
    if (tag !== 'storage' || typeof key !== 'string' || dtype === undefined)
      throw this.#broken('a storage is of no known kind')
    const from = view instanceof Tuple ? view.items[1] : 0
    if (typeof from !== 'number') throw this.#broken('a storage begins nowhere')
    return new TorchStorage(key, dtype, from)
  }

  #tensor([storage, offset, size, stride]: readonly Value[]): TorchTensor {
    const numbers = (value: Value | undefined): number[] => {
      const items = value instanceof Tuple ? value.items : value
      if (!Array.isArray(items) || !items.every((n) => typeof n === 'number'))
        throw this.#broken('a tensor has no size')
      return items
    }
    if (!(storage instanceof TorchStorage) || typeof offset !== 'number')
      throw this.#broken('a tensor has no storage')
    return new TorchTensor(storage, offset, numbers(size), numbers(stride), this.#file, this.#path)
  }

  #dictionary(pairs: Value | undefined): Map<Value, Value> {
    const dict = new Map<Value, Value>()
    if (pairs === undefined) return dict
    if (!Array.isArray(pairs)) throw this.#broken('a dictionary is made of what is no list')
    for (const pair of pairs) {
      const [key, value] = pair instanceof Tuple ? pair.items : Array.isArray(pair) ? pair : []
      if (key === undefined || value === undefined) throw this.#broken('a dictionary has half an item')
      dict.set(key, value)
    }
    return dict
  }

  #unsafe(what: string): StanflowError {
    return new StanflowError(
      'MODEL_UNSAFE',
      `${this.#path} ${what}, which no file of weights needs; it was refused`,
    )
  }

  #broken(why: string): StanflowError {
    return new StanflowError('MODEL_WEIGHTS', `${this.#path} is no usable PyTorch file: ${why}`)
  }
}
