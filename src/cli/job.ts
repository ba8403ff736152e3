import type { BackfillOptions } from '../../pipelines/backfill.js'
import type { ModelOptions } from '../../pipelines/open-model.js'
import { readLabels } from '../config/labels.js'
import { limitsOf } from '../config/limits.js'
import { s3Settings, selection } from '../config/places.js'
import type { Resolved } from '../config/resolve.js'
import type { ConfigKey } from '../config/schema.js'
import type { S3Settings } from '../connect/s3/client.js'
import { StanflowError } from '../errors.js'
import type { MediaLimits } from '../media/limits.js'

/** What backfills and consumers have in common. */
export type ModelJob = ModelOptions &
  Pick<BackfillOptions, 'labels' | 'prompts' | 'top' | 'reader'> & {
    readonly s3: S3Settings
    readonly limits: MediaLimits
  }

/**
 * What the configuration means for whatever runs the model; reads the label file.
 * @throws StanflowError USAGE_INVALID, CONFIG_INVALID
 */
export async function modelJob({ config, origins }: Resolved): Promise<ModelJob> {
  const { model, branch, structure, engine, device, deviceId, precision, calibration } = config
  const { sample, frames, window, stride = window } = config
  const { top, batch, concurrency, reader } = config
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
    ...{ model, structure, engine, device, precision, top, batch, concurrency, reader },
    ...(branch !== undefined && { branch }),
    ...(deviceId !== undefined && { deviceId }),
    ...(calibration !== undefined && { calibration }),
    sampling:
      sample === 'uniform' ? { kind: sample, frames } : { kind: sample, frames, length: window, stride },
    labels,
    // Prompts that a label file brings along belong to its labels, but what was said explicitly counts more.
    prompts: given('prompts') ? config.prompts : (prompts ?? config.prompts),
    s3: s3Settings(config),
    limits: limitsOf(config),
  }
}

/**
 * What the configuration means for a backfill of these inputs; reads the label file.
 * @throws StanflowError USAGE_INVALID, CONFIG_INVALID
 */
export async function backfillOptions(
  inputs: readonly string[],
  settings: Resolved,
): Promise<BackfillOptions> {
  const { config } = settings
  const { to, root, format, checkpoint, dryRun } = config
  if (to === undefined) {
    throw new StanflowError('USAGE_INVALID', 'There is no folder for the results.', { hint: 'Add --to out.' })
  }
  return {
    ...(await modelJob(settings)),
    ...{ inputs, to, format, dryRun, keepFrames: config.keepFrames },
    ...(root !== undefined && { root }),
    checkpointSeconds: checkpoint,
    selection: selection(config),
    ...(config.maxVideos !== undefined && { maxVideos: config.maxVideos }),
  }
}
