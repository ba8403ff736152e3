import { StanflowError } from '../../errors.js'
import type { HostArray, Runner } from '../engine.js'
import type { Handle, OpenvinoLibrary } from './library.js'

interface Kept {
  readonly tensor: Handle
  readonly shape: readonly number[]
}

/** A compiled graph with one request. Runs follow each other; a run's results are copies. */
export function createRunner(lib: OpenvinoLibrary, compiled: Handle, outputs: readonly string[]): Runner {
  const request = lib.take((out) => lib.createRequest(compiled, out))
  const types = new Map<string, number>()
  const inputs = new Map<string, Kept>()

  function elementType(name: string): number {
    const known = types.get(name)
    if (known !== undefined) return known
    const port = lib.take((out) => lib.inputByName(compiled, name, out))
    try {
      const type = lib.elementType(port)
      types.set(name, type)
      return type
    } finally {
      lib.portFree(port)
    }
  }

  /** The input's tensor, made anew only where the shape is another than last time's. */
  function inputTensor(name: string, shape: readonly number[]): Handle {
    const kept = inputs.get(name)
    if (kept !== undefined && kept.shape.join() === shape.join()) return kept.tensor
    const tensor = lib.take((out) => lib.tensorCreate(elementType(name), shape, out))
    inputs.set(name, { tensor, shape: [...shape] })
    lib.check(lib.setTensor(request, name, tensor))
    if (kept !== undefined) lib.tensorFree(kept.tensor)
    return tensor
  }

  function write(name: string, { data, shape }: HostArray): void {
    const memory = new Uint8Array(lib.tensorMemory(inputTensor(name, shape)))
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    if (memory.length !== bytes.length)
      throw new StanflowError('INTERNAL', `${name}: ${bytes.length} bytes for a tensor of ${memory.length}`)
    memory.set(bytes)
  }

  function read(name: string): Float32Array {
    const tensor = lib.take((out) => lib.getTensor(request, name, out))
    try {
      return new Float32Array(lib.tensorMemory(tensor)).slice()
    } finally {
      lib.tensorFree(tensor)
    }
  }

  return {
    async run(given) {
      for (const [name, array] of Object.entries(given)) write(name, array)
      lib.check(await lib.infer(request))
      return Object.fromEntries(outputs.map((name) => [name, read(name)]))
    },
    async release() {
      lib.requestFree(request)
      for (const { tensor } of inputs.values()) lib.tensorFree(tensor)
      lib.compiledFree(compiled)
    },
  }
}
