import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { StanflowError } from '../../errors.js'
import { CONFIG_NOTE } from '../export.js'
import type { Checkpoint, StoredTensor } from '../formats/stored.js'
import { type WrittenFile, writeSafetensors } from '../formats/write-safetensors.js'
import { openModel } from '../load.js'
import { deriveConfig } from './derive-config.js'
import { countBytes, factsOf, sameImport } from './facts.js'
import { partsOf } from './names.js'
import { narrowed, type Part, takePart } from './parts.js'
import { findSource, openSource } from './sources.js'
import { checkTarget, PROVENANCE, recoverFolder, stageFolder, writeSynced } from './staging.js'
import { findTokenizer } from './tokenizer.js'
import type { ImportedModel, ImportHooks, ImportRequest, Provenance } from './types.js'

type Tensors = Map<string, StoredTensor>

/** exp(logit_scale) is 100 in OpenAI's CLIPs, and the STAN authors divide by a fixed temperature of 0.01. */
const LOGIT_SCALE = Math.log(100)

/**
 * Makes a model folder of another project's weights: tensors under Hugging Face's names in `model.safetensors`, the temporal
 * structure's in `branch.safetensors`, `config.json` read off the shapes where there is none. One tensor is in memory at a
 * time, number types stay, and the folder is there whole or not at all.
 * @throws StanflowError MODEL_*, OUTPUT_*; the signal's reason once it aborts
 */
export async function importModel(request: ImportRequest, hooks: ImportHooks = {}): Promise<ImportedModel> {
  const source = findSource(request.source)
  const base = request.clip === undefined ? undefined : findSource(request.clip)
  const progress = countBytes([...source.files, ...(base?.files ?? [])], hooks)
  const [sources, clip] = [await factsOf(source, progress, hooks), await factsOf(base, progress, hooks)]
  await recoverFolder(request.to)
  const before = await sameImport(request.to, sources, clip)
  if (before !== undefined) return { ...describe(request.to), provenance: before, unchanged: true }
  await checkTarget(request.to, request.force)

  const opened = await openSource(source.files)
  const lent = base === undefined ? undefined : await openSource(base.files)
  try {
    const { tensors, dropped } = assign(opened.tensors)
    const filled = lent === undefined ? {} : fill(tensors, assign(lent.tensors).tensors)
    const scale = addLogitScale(tensors.clip)
    const folders = [source.folder, base?.folder, request.clip]
    const config = findConfig(folders, opened, tensors.clip, request.source)
    const vocabulary = tensors.clip.get('text_model.embeddings.token_embedding.weight')?.shape[0] ?? 0
    const tokenizer = findTokenizer(folders, vocabulary)
    progress.expect(tensors)
    return await stageFolder(request.to, async (folder) => {
      await writeSynced(join(folder, 'config.json'), config.json)
      if (tokenizer !== undefined) await writeSynced(join(folder, 'tokenizer.json'), tokenizer.json)
      const files: Record<string, WrittenFile & { tensors: number }> = {}
      for (const [name, part] of [
        ['model.safetensors', tensors.clip],
        ['branch.safetensors', tensors.branch],
      ] as const) {
        if (part.size === 0) continue
        const written = await writeSafetensors(join(folder, name), part, {
          onBytes: progress.add,
          signal: hooks.signal,
        })
        files[name] = { ...written, tensors: part.size }
      }
      const provenance: Provenance = {
        stanflow: request.version,
        source: sources,
        clip,
        config: config.from,
        tokenizer: tokenizer?.from ?? 'none',
        files,
        filled: { ...filled, ...scale },
        dropped: [...opened.skipped, ...dropped].sort(),
      }
      await writeSynced(join(folder, PROVENANCE), `${JSON.stringify(provenance, null, 2)}\n`)
      return { ...describe(folder), folder: request.to, provenance, unchanged: false }
    })
  } finally {
    opened.close()
    lent?.close()
  }
}

/** Opens the folder as every command does, which checks each tensor against the configuration. */
function describe(folder: string): Omit<ImportedModel, 'provenance' | 'unchanged'> {
  const { structure, parameters } = openModel({ model: folder, structure: 'auto' })
  return { folder, structure: structure.name, parameters }
}

function assign(found: ReadonlyMap<string, StoredTensor>): {
  tensors: Record<Part['file'], Tensors>
  dropped: string[]
} {
  const tensors: Record<Part['file'], Tensors> = { clip: new Map(), branch: new Map() }
  const dropped: string[] = []
  for (const [name, tensor] of found) {
    const parts = tensor.dtype.includes('F') ? partsOf(name) : []
    if (parts.length === 0) dropped.push(name)
    for (const part of parts) tensors[part.file].set(part.name, narrowed(takePart(tensor, part)))
  }
  if (tensors.clip.size + tensors.branch.size === 0) {
    throw new StanflowError(
      'MODEL_WEIGHTS',
      'none of the tensors has a name of CLIP or of a temporal structure',
      {
        hint: `The first names are ${dropped.slice(0, 3).join(', ')}; see docs/models.md for the projects that are known.`,
      },
    )
  }
  return { tensors, dropped }
}

/** CLIP's tensors that the source lacks, from the CLIP folder. */
function fill(
  tensors: Record<Part['file'], Tensors>,
  lent: Record<Part['file'], Tensors>,
): Record<string, string[]> {
  const missing = [...lent.clip.keys()].filter((name) => !tensors.clip.has(name))
  for (const name of missing) tensors.clip.set(name, lent.clip.get(name) as StoredTensor)
  return missing.length === 0 ? {} : { 'the CLIP folder': missing.sort() }
}

function addLogitScale(clip: Tensors): Record<string, string[]> {
  if (clip.has('logit_scale')) return {}
  const bytes = (): Buffer => Buffer.from(Float32Array.of(LOGIT_SCALE).buffer)
  clip.set('logit_scale', { dtype: 'F32', shape: [], bytes })
  return { 'the temperature 0.01': ['logit_scale'] }
}

function findConfig(
  folders: readonly (string | undefined)[],
  { metadata }: Checkpoint,
  clip: Tensors,
  origin: string,
): { json: string; from: string } {
  for (const folder of folders) {
    const path = folder === undefined ? undefined : join(folder, 'config.json')
    if (path !== undefined && existsSync(path))
      return { json: readFileSync(path, 'utf8'), from: 'config.json' }
  }
  const exported = metadata?.[CONFIG_NOTE]
  if (exported !== undefined) return { json: `${exported}\n`, from: "the file's own notes" }
  return { json: `${JSON.stringify(deriveConfig(clip, origin), null, 2)}\n`, from: 'shapes' }
}
