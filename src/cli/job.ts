import type { BackfillOptions } from '../../pipelines/backfill.js'
import { readLabels } from '../config/labels.js'
import { s3Settings, selection } from '../config/places.js'
import type { Resolved } from '../config/resolve.js'
import type { ConfigKey } from '../config/schema.js'
import { StanflowError } from '../errors.js'

/**
 * What the configuration means for a backfill of these inputs; reads the label file.
 * @throws StanflowError USAGE_INVALID, CONFIG_INVALID
 */
export async function backfillOptions(
  inputs: readonly string[],
  { config, origins }: Resolved,
): Promise<BackfillOptions> {
  const { model, branch, structure, engine, device, deviceId, precision, calibration } = config
  const { sample, frames, window, stride = window } = config
  const { to, root, top, batch, concurrency, reader, format, checkpoint, dryRun } = config
  if (to === undefined) {
    throw new StanflowError('USAGE_INVALID', 'There is no folder for the results.', { hint: 'Add --to out.' })
  }
  const given = (key: ConfigKey) => origins[key].kind !== 'default'
  for (const key of ['window', 'stride'] as const) {
    if (sample === 'uniform' && origins[key].kind === 'flag') {
      throw new StanflowError('USAGE_INVALID', `--${key} means nothing with --sample uniform.`, {
        hint: 'Add --sample window.',
      })
    }
  }
  const { labels, prompts } = config.labels === undefined ? { labels: [] } : await readLabels(config.labels)
  return {
    ...{
      inputs,
      to,
      model,
      structure,
      engine,
      device,
      precision,
      top,
      batch,
      concurrency,
      reader,
      format,
      dryRun,
    },
    ...(branch !== undefined && { branch }),
    ...(deviceId !== undefined && { deviceId }),
    ...(calibration !== undefined && { calibration }),
    ...(root !== undefined && { root }),
    sampling:
      sample === 'uniform' ? { kind: sample, frames } : { kind: sample, frames, length: window, stride },
    labels,
    // Prompts that a label file brings along belong to its labels, but what was said explicitly counts more.
    prompts: given('prompts') ? config.prompts : (prompts ?? config.prompts),
    checkpointSeconds: checkpoint,
    s3: s3Settings(config),
    selection: selection(config),
    ...(config.maxVideos !== undefined && { maxVideos: config.maxVideos }),
  }
}
