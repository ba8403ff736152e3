import { copyFile, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fixture } from './fixtures.js'

/** A model folder as a user has it: the tiny fixture CLIP in Hugging Face's layout, with its STAN branch beside it. */
export async function tinyModelFolder({ branch = true } = {}): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'stanflow-model-'))
  await copyFile(fixture('tiny/config.json'), join(folder, 'config.json'))
  await copyFile(fixture('tiny/model.safetensors'), join(folder, 'model.safetensors'))
  if (branch) await copyFile(fixture('tiny/stan-self.safetensors'), join(folder, 'branch.safetensors'))
  return folder
}
