import { StanflowError } from '../../errors.js'
import type { Value } from './pickle-values.js'
import type { Checkpoint, StoredTensor } from './stored.js'
import { ScriptModule } from './torch-builder.js'
import { openTorch } from './torch-file.js'
import { TorchTensor } from './torch-tensor.js'

/** Where training scripts keep the weights among their other things. */
const STATE_DICTS = ['state_dict', 'model_state_dict', 'model', 'module'] as const
const MAX_DEPTH = 64

/** The weights of a `.pt`, `.pth` or `.bin` file. @throws StanflowError MODEL_NOT_FOUND, MODEL_WEIGHTS, MODEL_UNSAFE */
export async function openTorchCheckpoint(path: string): Promise<Checkpoint> {
  const file = await openTorch(path)
  try {
    const { state, skipped } = stateDict(file.value)
    const tensors = collect(state)
    if (tensors.size === 0) throw new StanflowError('MODEL_WEIGHTS', `${path} holds no tensors`)
    return { tensors, skipped, close: file.close }
  } catch (error) {
    file.close()
    throw error
  }
}

function stateDict(root: Value): { state: Value; skipped: readonly string[] } {
  const items = itemsOf(root)
  const inner = STATE_DICTS.find((name) => itemsOf(items.get(name)).size > 0)
  if (inner === undefined) return { state: root, skipped: [] }
  const skipped = [...items.keys()].map(String).filter((name) => name !== inner)
  return { state: items.get(inner) as Value, skipped }
}

function itemsOf(value: Value | undefined): ReadonlyMap<Value, Value> {
  if (value instanceof ScriptModule) return value.attributes
  return value instanceof Map ? value : new Map()
}

/** Tensors by dotted name, through the modules of a TorchScript archive or dictionaries in dictionaries. */
function collect(root: Value): Map<string, StoredTensor> {
  const tensors = new Map<string, StoredTensor>()
  const seen = new Set<Value>()
  const visit = (value: Value, name: string, depth: number): void => {
    if (value instanceof TorchTensor) tensors.set(name, value)
    // A dictionary that is in several others, or in itself, is walked once.
    if (depth === MAX_DEPTH || seen.has(value)) return
    if (value instanceof Object) seen.add(value)
    for (const [key, inner] of itemsOf(value))
      visit(inner, name === '' ? String(key) : `${name}.${key}`, depth + 1)
  }
  visit(root, '', 0)
  return tensors
}
