import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { openPromise } from 'yauzl'
import { StanflowError } from '../../errors.js'
import { readPickle } from './pickle.js'
import type { Value } from './pickle-values.js'
import { DTYPE_BYTES, readExactly } from './stored.js'
import { TorchBuilder } from './torch-builder.js'
import { type StorageFile, TorchStorage } from './torch-tensor.js'

/** Far above the pickle of any model, which holds names and sizes only. */
const MAX_PICKLE = 128 * 1024 * 1024
const MAX_ENTRIES = 200_000
const STORED = 0

/** What `torch.save` was given; tensors in it read from the open file. */
export interface TorchFile {
  readonly value: Value
  close(): void
}

/**
 * Opens what `torch.save` wrote, a zip archive since PyTorch 1.6 and bare pickles before, or a TorchScript archive's
 * attributes. No code of the file is run: see `TorchBuilder`.
 * @throws StanflowError MODEL_NOT_FOUND, MODEL_WEIGHTS, MODEL_UNSAFE
 */
export async function openTorch(path: string): Promise<TorchFile> {
  let fd: number
  try {
    fd = openSync(path, 'r')
  } catch (cause) {
    throw new StanflowError('MODEL_NOT_FOUND', `cannot open the weights ${path}`, { cause })
  }
  try {
    const head = Buffer.alloc(4)
    readSync(fd, head, 0, 4, 0)
    const value = head.toString('latin1') === 'PK\x03\x04' ? await readZip(path, fd) : readLegacy(path, fd)
    return { value, close: () => closeSync(fd) }
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

interface Place {
  readonly start: number
  readonly size: number
}

async function readZip(path: string, fd: number): Promise<Value> {
  const places = await listZip(path)
  const pickleName = [...places.keys()].find((name) => /^[^/]+\/data\.pkl$/.test(name))
  if (pickleName === undefined) throw notTorch(path, 'the archive has no data.pkl')
  const archive = pickleName.slice(0, -'data.pkl'.length)
  const place = (name: string): Place => {
    const found = places.get(archive + name)
    if (found === undefined) throw notTorch(path, `the archive has no ${name}`)
    return found
  }
  const whole = (name: string): Buffer => {
    const { start, size } = place(name)
    if (size > MAX_PICKLE) throw notTorch(path, `${name} is ${size} bytes`)
    return readExactly(fd, start, size, path)
  }
  if (places.has(`${archive}byteorder`) && whole('byteorder').toString() !== 'little')
    throw notTorch(path, 'it was saved on a big-endian machine')
  const file: StorageFile = {
    size: (key) => place(`data/${key}`).size,
    read: (key, from, length) => readExactly(fd, place(`data/${key}`).start + from, length, path),
  }
  return readPickle(whole('data.pkl'), 0, new TorchBuilder(file, path), path).value
}

/** Every entry's bytes in the file. PyTorch stores them as they are, so that they can be read in place. */
async function listZip(path: string): Promise<ReadonlyMap<string, Place>> {
  const places = new Map<string, Place>()
  try {
    const zip = await openPromise(path, { lazyEntries: true, autoClose: false })
    try {
      if (zip.entryCount > MAX_ENTRIES) throw notTorch(path, `the archive has ${zip.entryCount} entries`)
      for await (const entry of zip.eachEntry()) {
        if (entry.compressionMethod !== STORED) continue
        const { fileDataStart: start } = await zip.readLocalFileHeaderPromise(entry, { minimal: true })
        places.set(entry.fileName, { start, size: entry.uncompressedSize })
      }
    } finally {
      zip.close()
    }
  } catch (cause) {
    if (cause instanceof StanflowError) throw cause
    throw notTorch(path, cause instanceof Error ? cause.message : String(cause), cause)
  }
  return places
}

const LEGACY_MAGIC = 0x1950a86a20f9469cfc6cn
const LEGACY_PROTOCOL = 1001

/** Before PyTorch 1.6: five pickles (magic, protocol, system, the object, storage keys), then the storages in order. */
function readLegacy(path: string, fd: number): Value {
  const { size } = fstatSync(fd)
  const head = readExactly(fd, 0, Math.min(size, MAX_PICKLE), path)
  const storages = new Map<string, Place>()
  const place = (key: string): Place => {
    const found = storages.get(key)
    if (found === undefined) throw notTorch(path, `there is no storage ${key}`)
    return found
  }
  const file: StorageFile = {
    size: (key) => place(key).size,
    read: (key, from, length) => readExactly(fd, place(key).start + from, length, path),
  }
  const widths = new Map<string, number>()
  const builder = new (class extends TorchBuilder {
    override persistent(id: Value): Value {
      const storage = super.persistent(id)
      if (storage instanceof TorchStorage) widths.set(storage.key, DTYPE_BYTES[storage.dtype])
      return storage
    }
  })(file, path)
  let at = 0
  const next = (): Value => {
    const { value, end } = readPickle(head, at, builder, path)
    at = end
    return value
  }
  if (head[0] !== 0x80 || next() !== LEGACY_MAGIC || next() !== LEGACY_PROTOCOL)
    throw notTorch(path, 'it is neither a zip archive nor one of the old format')
  next()
  const value = next()
  const keys = next()
  if (!Array.isArray(keys)) throw notTorch(path, 'it has no list of storages')
  for (const key of keys) {
    const width = widths.get(String(key))
    if (typeof key !== 'string' || width === undefined) throw notTorch(path, 'it lists an unknown storage')
    const count = Number(readExactly(fd, at, 8, path).readBigInt64LE())
    if (count < 0 || at + 8 + count * width > size)
      throw new StanflowError('MODEL_WEIGHTS', `${path} is cut off`)
    storages.set(key, { start: at + 8, size: count * width })
    at += 8 + count * width
  }
  return value
}

function notTorch(path: string, why: string, cause?: unknown): StanflowError {
  return new StanflowError('MODEL_WEIGHTS', `${path} is no whole PyTorch file: ${why}`, { cause })
}
